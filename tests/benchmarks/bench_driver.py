"""What the driver of a Ray cluster does per image: `python -m tests.benchmarks.bench_driver [--images 20000]`.

What belongs here: CPU time and bytes of one image that a worker made, from the bytes that arrive to what is stored. Not
here: what workers do (`bench_embedding.py`), Ray's own time for a task and its network.

The outcomes are made up, of the size of real ones, pickled and read back as between two processes. Listing the folder
is not counted; storing the tables at the end is.
"""

import argparse
import hashlib
import os
import pickle
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any, cast

import numpy as np
import polars as pl

from pipeline.adapters.executors.ray_pool import Work
from pipeline.adapters.executors.worker import TaskResult
from pipeline.settings import Settings
from pipeline.stages.embeddings.stream import Outcome
from pipeline.stages.images.decode import ImageInfo
from pipeline.steps.categories import select_categories
from pipeline.steps.ingest import ingest
from pipeline.steps.manifest import manifest
from pipeline.steps.project import Project
from tests.benchmarks.rows import Row, row, show

SLUG, DIMENSION, THUMBNAIL = "posts", 1_280, 4_254  # the packaged encoder; the mean of 632 photographs


class MadeUp:
    """Stands where `RayPool` stands. `sent`: bytes of all tasks; `seconds`: CPU time of making them."""

    def __init__(self) -> None:
        self.size, self.work, self.sent, self.seconds = 1, Work(), 0, 0.0

    def start_category(self, contents: pl.DataFrame, with_vector: frozenset[str]) -> None:
        """Nothing is known before."""

    def results(self, tasks: Iterable[list[str]]) -> Iterator[tuple[list[str], TaskResult]]:
        random = np.random.default_rng(0)
        for keys in tasks:
            started = process_time()
            outcomes = [_outcome(key, random) for key in keys]
            arrived = pickle.dumps(TaskResult(outcomes, 0.0), protocol=pickle.HIGHEST_PROTOCOL)
            self.sent += len(arrived)
            self.seconds += process_time() - started
            yield keys, pickle.loads(arrived)


def _outcome(key: str, random: np.random.Generator) -> Outcome[str]:
    vector = random.standard_normal(DIMENSION).astype(np.float32)
    name = hashlib.sha256(key.encode()).hexdigest()
    pixels = hashlib.sha256(name.encode()).hexdigest()
    image = ImageInfo(content_hash=name, width=800, height=600, format="JPEG", pixel_hash=pixels)
    return Outcome(key, image, os.urandom(THUMBNAIL), vector / np.linalg.norm(vector), digest=name)


def rows(images: int) -> list[Row]:
    """CPU microseconds and bytes per image."""
    with TemporaryDirectory() as folder:
        source = Path(folder) / "library" / SLUG
        source.mkdir(parents=True)
        for number in range(images):
            (source / f"{number:07}.jpg").write_bytes(b"never read")
        project = Project(Settings.model_validate({
            "data_dir": Path(folder) / "data", "source": {"url": str(source.parent)}, "execution": {"engine": "ray"},
        }))  # fmt: skip
        pool = MadeUp()
        project.workers[project.settings.encoder.spec, True] = cast("Any", pool)
        select_categories(project, [])
        manifest(project, SLUG)
        assert project.encoder.fingerprint  # opened before the clock starts: a driver does it once
        started = process_time()
        ingest(project, SLUG)
        seconds = process_time() - started - pool.seconds
    what = f"driver of a cluster, {images:,} images of {DIMENSION:,} values"
    return [
        row(what, "CPU per image", seconds / images * 1e6, "µs"),
        row(what, "from the worker, per image", pool.sent / images, "bytes"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="What the driver of a Ray cluster does per image.")
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    show(rows(asked.images), asked.json)


if __name__ == "__main__":
    main()
