"""What a bucket's manifest.json says of its images beyond where they are: times, places and texts.

What belongs here: joining these to the images of a manifest. Not here: reading manifest.json and the meaning of its
fields (`bucket_manifest.py`), how times and places count (`stages/features/`).
"""

from collections.abc import Iterable, Iterator

import polars as pl

from pipeline.stages.manifest.bucket_manifest import Entry, entry_context, entry_objects
from pipeline.stages.manifest.contract import CAPTIONS_SCHEMA, DECLARED_SCHEMA


def captions(entries: Iterable[Entry], manifest: pl.DataFrame) -> pl.DataFrame:
    """The source, title and caption of each image that has one, joined by blanks: `CAPTIONS_SCHEMA`, by image id."""
    text_of: dict[str, str] = {}
    for entry in entries:
        text = " ".join(part for part in (entry.source, entry.title, entry.caption) if part)
        if text:
            text_of |= {key: text for _, key, _, _ in entry_objects(entry)}
    rows = [(image_id, text_of[key]) for image_id, key in _present(manifest) if key in text_of]
    return pl.DataFrame(rows, schema=CAPTIONS_SCHEMA, orient="row")


def times_and_places(entries: Iterable[Entry], manifest: pl.DataFrame) -> pl.DataFrame:
    """When and where images were taken, of those that have either: `DECLARED_SCHEMA`, by image id."""
    context_of: dict[str, tuple[float | None, float | None, float | None]] = {}
    for entry in entries:
        context = entry_context(entry)
        if context != (None, None, None):
            context_of |= {key: context for _, key, _, _ in entry_objects(entry)}
    rows = [(image_id, *context_of[key]) for image_id, key in _present(manifest) if key in context_of]
    return pl.DataFrame(rows, schema=DECLARED_SCHEMA, orient="row")


def _present(manifest: pl.DataFrame) -> Iterator[tuple[str, str]]:
    """(image id, key) of the images that are there, by id; `manifest` has `MANIFEST_SCHEMA`."""
    return manifest.filter(pl.col("change") != "removed").select("image_id", "key").sort("image_id").iter_rows()
