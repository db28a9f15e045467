"""Kinds from elsewhere → the decisions that turn them into clusters.

What belongs here: which cluster a kind becomes. Not here: reading files (`steps/adopt.py`), the effect of a decision
(`replay.py`).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from pipeline.curation import decisions as d
from pipeline.curation.addressing import choose_cluster
from pipeline.curation.clusters import Curated
from pipeline.curation.decisions import Decision
from pipeline.curation.replay import ADOPTS


@dataclass(frozen=True)
class Adopted:
    """The cluster that a kind becomes, how it was chosen, and the number of images."""

    name: str
    cluster: str
    how: str  # "named": a computed cluster gets the name; "joined": it had it; "renamed": it had another; "made": new
    images: int
    moved: int


@dataclass(frozen=True)
class Losing:
    """A cluster with a name that loses `lost` of its `images` to kinds of other names; it ends if these are all."""

    name: str
    cluster: str
    lost: int
    images: int

    def __str__(self) -> str:
        return f"{self.name} ({'all' if self.lost == self.images else f'{self.lost:,} of'} {self.images:,})"


def losing(kinds: Mapping[str, Collection[str]], adopted: Collection[Adopted], curated: Curated) -> list[Losing]:
    """The clusters with a name that the adoption of `kinds` takes images from, those that lose most first."""
    target = {kind.name: kind.cluster for kind in adopted}
    goes_to = {image: target[name] for name, images in kinds.items() for image in images}
    found: list[Losing] = []
    for cluster in curated.clusters.values():
        lost = sum(goes_to.get(image, cluster.id) != cluster.id for image in cluster.members)
        if cluster.name is not None and lost:
            found.append(Losing(cluster.name, cluster.id, lost, len(cluster.members)))
    return sorted(found, key=lambda one: (-one.lost, one.name))


def adopt(
    kinds: Mapping[str, Collection[str]], curated: Curated, new_id: Callable[[Collection[str], int], str]
) -> tuple[list[Adopted], list[Decision]]:
    """The decisions that put the images of every kind into a cluster of its name, each possible after those before it.

    `kinds`: name → content hashes; each image stands in one kind at most. A cluster that has the name takes the images.
    Else the unnamed cluster that overlapped the kind by more than one half (Jaccard) before any decision gets the
    name: its id, and the new images that clustering will bring it, stay. A cluster of just these images that people
    named otherwise is renamed, for there cannot be two of them. Else the images become a new cluster, with the id that
    `new_id` makes of them and of the number of decisions so far. The largest kind comes first. Raises
    `AmbiguousNameError` for a name that fits several clusters.
    """
    clusters = _Clusters(curated)
    report: list[Adopted] = []
    decisions: list[Decision] = []
    for name, given in sorted(kinds.items(), key=lambda kind: (-len(kind[1]), kind[0])):
        images = frozenset(given)
        cluster, how = clusters.choose(name, images)
        if cluster is None:
            cluster, coming = new_id(images, len(decisions)), images
            decisions.append(d.Create(images=tuple(sorted(images)), new_cluster=cluster, name=name))
        else:
            coming = images - clusters.members[cluster]
            if how != "joined":
                decisions.append(d.Rename(cluster=cluster, name=name))
            if coming:
                decisions.append(d.Move(images=tuple(sorted(coming)), to=cluster))
        clusters.move(coming, cluster)
        report.append(Adopted(name, cluster, how, len(images), len(coming)))
    return report, decisions


class _Clusters:
    """The clusters as they are after the decisions so far."""

    def __init__(self, curated: Curated) -> None:
        self.members = {cluster.id: set(cluster.members) for cluster in curated.clusters.values()}
        # what is left after larger kinds took theirs says nothing of what clustering will bring a cluster
        self._before = {cluster: frozenset(images) for cluster, images in self.members.items()}
        self._curated = curated
        self._home = {image: cluster for cluster, images in self.members.items() for image in images}
        self._unnamed = {cluster.id for cluster in curated.clusters.values() if cluster.name is None}
        self._renamed: set[str] = set()

    def choose(self, name: str, images: frozenset[str]) -> tuple[str | None, str]:
        """The cluster that a kind becomes, None for a new one, and how it was chosen (`Adopted.how`)."""
        cluster = choose_cluster(name, self._curated.names, self._curated.redirects)
        if cluster is not None and cluster not in self._renamed and self.members[cluster]:
            return cluster, "joined"  # else a kind before this one took its name, or all its images
        homes = sorted({self._home[image] for image in images if image in self._home})
        for cluster in homes:
            of = self._before.get(cluster, frozenset[str]())
            if cluster in self._unnamed and len(of & images) > ADOPTS * len(of | images):
                self._unnamed.remove(cluster)
                return cluster, "named"
        if len(homes) == 1 and frozenset(self.members[homes[0]]) == images:
            self._renamed.add(homes[0])
            return homes[0], "renamed"
        return None, "made"

    def move(self, images: Collection[str], cluster: str) -> None:
        for image in images:
            if image in self._home:
                self.members[self._home[image]].discard(image)
            self._home[image] = cluster
        self.members.setdefault(cluster, set()).update(images)
