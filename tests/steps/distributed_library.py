"""A folder of pictures for tests about workers, runs over it, and what they stored.

What belongs here: the library. Not here: what is asserted (`test_distributed.py`, `tests/real/test_ray.py`).
"""

import hashlib
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

from pipeline.adapters.executors.worker import WorkerSetup
from pipeline.settings import Settings
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.steps.categories import select_categories
from pipeline.steps.ingest import ingest
from pipeline.steps.manifest import manifest
from pipeline.steps.project import Project, Report

SLUG, KEYS_PER_TASK = "posts", 4


def picture(seed: int) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 255, size=(8, 8, 3)).astype(np.uint8)
    return Image.fromarray(small).resize((160, 120), Image.Resampling.BICUBIC)


class Library:
    """A folder of pictures: plain ones, a copy, one with other bytes and the same pixels, and one that is damaged."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder = root, root / "library" / SLUG
        self.folder.mkdir(parents=True)
        for seed in range(10):
            picture(seed).save(self.folder / f"a-{seed}.png")
        shutil.copy(self.folder / "a-1.png", self.folder / "b-copy.png")
        picture(2).save(self.folder / "b-same-pixels.png", compress_level=0)
        (self.folder / "b-damaged.png").write_bytes((self.folder / "a-3.png").read_bytes()[:900])

    def project(self, engine: str, data: str | None = None, *, chunk_size: int = 512, **ray: Any) -> Project:
        values = {
            "data_dir": self.root / (data or engine), "source": {"url": str(self.root / "library")},
            "encoder": {"chunk_size": chunk_size},
            "execution": {"engine": engine, "ray": {"keys_per_task": KEYS_PER_TASK, **ray}},
        }  # fmt: skip
        return Project(Settings.model_validate(values), clock=lambda: datetime(2026, 11, 2, tzinfo=UTC))

    def setup(self, **changed: Any) -> WorkerSetup:
        settings, cache = self.project("ray").settings, Path(os.environ["IMAGE_CLUSTER_CACHE"])
        setup = WorkerSetup(settings.source, settings.images, settings.encoder, embed=True, threads=1, cache=cache)
        return replace(setup, **changed)


def run(project: Project, pool: Any = None) -> dict[str, Report]:
    if pool is not None:
        project.workers[project.settings.encoder.spec, True] = pool
    select_categories(project, [])
    return {report.artifact: report for report in (manifest(project, SLUG), *ingest(project, SLUG))}


def stored(project: Project) -> dict[str, str]:
    """A digest of each stored table, vector and thumbnail. Names have random letters, and records have times."""
    root = project.settings.data_dir
    files = [
        path for path in sorted(root.rglob("*")) if path.is_file() and path.suffix in (".parquet", ".npy", ".webp")
    ]
    names = [str(path.relative_to(root)).split("-", maxsplit=2) for path in files]
    return {
        "-".join(name[:2]): hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in zip(names, files, strict=True)
    }


def results(project: Project) -> dict[str, dict[str, str]]:
    """The row, vector, thumbnail and content of each image, however the files are cut. None may be there twice."""
    root, vectors = project.settings.data_dir, list[tuple[str, str]]()
    for part in sorted((root / "vectors").rglob("part-*.parquet")):
        rows = np.load(part.with_suffix(".npy"))
        vectors += [
            (name, row.tobytes().hex()) for name, row in zip(pl.read_parquet(part)["content_hash"], rows, strict=True)
        ]
    assert len(dict(vectors)) == len(vectors), "a vector is there twice"
    current = project.store.current(SLUG, "images")
    frame = pl.DataFrame(schema=IMAGES_SCHEMA) if current is None else current.table("images", IMAGES_SCHEMA)
    assert frame["key"].is_unique().all(), "a row is there twice"
    return {
        "rows": {row["key"]: repr(row) for row in frame.iter_rows(named=True)},
        "vectors": dict(vectors),
        "contents": {row[0]: repr(row) for row in project.contents.read(lambda _damaged: None).iter_rows()},
        "thumbnails": {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in (root / "thumbnails").rglob("*.webp") if not path.name.startswith(".")
        },
    }  # fmt: skip


def status(project: Project) -> dict[str, str]:
    return {key.rpartition("/")[2]: value for key, value in images(project).select("key", "status").iter_rows()}


def reasons(project: Project) -> list[str]:
    return images(project)["reason"].drop_nulls().to_list()


def images(project: Project) -> pl.DataFrame:
    return project.store.require(SLUG, "images").table("images", IMAGES_SCHEMA)
