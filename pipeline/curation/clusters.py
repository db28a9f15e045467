"""Clusters before and after decisions, as values.

What belongs here: the computed clusters, the clusters after all decisions, and the decisions that wait. Not here:
computing the second from the first (`replay.py`), the decisions (`decisions.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True)
class Computed:
    """The computed clusters, as ids and content hashes. `former` holds the last members of clusters that ended."""

    clusters: Mapping[str, frozenset[str]]
    unclustered: frozenset[str] = frozenset()
    former: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])

    @cached_property
    def home(self) -> dict[str, str | None]:
        """The computed cluster of every image, None for the unclustered."""
        return dict.fromkeys(self.unclustered) | {
            image: cluster for cluster, members in self.clusters.items() for image in members
        }


@dataclass(frozen=True)
class CuratedCluster:
    """One cluster after all decisions. `merged` are the ids that were merged into it."""

    id: str
    members: frozenset[str]
    name: str | None = None
    description: str | None = None
    status: str = "active"
    representative: str | None = None
    former_names: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()
    reviewed: int | None = None
    baseline: frozenset[str] | None = None
    made_by_people: bool = False


@dataclass(frozen=True)
class Waiting:
    """A decision that cannot be applied now: the event's number, the reason, and the cluster that has its images."""

    number: int
    reason: str
    cluster: str | None = None


@dataclass(frozen=True)
class Curated:
    """All clusters after all decisions. `placed` maps images that people moved to their clusters."""

    clusters: Mapping[str, CuratedCluster]
    unclustered: frozenset[str]
    excluded: frozenset[str] = frozenset()
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    waiting: tuple[Waiting, ...] = ()
    redirects: Mapping[str, str] = field(default_factory=dict[str, str])
    placed: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    events: int = 0

    @cached_property
    def names(self) -> dict[str, str | None]:
        """Cluster id → name, None for the unnamed."""
        return {cluster.id: cluster.name for cluster in self.clusters.values()}

    def find(self, cluster: str) -> CuratedCluster | None:
        """The cluster with this id, or the one that it was merged into."""
        return self.clusters.get(self.redirects.get(cluster, cluster))
