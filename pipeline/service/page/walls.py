"""The wall of clusters: which cards, in which order.

What belongs here: filters and sorting of the clusters page, and the values of a card. Not here: the page itself
(`views.py`), one cluster (`members.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Query

from pipeline.service.page.render import thumbnails_of
from pipeline.steps.library_view.snapshot import ClusterRow, Snapshot

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
    "review": lambda one: (not one["needs_review"], -one["size"]),
    "size": lambda one: -one["size"],
    "smallest": lambda one: one["size"],
    "name": lambda one: (one["name"] is None, (one["name"] or "").casefold()),
    "loosest": lambda one: one["cohesion"] if one["cohesion"] is not None else 2.0,
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
    found = [one for one in snapshot.clusters.values() if _fits(one, wanted, tagged)]
    found.sort(key=lambda one: str(one["id"]))
    return sorted(found, key=_KEYS[wanted.order])


def _fits(one: ClusterRow, wanted: Wanted, tagged: set[str] | None) -> bool:
    shown = one["status"] != "active" if wanted.which == "hidden" else one["status"] == "active"
    right = {
        "review": one["needs_review"], "unnamed": one["name"] is None, "named": one["name"] is not None,
    }.get(wanted.which, True)  # fmt: skip
    words = (one["id"], one["name"] or "", *one["former_names"], *one["merged"])
    return (
        shown
        and right
        and (tagged is None or one["id"] in tagged)
        and (not wanted.group or any(found["group"] == wanted.group for found in one["groups"]))
        and (not wanted.q or any(wanted.q.casefold() in word.casefold() for word in words))
    )


def card(snapshot: Snapshot, one: ClusterRow, shown: int = SHOWN) -> Row:
    """A cluster with the content hashes of its first thumbnails."""
    return {**one, "thumbnails": thumbnails_of(snapshot, one["representatives"][:shown])}
