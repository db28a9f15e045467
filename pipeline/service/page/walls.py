"""The wall of clusters: its cards and their order.

What belongs here: filters and sorting of the clusters page, and the values of a card. Not here: the page itself
(`views.py`), one cluster (`members.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Query

from pipeline.service.page.render import thumbnails_of
from pipeline.steps.library_view.snapshot import ClusterRow, Snapshot
from pipeline.steps.library_view.words import fits

Row = dict[str, Any]
Which = Literal["all", "review", "unnamed", "named", "hidden"]
Order = Literal["review", "size", "smallest", "name", "loosest"]
SHOWN = 4  # thumbnails of a card
WHICH: dict[Which, str] = {
    "all": "All", "review": "To be reviewed", "unnamed": "Unnamed", "named": "Named", "hidden": "Hidden",
}  # fmt: skip
ORDERS: dict[Order, str] = {
    "review": "To be reviewed first", "size": "Largest first", "smallest": "Smallest first", "name": "By name",
    "loosest": "Least alike first",
}  # fmt: skip
_KEYS: dict[Order, Callable[[ClusterRow], Any]] = {
    "review": lambda cluster: (not cluster["needs_review"], -cluster["size"]),
    "size": lambda cluster: -cluster["size"],
    "smallest": lambda cluster: cluster["size"],
    "name": lambda cluster: (cluster["name"] is None, (cluster["name"] or "").casefold()),
    "loosest": lambda cluster: cluster["cohesion"] if cluster["cohesion"] is not None else 2.0,
}


@dataclass(frozen=True)
class Wanted:
    """Filters and order of the wall."""

    which: Annotated[Which, Query()] = "all"
    order: Annotated[Order, Query()] = "review"
    group: Annotated[str, Query(max_length=200)] = ""
    tag: Annotated[str, Query(max_length=60)] = ""
    q: Annotated[str, Query(max_length=200)] = ""


def wall(snapshot: Snapshot, wanted: Wanted) -> list[ClusterRow]:
    """The clusters that match, in order; ties by id."""
    tagged: set[str] | None = None
    if wanted.tag:
        places = snapshot.frame["cluster_id"]
        tagged = {places[row] for row in snapshot.rows_by_tag.get(wanted.tag, ())}
    matching = [cluster for cluster in snapshot.clusters.values() if _matches(cluster, wanted, tagged)]
    matching.sort(key=lambda cluster: str(cluster["id"]))
    return sorted(matching, key=_KEYS[wanted.order])


def _matches(cluster: ClusterRow, wanted: Wanted, tagged: set[str] | None) -> bool:
    shown = cluster["status"] != "active" if wanted.which == "hidden" else cluster["status"] == "active"
    right = {
        "review": cluster["needs_review"], "unnamed": cluster["name"] is None, "named": cluster["name"] is not None,
    }.get(wanted.which, True)  # fmt: skip
    return (
        shown
        and right
        and (tagged is None or cluster["id"] in tagged)
        and (not wanted.group or any(group["group"] == wanted.group for group in cluster["groups"]))
        and fits(cluster, wanted.q)
    )


def card(snapshot: Snapshot, cluster: ClusterRow, shown: int = SHOWN) -> Row:
    """A cluster with the content hashes of its first thumbnails."""
    return {**cluster, "thumbnails": thumbnails_of(snapshot, cluster["representatives"][:shown])}
