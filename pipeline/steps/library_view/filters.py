"""Filters of images that hold together, and orders of images: one code for the page, the API, search and export.

What belongs here: which rows of a snapshot fit, and their order. Not here: what words fit (`words.py`), filters of
clusters (`service/page/walls.py`), parameters of a request (`service/routes/image_query.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, assert_never, get_args

import numpy as np
import polars as pl

from pipeline.steps.library_view.snapshot import Snapshot
from pipeline.steps.library_view.words import Texts, fitting_words, words_of

Status = Literal[
    "clustered", "named", "unnamed", "review", "hidden", "unclustered", "new", "excluded", "rejected"
]  # fmt: skip
Order = Literal["typical", "edge", "-date", "date", "name", "-name"]
STATUSES: tuple[Status, ...] = get_args(Status)
OF_CLUSTERS = ("named", "unnamed", "review", "hidden")


@dataclass(frozen=True)
class ImageFilter:
    """What is empty does not restrict. All tags and all words must fit; of each other filter, one value is enough.

    `clusters` are ids. `since` and `until` (inclusive) compare the time that the camera recorded, else the file's.
    `statuses`: the states of images; `named`, `unnamed`, `review` and `hidden` are images of such clusters.
    """

    clusters: Sequence[str] = ()
    groups: Sequence[str] = ()
    tags: Sequence[str] = ()
    cameras: Sequence[str] = ()
    statuses: Sequence[Status] = ()
    since: datetime | None = None
    until: datetime | None = None
    words: str = ""

    @property
    def narrows(self) -> bool:
        """Whether any image can be left out."""
        lists = (self.clusters, self.groups, self.tags, self.cameras, self.statuses, words_of(self.words))
        return any(lists) or self.since is not None or self.until is not None


def fitting(snapshot: Snapshot, texts: Texts, wanted: ImageFilter) -> np.ndarray:
    """Bool [rows of the snapshot's frame]: the images that fit."""
    keep = np.ones(snapshot.frame.height, dtype=bool)
    conditions = _conditions(snapshot, wanted)
    if conditions:
        table = snapshot.frame.select(pl.all_horizontal(conditions).fill_null(value=False).alias("keep"))
        keep &= table["keep"].to_numpy()
    for tag in wanted.tags:
        tagged = np.zeros_like(keep)
        tagged[snapshot.rows_by_tag.get(tag, [])] = True
        keep &= tagged
    return keep & fitting_words(snapshot, texts, wanted.words) if words_of(wanted.words) else keep


def in_order(snapshot: Snapshot, rows: Sequence[int] | np.ndarray, order: Order) -> list[int]:
    """The rows in that order; ties by key. What has no date or no cluster comes last."""
    table = snapshot.frame.select("key", "date", "rank", "similarity", "cluster_id")[list(rows)]
    table = table.with_columns(pl.Series("row", list(rows), dtype=pl.Int64))
    one_cluster = table["cluster_id"].n_unique() == 1
    column, descending = _sorting(order, one_cluster=one_cluster)
    return table.sort(column, "key", descending=[descending, False], nulls_last=True)["row"].to_list()


def _sorting(order: Order, *, one_cluster: bool) -> tuple[str, bool]:
    """The column, and whether its largest value comes first."""
    match order:
        case "typical" | "edge":  # the rank is that of a cluster, so it orders the images of one cluster only
            return ("rank", order == "edge") if one_cluster else ("similarity", order == "typical")
        case "date" | "-date":
            return "date", order == "-date"
        case "name" | "-name":
            return "key", order == "-name"
        case _:
            assert_never(order)


def _conditions(snapshot: Snapshot, wanted: ImageFilter) -> list[pl.Expr]:
    conditions: list[pl.Expr] = []
    for column, values in (("cluster_id", wanted.clusters), ("group", wanted.groups), ("camera", wanted.cameras)):
        if values:
            conditions.append(pl.col(column).is_in(list(values)))
    if wanted.statuses:
        conditions.append(pl.any_horizontal([_has_status(snapshot, status) for status in wanted.statuses]))
    if wanted.since is not None:
        conditions.append(pl.col("date") >= _utc(wanted.since))
    if wanted.until is not None:
        conditions.append(pl.col("date") <= _utc(wanted.until))
    return conditions


def _has_status(snapshot: Snapshot, status: Status) -> pl.Expr:
    if status not in OF_CLUSTERS:
        return pl.col("state") == status
    clusters = [
        cluster["id"]
        for cluster in snapshot.clusters.values()
        if {
            "named": cluster["name"] is not None, "unnamed": cluster["name"] is None,
            "review": cluster["needs_review"], "hidden": cluster["status"] != "active",
        }[status]
    ]  # fmt: skip
    return (pl.col("state") == "clustered") & pl.col("cluster_id").is_in(clusters)


def _utc(moment: datetime) -> datetime:
    """In UTC without a zone, as in the tables; a time without a zone counts as UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo is not None else moment
