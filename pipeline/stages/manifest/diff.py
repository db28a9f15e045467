"""What changed between two manifests of a category.

What belongs here: added, changed, same and removed images, and those whose place could not be listed. Not here: the
manifest (`build.py`), when the bucket is looked at (`watch.py`).
"""

from collections.abc import Sequence

import polars as pl

from pipeline.stages.manifest.contract import MANIFEST_SCHEMA


def diff(current: pl.DataFrame, previous: pl.DataFrame | None) -> pl.DataFrame:
    """Fill `change`, joined on image_id: added (not in `previous`), changed (key, size or ETag differ), same, removed.

    Rows that are already marked as removed in `previous` are dropped. Sorted by key.
    """
    before = (previous if previous is not None else MANIFEST_SCHEMA.to_frame()).filter(pl.col("change") != "removed")
    compared = ("key", "size", "etag")
    earlier = before.select("image_id", *(pl.col(name).alias(f"known_{name}") for name in compared))
    unchanged = pl.all_horizontal(pl.col(name) == pl.col(f"known_{name}") for name in compared)
    change = pl.when(pl.col("known_key").is_null()).then(pl.lit("added"))
    change = change.when(unchanged).then(pl.lit("same")).otherwise(pl.lit("changed"))
    present = (
        current.join(earlier, on="image_id", how="left").with_columns(change=change).select(MANIFEST_SCHEMA.names())
    )
    gone = before.join(current, on="image_id", how="anti").with_columns(change=pl.lit("removed"))
    return pl.concat([present, gone.select(MANIFEST_SCHEMA.names())]).sort("key", "change", "image_id")


def rows_in_places(previous: pl.DataFrame | None, places: Sequence[str]) -> pl.DataFrame:
    """The rows of `previous` in one of `places`: a key, or a folder with a closing slash ("/" is everything)."""
    if previous is None or not places:
        return MANIFEST_SCHEMA.to_frame()
    key = pl.col("key")
    inside = pl.any_horizontal(
        pl.lit(value=True) if place == "/" else key.str.starts_with(place) if place.endswith("/") else key == place
        for place in places
    )
    kept = previous.filter(inside & (pl.col("change") != "removed"))
    return kept.with_columns(change=pl.lit(None, pl.String)).select(MANIFEST_SCHEMA.names())
