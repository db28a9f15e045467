"""The default demo library: drawn roadside photographs of twelve kinds of post, with known labels.

What belongs here: the plan of pictures and keys, and writing them to a folder. Not here: drawing a roadside (`picture`,
`scene`), a post (`posts`), a car (`cars`); the tables of countries (`places`).

A picture depends on (seed, category, index) only: a library of 1,000 begins with the same pictures as one of 160. Its
bytes are the same with the same Pillow and numpy on the same kind of processor; elsewhere a pixel may differ by a
rounding.
"""

import functools
import hashlib
import io
import json
import math
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from pipeline.demo.cars import photograph_car
from pipeline.demo.picture import photograph, post_box
from pipeline.demo.places import CAR_KINDS, COUNTRIES, KINDS, NO_POST
from pipeline.errors import PermanentError

MARKER: Final = ".library.json"
TRUTH: Final = ".truth.json"
"""A hidden file, because a listing of a category skips those: the labels must not count as an image."""

CARS: Final = 36
BOXES: Final = "boxes.coco.json"
_VARIANT: Final = 800
_CATEGORIES: Final = {"bollards": 1, "follow-cars": 2}


class DemoLibraryMismatchError(PermanentError):
    """The folder has a demo library from another seed."""


@dataclass(frozen=True)
class DrawnImage:
    """One image of the library and its true label."""

    key: str
    """Object key of the variant that every image has, 800 pixels wide."""
    category: str
    group: str
    identifier: str
    kind: str | None
    """The true type; None if the picture shows no post."""

    @property
    def truth_key(self) -> str:
        """The key of the label, the same for all variants."""
        return f"{self.category}/{self.group}/{self.identifier}"


@dataclass(frozen=True)
class PlannedImage(DrawnImage):
    """An image to be drawn: the input of `draw`."""

    seed: int
    index: int
    widths: tuple[int, ...]
    """Widths in pixels of the variants that are written."""
    suffix: str

    def variant(self, width: int) -> str:
        """Object key of the variant `width` pixels wide."""
        return f"{self.truth_key}-{width}w{self.suffix}"


def plan_library(*, images: int = 160, cars: int = CARS, seed: int = 0) -> list[PlannedImage]:
    """The plan of a library of `images` bollards and `cars` cars, without drawing anything.

    Image i does not depend on the number of images: a longer plan of a category begins with the shorter one.
    """
    return [
        *_plan("bollards", images, seed, {**{kind: share for kind, (share, _) in KINDS.items()}, None: NO_POST}),
        *_plan("follow-cars", cars, seed, {kind: share for kind, (share, _) in CAR_KINDS.items()}),
    ]


def _plan(category: str, count: int, seed: int, shares: Mapping[str | None, float]) -> Iterator[PlannedImage]:
    rng = _rng(seed, category, 0)
    kinds: Counter[str | None] = Counter()
    groups: Counter[str] = Counter()
    per_kind: Counter[tuple[str | None, str]] = Counter()
    start = {kind: float(rng.uniform(0, 0.5)) for kind in shares}
    order = {code: float(rng.uniform(0, 0.5)) for code in COUNTRIES}
    for i in range(count):
        # the kind furthest behind its share comes next, so every kind appears early in a plan of any length
        kind = max(shares, key=lambda k: shares[k] * (i + 1) - kinds[k] + start[k])
        kinds[kind] += 1
        table = KINDS if category == "bollards" else CAR_KINDS
        users = table[kind][1] if kind is not None else tuple(COUNTRIES)
        # within a kind: the country with the fewest images for its weight
        group = min(users, key=lambda c: (per_kind[kind, c] + order[c]) / COUNTRIES[c][1] ** 1.6)
        per_kind[kind, group] += 1
        groups[group] += 1
        yield _planned(category, (group, groups[group]), kind, seed, i)


def _planned(category: str, place: tuple[str, int], kind: str | None, seed: int, index: int) -> PlannedImage:
    group, sequence = place
    rng = _rng(seed, category, index + 1)
    several, jpeg = rng.random() < 0.25, rng.random() < 0.06
    digest = hashlib.blake2b(f"{seed}/{index}".encode(), digest_size=4).hexdigest()
    identifier = f"{group}-{sequence:03d}" if category == "bollards" else digest
    suffix = ".jpg" if jpeg else ".webp"
    widths = (400, 800, 1200) if several else (_VARIANT,)
    key = f"{category}/{group}/{identifier}-{_VARIANT}w{suffix}"
    return PlannedImage(key, category, group, identifier, kind, seed, index, widths, suffix)


def _rng(seed: int, category: str, stream: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([seed, _CATEGORIES[category], stream]))


def draw(planned: PlannedImage, width: int) -> Image.Image:
    """The picture as RGB, `width` pixels wide, between 4:3 and 3:2; all widths come from one render."""
    full = _render(planned)
    return full.resize((width, round(full.height * width / full.width)), Image.Resampling.LANCZOS)


@functools.lru_cache(maxsize=1)  # the variants of a picture are drawn one after the other
def _render(planned: PlannedImage) -> Image.Image:
    rng, land = _drawing(planned), COUNTRIES[planned.group][0]
    if planned.category == "follow-cars" and planned.kind is not None:
        return photograph_car(rng, land, planned.kind)
    return photograph(rng, land, planned.kind)


def _drawing(planned: PlannedImage) -> np.random.Generator:
    return np.random.default_rng(
        np.random.SeedSequence([planned.seed, _CATEGORIES[planned.category], planned.index, 9])
    )


def write_boxes(root: Path, *, images: int = 160, seed: int = 0) -> Path:
    """Writes where the post of each bollard picture stands, as a COCO file in its folder, and returns it."""
    plan = [planned for planned in plan_library(images=images, cars=0, seed=seed) if planned.category == "bollards"]
    listed: list[dict[str, Any]] = []
    boxes: list[dict[str, Any]] = []
    for number, planned in enumerate(plan):
        with Image.open(root / planned.key) as drawn:
            width, height = drawn.size
        name = planned.key.removeprefix("bollards/")
        listed.append({"id": number, "file_name": name, "width": width, "height": height})
        if planned.kind is not None:
            x, y, w, h = post_box(_drawing(planned), COUNTRIES[planned.group][0], planned.kind)
            bbox = [round(value, 2) for value in (x * width, y * height, w * width, h * height)]
            boxes.append({"id": number, "image_id": number, "category_id": 1, "bbox": bbox})
    document = {"images": listed, "annotations": boxes, "categories": [{"id": 1, "name": "post"}]}
    path = root / "bollards" / BOXES
    _put_json(path, document)
    return path


def write_library(
    root: Path,
    *,
    images: int = 160,
    cars: int = CARS,
    seed: int = 0,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Writes the library under `root` and returns it; existing files are kept.

    An interrupted call is completed by the next one, and a library may grow, from the same seed. `workers` processes
    draw one picture at a time each (as many as there are processors if None; 1 draws in this process), so memory does
    not depend on how many there are. `progress` is called with (images done, images in all), from this process.

    Raises DemoLibraryMismatchError if `root` holds a library from another seed.
    """
    _claim(root, seed)
    planned = plan_library(images=images, cars=cars, seed=seed)
    missing = [p for p in planned if any(not (root / p.variant(w)).exists() for w in p.widths)]
    done = len(planned) - len(missing)
    if progress:
        progress(done, len(planned))
    for _ in _write_all(root, missing, workers or os.cpu_count() or 1):
        done += 1
        if progress:
            progress(done, len(planned))
    truth = {**_read(root / TRUTH).get("images", {}), **{p.truth_key: p.kind for p in planned}}
    _put_json(root / TRUTH, {"schemaVersion": 1, "seed": seed, "images": truth})
    _put_json(root / MARKER, {"schemaVersion": 1, "seed": seed, "images": images, "cars": cars})
    return root


def _claim(root: Path, seed: int) -> None:
    """Marks `root` as the library of `seed`, or refuses if it has another seed."""
    root.mkdir(parents=True, exist_ok=True)
    there = _read(root / MARKER)
    if there and there["seed"] != seed:
        there_is = f"{root} holds a demo library drawn from seed {there['seed']}, not {seed}."
        raise DemoLibraryMismatchError(f"{there_is} Choose another folder, or delete this one to draw it again.")
    if not there:
        _put_json(root / MARKER, {"schemaVersion": 1, "seed": seed, "images": 0, "cars": 0})


def _write_all(root: Path, missing: list[PlannedImage], workers: int) -> Iterator[None]:
    if workers == 1 or len(missing) < 8:  # starting processes takes longer than eight pictures
        yield from (_write(root, p) for p in missing)
        return
    with multiprocessing.get_context("spawn").Pool(min(workers, math.ceil(len(missing) / 4))) as pool:
        yield from pool.imap_unordered(functools.partial(_write, root), missing, chunksize=4)


def _write(root: Path, planned: PlannedImage) -> None:
    """Writes the variants of one image that are not there yet."""
    quality = int(_rng(planned.seed, planned.category, planned.index + 1).integers(45, 91))
    for width in planned.widths:
        path = root / planned.variant(width)
        if path.exists():
            continue
        buffer = io.BytesIO()
        if planned.suffix == ".jpg":
            draw(planned, width).save(buffer, "JPEG", quality=quality)
        else:
            draw(planned, width).save(buffer, "WEBP", quality=quality, method=2)
        _put(path, buffer.getvalue())


def _put(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def _put_json(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    if not path.exists() or path.read_text("utf-8") != text:
        _put(path, text.encode())


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8")) if path.exists() else {}
