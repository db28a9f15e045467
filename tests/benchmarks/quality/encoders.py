"""Which encoder separates kinds best for its price: packaged networks, views of a picture, ways to pool.

    python -m tests.benchmarks.quality.encoders [--sets A,B]

What belongs here: the recipes, their vectors and the table. Not here: the images (`image_sets.py`), the clusterer, the
encoder of the product (`pipeline/adapters/encoders/`), whose network and preprocessing these are.

Sets of which only vectors exist cannot be embedded again and are not part of this table. Of larger sets `MOST` images
are drawn. All ways to pool a view come from one pass; a pass is timed alone, on one core.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from tests.benchmarks.quality.image_sets import IMAGES, NO_KIND, UnavailableError, cache_dir

MOST = 500
SETS = ("follow-cars", "bollards-160", "stamps", "google-emoji", "textiles", "bollards-1000", "solar-cells",
        "fluent-emoji")  # fmt: skip
SEEDS = (42, 1042)
TIMED = 40  # images
BATCH = 32
GREY = 127  # becomes 0 in the network
GEM = 3.0  # Radenović et al. (2018): the mean of the cubes, and its cube root
POOLINGS = ("mean", "gem", "middle")

Pass = tuple[str, int, str]  # network, side of its input, view


@dataclass(frozen=True)
class Recipe:
    """`parts` are passes with a pooling; each is brought to length 1 and all are joined, or `averaged`."""

    name: str
    parts: tuple[tuple[Pass, str], ...]
    averaged: bool = False


def _of(network: int, view: str, pooling: str = "mean", side: int = 0) -> tuple[Pass, str]:
    return (f"efficientnet_lite{network}", side or (224, 240, 260)[network], view), pooling


RECIPES = (
    Recipe("lite0, crop (the default)", (_of(0, "crop"),)),
    Recipe("lite0, whole", (_of(0, "whole"),)),
    Recipe("lite0, whole with a border", (_of(0, "bordered"),)),
    Recipe("lite0, crop + whole joined", (_of(0, "crop"), _of(0, "whole"))),
    Recipe("lite0, crop + mirrored averaged", (_of(0, "crop"), _of(0, "mirrored")), averaged=True),
    Recipe("lite0, crop, GeM", (_of(0, "crop", "gem"),)),
    Recipe("lite0, crop, mean + GeM joined", (_of(0, "crop"), _of(0, "crop", "gem"))),
    Recipe("lite0, crop, last + middle layer joined", (_of(0, "crop"), _of(0, "crop", "middle"))),
    Recipe("lite0, crop of 288", (_of(0, "crop", side=288),)),
    Recipe("lite0, whole of 288", (_of(0, "whole", side=288),)),
    Recipe("lite1, crop", (_of(1, "crop"),)),
    Recipe("lite1, whole", (_of(1, "whole"),)),
    Recipe("lite1, crop + whole joined", (_of(1, "crop"), _of(1, "whole"))),
    Recipe("lite2, crop", (_of(2, "crop"),)),
    Recipe("lite2, whole", (_of(2, "whole"),)),
    Recipe("lite2, crop + whole joined", (_of(2, "crop"), _of(2, "whole"))),
    Recipe("lite0 + lite2, crop joined", (_of(0, "crop"), _of(2, "crop"))),
    Recipe("lite0 + lite1 + lite2, crop joined", (_of(0, "crop"), _of(1, "crop"), _of(2, "crop"))),
    Recipe("lite0 + lite2, crop + whole joined", (_of(0, "crop"), _of(0, "whole"), _of(2, "crop"), _of(2, "whole"))),
)
PASSES: tuple[Pass, ...] = tuple(dict.fromkeys(part for recipe in RECIPES for part, _ in recipe.parts))

Views = Callable[[np.ndarray], dict[Pass, np.ndarray]]


# --- vectors ---------------------------------------------------------------------------------------------------------


def prepared(pixels: np.ndarray, made: Pass) -> np.ndarray:
    """Uint8 [h, w, 3] → uint8 [3, side, side] of one view."""
    from pipeline.adapters.encoders.packaged import preprocessing
    from pipeline.stages.images.decode import resize

    _, side, view = made
    if view in ("crop", "mirrored"):
        cropped = preprocessing(side).prepare(pixels)
        return cropped if view == "crop" else np.ascontiguousarray(cropped[:, :, ::-1])
    height, width = pixels.shape[:2]
    if view == "bordered":
        scale = side / max(height, width)
        height, width = max(1, round(height * scale)), max(1, round(width * scale))
    else:
        height = width = side
    small = resize(pixels, height, width, "bicubic")
    canvas = np.full((side, side, 3), GREY, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    canvas[top : top + height, left : left + width] = small
    return np.ascontiguousarray(canvas.transpose(2, 0, 1))


class Runner:
    """One packaged network at one input size; every pooling in one pass."""

    def __init__(self, network: str, side: int, threads: int = 0) -> None:
        import torch

        from pipeline.adapters.encoders import packaged, runtime

        source = packaged.source(f"packaged:{network}", network)
        loaded = source.load()

        class Pooled(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.network = loaded.module

            def forward(self, images: Any) -> Any:
                middle, last = self.network.feature_maps(images)
                gem = last.pow(GEM).mean((2, 3)).clamp(min=1e-12).pow(1 / GEM)
                return torch.cat([last.mean((2, 3)), gem, middle.mean((2, 3))], 1)

        module = runtime.with_normalisation(Pooled().eval(), packaged.preprocessing(side))
        with torch.inference_mode():
            zeros = torch.zeros((1, 3, side, side), dtype=torch.uint8)
            total = int(module(zeros).shape[1])
            last = int(loaded.module(zeros.float()).shape[1])
        self._ends = np.cumsum([last, last])
        assert total > 2 * last
        self._runner = runtime.OpenVinoRunner(runtime.convert(module, (side, side)), threads)

    def run(self, batch: np.ndarray) -> dict[str, np.ndarray]:
        """Uint8 [n, 3, side, side] → for each pooling float32 [n, channels]."""
        return dict(zip(POOLINGS, np.split(self._runner.run(batch), self._ends, axis=1), strict=True))


def pixels_of(paths: list[Path]) -> Iterator[np.ndarray]:
    """The decoded pictures in order, a batch ahead in two threads."""
    from pipeline.settings import ImageParams
    from pipeline.stages.images.decode import Decoded, decode

    def pixels(path: Path) -> np.ndarray:
        found = decode(path.read_bytes(), ImageParams())
        if not isinstance(found, Decoded):
            raise UnavailableError(f"{path} cannot be decoded: {found}")
        return found.pixels

    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(paths), BATCH):
            yield from pool.map(pixels, paths[start : start + BATCH])


def labelled(name: str) -> tuple[list[Path], np.ndarray]:
    """At most `MOST` images of a set, drawn with a fixed seed, and the kind of each, text [n]."""
    images = sorted(IMAGES[name]())
    rows = np.sort(np.random.default_rng(0).permutation(len(images))[:MOST])
    return [images[row][0] for row in rows], np.array([images[row][1] for row in rows])


def embed(paths: list[Path], runners: dict[Pass, Runner]) -> dict[str, np.ndarray]:
    """For each pass and pooling float16 [n, channels], by a name of both."""
    found: dict[str, list[np.ndarray]] = {}
    batch: list[np.ndarray] = []
    stream = pixels_of(paths)
    for number, picture in enumerate(stream):
        batch.append(picture)
        if len(batch) < BATCH and number < len(paths) - 1:
            continue
        for made, runner in runners.items():
            with ThreadPoolExecutor(2) as pool:
                views = np.stack(list(pool.map(lambda image, of=made: prepared(image, of), batch)))
            for pooling, values in runner.run(views).items():
                found.setdefault(_named(made, pooling), []).append(values.astype(np.float16))
        batch.clear()
    return {name: np.concatenate(parts) for name, parts in found.items()}


def vectors_of(name: str, runners: Callable[[], dict[Pass, Runner]]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The vectors of every pass, from the cache where they have been computed, and the kinds."""
    path = cache_dir() / "encoders-table" / f"{name}.npz"
    if not path.exists():
        paths, kinds = labelled(name)
        found = embed(paths, runners())
        path.parent.mkdir(exist_ok=True)
        with path.with_suffix(".partial").open("wb") as file:
            np.savez(file, kinds=kinds, **found)
        path.with_suffix(".partial").replace(path)
    with np.load(path) as stored:
        held = {key: stored[key].astype(np.float32) for key in stored.files if key != "kinds"}
        return held, stored["kinds"]


def joined(recipe: Recipe, vectors: dict[str, np.ndarray]) -> np.ndarray:
    """Float32 [n, d], rows of length 1."""
    parts = [_unit(vectors[_named(made, pooling)]) for made, pooling in recipe.parts]
    return _unit(sum(parts[1:], parts[0]) if recipe.averaged else np.concatenate(parts, axis=1))


def _named(made: Pass, pooling: str) -> str:
    return f"{made[0]} {made[1]} {made[2]} {pooling}"


def _unit(values: np.ndarray) -> np.ndarray:
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)


# --- scores ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scores:
    """AMI of the clusters at `auto` (mean of `SEEDS`) and of k-means told k; share whose nearest is of its kind."""

    auto: float
    told: float
    nearest: float


def scores(vectors: np.ndarray, kinds: np.ndarray) -> Scores:
    """Score float32 [n, d] against text [n]."""
    from sklearn.metrics import adjusted_mutual_info_score

    from pipeline.settings import ClusterParams
    from pipeline.stages.labels.community.clusterer import group_communities
    from tests.benchmarks.quality.recipes import RECIPES as CLUSTERERS

    named = kinds != NO_KIND
    truth = np.unique(kinds[named], return_inverse=True)[1]
    groups = [group_communities(vectors, ClusterParams(min_cluster_size=5, seed=seed)).groups for seed in SEEDS]
    told = CLUSTERERS["k-means, told k"].run(vectors, len(np.unique(truth)))
    near = vectors[named] @ vectors[named].T
    np.fill_diagonal(near, -np.inf)
    several = np.bincount(truth)[truth] > 1
    right = (truth[near.argmax(axis=1)] == truth)[several]
    auto = float(np.mean([adjusted_mutual_info_score(truth, found[named]) for found in groups]))
    return Scores(auto, float(adjusted_mutual_info_score(truth, told[named])), float(right.mean()))


def seconds_per_image(paths: list[Path]) -> dict[Pass, float]:
    """CPU seconds of preparing and embedding one picture, one thread each, without decoding."""
    pictures = list(pixels_of(paths[:TIMED]))
    runners = {key: Runner(*key, threads=1) for key in dict.fromkeys(made[:2] for made in PASSES)}
    taken: dict[Pass, float] = {}
    for made in PASSES:
        runner = runners[made[:2]]
        runner.run(prepared(pictures[0], made)[None])
        before = process_time()
        for picture in pictures:
            runner.run(prepared(picture, made)[None])
        taken[made] = (process_time() - before) / len(pictures)
    return taken


# --- the table -------------------------------------------------------------------------------------------------------


def main() -> int:
    """Embed, score, print; returns the exit code."""
    from pipeline.runtime.torch_threads import use_one_thread

    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.quality.encoders", description=__doc__)
    parser.add_argument("--sets", default=",".join(SETS), help="names, with commas")
    names = parser.parse_args().sets.split(",")
    use_one_thread()
    opened: dict[tuple[str, int], Runner] = {}

    def runners() -> dict[Pass, Runner]:
        opened.update({key: Runner(*key) for key in {made[:2] for made in PASSES} if key not in opened})
        return {made: opened[made[:2]] for made in PASSES}

    table: dict[str, dict[str, Scores]] = {recipe.name: {} for recipe in RECIPES}
    for name in names:
        try:
            vectors, kinds = vectors_of(name, runners)
        except UnavailableError as error:
            print(f"skipped {name}: {error}", file=sys.stderr, flush=True)
            continue
        for recipe in RECIPES:
            table[recipe.name][name] = found = scores(joined(recipe, vectors), kinds)
            print(f"{name}: {recipe.name}: {found}", file=sys.stderr, flush=True)
    opened.clear()
    cost = seconds_per_image(labelled(names[0])[0])
    _print(table, cost)
    return 0


def _print(table: dict[str, dict[str, Scores]], cost: dict[Pass, float]) -> None:
    base = table[RECIPES[0].name]
    for figure in ("auto", "told", "nearest"):
        print(f"\n{figure}\n\n| encoder | CPU ms | {' | '.join(base)} | mean | worst beside the default |")
        print("|---" * (len(base) + 4) + "|")
        for recipe in RECIPES:
            row = {name: getattr(found, figure) for name, found in table[recipe.name].items()}
            worst = min(row, key=lambda name: row[name] - getattr(base[name], figure))
            change = row[worst] - getattr(base[worst], figure)
            price = 1000 * sum(cost[one] for one in dict.fromkeys(part for part, _ in recipe.parts))
            cells = " | ".join(f"{value:.3f}" for value in row.values())
            mean = np.mean(list(row.values()))
            print(f"| {recipe.name} | {price:.0f} | {cells} | {mean:.3f} | {change:+.3f} ({worst}) |")


if __name__ == "__main__":
    raise SystemExit(main())
