"""The usable images that a category has, or had before it was emptied.

What belongs here: reading them with their places in the category. Not here: what they are compared with
(`known_images.py`, `renamed.py`).
"""

from itertools import chain

import polars as pl

from pipeline.stages.contract import columns
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.manifest.keys import folder_of
from pipeline.steps.project import Project

_COLUMNS = ("image_id", "key", "content_hash", "status")


def last_usable(project: Project, slug: str, category: str) -> pl.DataFrame:
    """`image_id`, `key`, `content_hash` and `path` of a category's usable images; of an emptied one, its last ones."""
    store = project.store
    current = store.current(slug, "images")
    for version in chain([current] if current is not None else [], store.earlier(slug, "images")):
        table = version.table("images", columns(IMAGES_SCHEMA, *_COLUMNS), list(_COLUMNS))
        if (usable := table.filter(pl.col("status") == "ok")).height:
            return with_paths(project, category, usable.drop("status"))
    return with_paths(project, category, columns(IMAGES_SCHEMA, *_COLUMNS[:-1]).to_frame())


def with_paths(project: Project, category: str, rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with a column `path`, the part of `key` after the category's folder."""
    folder = folder_of(category, project.settings.source.categories)
    return rows.with_columns(path=pl.col("key").str.strip_prefix("" if folder is None else f"{folder}/"))
