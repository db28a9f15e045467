"""Bucket → a folder of originals in the bucket's layout.

What belongs here: copying the files that the manifest chose. Not here: anything that a run needs; it reads the bucket
itself and keeps no originals (`ingest.py`).
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.errors import ObjectMissingError
from pipeline.stages.manifest.bucket import Bucket
from pipeline.steps.categories import categories, select_categories
from pipeline.steps.each import each_category, raise_failures
from pipeline.steps.manifest import preview, sampled
from pipeline.steps.project import Project
from pipeline.steps.reading import images_read_before, read_among


def download(
    project: Project, wanted: Iterable[str], folder: Path, *, sample: int | None = None
) -> list[dict[str, Any]]:
    """Copy each image's chosen variant to `folder/KEY`. Skips files that exist with the same size.

    Returns a row per image: key, path, status (`downloaded`, `there`, `missing`).
    """
    from pipeline.adapters.buckets import open_bucket

    folder.mkdir(parents=True, exist_ok=True)
    target = open_bucket(str(folder))
    slugs = select_categories(project, wanted)
    finished, failures = each_category(
        project, slugs, lambda slug: _download(project, slug, folder, target, sample=sample)
    )
    raise_failures(failures, len(finished))
    return [row for rows in finished for row in rows]


def _download(project: Project, slug: str, folder: Path, target: Bucket, *, sample: int | None) -> list[dict[str, Any]]:
    category = categories(project)[slug]
    frame = sampled(preview(project, category, None).frame, sample).filter(pl.col("change") != "removed")
    sizes = dict(frame.select("key", "size").iter_rows())
    there = {key for key, size in sizes.items() if _has(folder / key, size)}
    rows = [{"key": key, "path": str(folder / key), "status": "there"} for key in sorted(there)]
    todo = [key for key in sizes if key not in there]
    known = images_read_before(project, [slug])
    for done, (key, data) in enumerate(read_among(project.bucket, todo, known), start=1):
        status = "missing" if isinstance(data, ObjectMissingError) else "downloaded"
        if isinstance(data, bytes):
            target.write(key, data, content_type="application/octet-stream")
        rows.append({"key": key, "path": str(folder / key), "status": status})
        project.talk.progress(f"download {slug}", done, len(todo))
    return rows


def _has(path: Path, size: int) -> bool:
    return path.exists() and path.stat().st_size == size
