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
    how: str  # "named": a computed cluster gets the name; "joined": it had the name; "made": a new one
    images: int
    moved: int


def adopt(
    kinds: Mapping[str, Collection[str]], curated: Curated, new_id: Callable[[Collection[str], int], str]
) -> tuple[list[Adopted], list[Decision]]:
    """The decisions that put the images of every kind into a cluster of its name, each possible after those before it.

    `kinds`: name → content hashes; each image stands in one kind at most. A cluster that has the name takes the images.
    Else the unnamed cluster that overlaps the kind by more than one half (Jaccard) gets the name: its id, and the new
    images that clustering will bring it, stay. Else the images become a new cluster, with the id that `new_id` makes of
    them and of the number of decisions so far. The largest kind comes first. Raises `AmbiguousNameError` for a name
    that fits several clusters.
    """
    members = {cluster.id: set(cluster.members) for cluster in curated.clusters.values()}
    home = {image: cluster for cluster, images in members.items() for image in images}
    unnamed = {cluster.id for cluster in curated.clusters.values() if cluster.name is None}
    report: list[Adopted] = []
    decisions: list[Decision] = []
    for name, given in sorted(kinds.items(), key=lambda kind: (-len(kind[1]), kind[0])):
        images = frozenset(given)
        cluster, how = choose_cluster(name, curated.names, curated.redirects), "joined"
        if cluster is None and (cluster := _matching_cluster(images, members, home, unnamed)) is not None:
            how = "named"
            unnamed.remove(cluster)
            decisions.append(d.Rename(cluster=cluster, name=name))
        if cluster is None:
            cluster, how, coming = new_id(images, len(decisions)), "made", images
            members[cluster] = set()
            decisions.append(d.Create(images=tuple(sorted(images)), new_cluster=cluster, name=name))
        else:
            coming = images - members[cluster]
            if coming:
                decisions.append(d.Move(images=tuple(sorted(coming)), to=cluster))
        for image in coming:
            if image in home:
                members[home[image]].discard(image)
            home[image] = cluster
        members[cluster] |= coming
        report.append(Adopted(name, cluster, how, len(images), len(coming)))
    return report, decisions


def _matching_cluster(
    images: frozenset[str], members: Mapping[str, set[str]], home: Mapping[str, str], unnamed: Collection[str]
) -> str | None:
    """The unnamed cluster that overlaps these images by more than one half (Jaccard); there is at most one."""
    for cluster in sorted({home[image] for image in images if image in home}):
        if cluster in unnamed and len(members[cluster] & images) > ADOPTS * len(members[cluster] | images):
            return cluster
    return None
