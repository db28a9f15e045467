"""The libraries of the identity benchmark and of the thirty nights: images with their vectors from two encoders.

What belongs here: drawing or fetching, embedding once, the cache. Not here: what is done with them
(`bench_identity.py`, `simulate_nights.py`). The cache is that of the quality benchmark.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.benchmarks.quality.datasets import embed_files
from tests.benchmarks.quality.image_sets import UnavailableError, cache_dir

ENCODERS = ("packaged:efficientnet_lite0", "packaged:efficientnet_lite2")


@dataclass(frozen=True)
class Library:
    """`vectors` float32 [n, d], rows of length 1, of one encoder; `paths` [n]; `kinds` [n], empty for no kind."""

    name: str
    paths: list[Path]
    kinds: list[str]
    vectors: np.ndarray


def load(name: str, encoder: str = ENCODERS[0]) -> Library:
    """A library by name (`LIBRARIES`). Raises `UnavailableError` where it cannot be had here."""
    found = LIBRARIES[name]()
    paths, kinds = [path for path, _ in found], [kind for _, kind in found]
    cached = cache_dir() / "vectors" / f"identity-{name}-{encoder.rpartition('_')[2]}.npy"
    if not cached.exists():
        cached.parent.mkdir(parents=True, exist_ok=True)
        vectors = embed_files(paths, encoder)
        with cached.with_suffix(".partial").open("wb") as file:
            np.save(file, vectors.astype(np.float16))
        cached.with_suffix(".partial").replace(cached)
    vectors = np.load(cached).astype(np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return Library(name, paths, kinds, vectors)


def _bollards(count: int) -> Callable[[], list[tuple[Path, str]]]:
    def find() -> list[tuple[Path, str]]:
        from pipeline.demo.bollards import TRUTH, plan_library, write_library

        # image i is the same in a library of any length
        root = write_library(cache_dir() / "bollards", images=count, cars=0)
        truth = json.loads((root / TRUTH).read_text())["images"]
        return [(root / p.variant(800), truth[p.truth_key] or "") for p in plan_library(images=count, cars=0)]

    return find


def _stamps() -> list[tuple[Path, str]]:
    from pipeline.demo.stamps import fetch_stamps
    from pipeline.errors import DemoError

    try:
        root = fetch_stamps(cache_dir() / "stamps")
    except DemoError as error:
        raise UnavailableError(str(error)) from error
    return [(path, path.parent.relative_to(root).as_posix()) for path in sorted(root.rglob("*.png"))]


LIBRARIES: dict[str, Callable[[], list[tuple[Path, str]]]] = {
    "bollards-160": _bollards(160),
    "bollards-400": _bollards(400),
    "bollards-1000": _bollards(1000),
    "stamps": _stamps,
}
