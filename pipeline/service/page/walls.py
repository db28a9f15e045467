"""The wall of clusters: its cards and their order.

What belongs here: filters and sorting of the clusters page, and the values of a card. Not here: the page itself
(`views.py`), one cluster (`members.py`).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import polars as pl
from fastapi import Query

from pipeline.service.page.narrowing import Narrowing
from pipeline.service.page.render import thumbnails_of
from pipeline.steps.library_view.snapshot import ClusterRow, Snapshot
from pipeline.steps.library_view.words import fits

Row = dict[str, Any]
Which = Literal["all", "review", "unnamed", "named", "hidden"]
Order = Literal["review", "size", "smallest", "name", "loosest", "alike", "newest", "oldest"]
SHOWN = 4  # thumbnails of a card
WHICH: dict[Which, str] = {
    "all": "All", "review": "To be reviewed", "unnamed": "Unnamed", "named": "Named", "hidden": "Hidden",
}  # fmt: skip
ORDERS: dict[Order, str] = {
    "review": "To be reviewed first", "size": "Largest first", "smallest": "Smallest first", "name": "By name",
    "alike": "Most alike first", "loosest": "Least alike first", "newest": "Newest image first",
    "oldest": "Oldest image first",
}  # fmt: skip
_OF_CLUSTERS: dict[Order, Callable[[ClusterRow], Any]] = {
    "review": lambda cluster: (not cluster["needs_review"], -cluster["size"]),
    "size": lambda cluster: -cluster["size"],
    "smallest": lambda cluster: cluster["size"],
    "name": lambda cluster: (cluster["name"] is None, (cluster["name"] or "").casefold()),
    "loosest": lambda cluster: cluster["cohesion"] if cluster["cohesion"] is not None else 2.0,
    "alike": lambda cluster: -(cluster["cohesion"] or 0.0),
}


@dataclass(frozen=True)
class Wanted(Narrowing):
    """Filters and order of the wall. `q`: words of clusters. The others fit a cluster if they fit one of its images."""

    which: Annotated[Which, Query()] = "all"
    order: Annotated[Order, Query()] = "review"
    q: Annotated[str, Query(max_length=200)] = ""


def wall(snapshot: Snapshot, wanted: Wanted, fitting: Mapping[str, int] | None = None) -> list[ClusterRow]:
    """The clusters that match, in order; ties by id. `fitting` is what `images_fitting` returns."""
    matching = [cluster for cluster in snapshot.clusters.values() if _matches(cluster, wanted, fitting)]
    matching.sort(key=lambda cluster: str(cluster["id"]))
    if wanted.order in ("newest", "oldest"):
        newest = wanted.order == "newest"
        seconds = _dates(snapshot, newest=newest)
        return sorted(matching, key=lambda cluster: seconds.get(cluster["id"], math.inf))
    return sorted(matching, key=_OF_CLUSTERS[wanted.order])


def images_fitting(snapshot: Snapshot, mask: np.ndarray | None) -> dict[str, int] | None:
    """Cluster id → how many of its images are in the mask, where there are any; None without a mask."""
    if mask is None:
        return None
    inside = snapshot.frame.filter(pl.Series(mask) & (pl.col("state") == "clustered"))
    return dict(inside.group_by("cluster_id").len().iter_rows())


def _dates(snapshot: Snapshot, *, newest: bool) -> dict[str, float]:
    """Cluster id → a number that is smaller the newer (or older) its newest (or oldest) image is."""
    date = pl.col("date").dt.epoch("s")
    of_cluster = snapshot.frame.filter(pl.col("cluster_id").is_not_null() & pl.col("date").is_not_null())
    return dict(of_cluster.group_by("cluster_id").agg(-date.max() if newest else date.min()).iter_rows())


def _matches(cluster: ClusterRow, wanted: Wanted, fitting: Mapping[str, int] | None) -> bool:
    shown = cluster["status"] != "active" if wanted.which == "hidden" else cluster["status"] == "active"
    right = {
        "review": cluster["needs_review"], "unnamed": cluster["name"] is None, "named": cluster["name"] is not None,
    }.get(wanted.which, True)  # fmt: skip
    return shown and right and (fitting is None or cluster["id"] in fitting) and fits(cluster, wanted.q)


def card(snapshot: Snapshot, cluster: ClusterRow, shown: int = SHOWN) -> Row:
    """A cluster with the content hashes of its first thumbnails."""
    return {**cluster, "thumbnails": thumbnails_of(snapshot, cluster["representatives"][:shown])}
