"""Decisions that wait because they cannot be applied to the present clusters.

What belongs here: when each decision has to wait, and why. Not here: applying decisions (`replay.py`), flags for a
review (`review.py`).
"""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache

from pipeline.curation import decisions as d
from pipeline.curation.clusters import Computed, CuratedCluster, Waiting
from pipeline.curation.fold import Fold

Where = Callable[[], Mapping[str, str]]  # the cluster of every image of the library


def find_waiting(
    folded: Fold, computed: Computed, clusters: Mapping[str, CuratedCluster], placed: Mapping[str, str | None]
) -> list[Waiting]:
    """The decisions that cannot be applied to these clusters, each with the reason, sorted by event.

    `clusters` are those after all decisions, `placed` the clusters of moved images.
    """

    @cache
    def where() -> dict[str, str]:  # only built for a decision that may wait
        return {image: cluster.id for cluster in clusters.values() for image in cluster.members}

    result = _settings_wait(folded, computed, clusters, where)
    result += _representatives_wait(folded, computed, clusters, where)
    for number, merge in folded.merges:
        result += _merge_waits(number, merge, folded, computed, where)
    result += _made_waits(folded, computed)
    for number, move in folded.moves:
        result += _move_waits(number, move, folded, computed, clusters, placed)
    return sorted(result, key=lambda decision: decision.number)


def _settings_wait(
    folded: Fold, computed: Computed, clusters: Mapping[str, CuratedCluster], where: Where
) -> list[Waiting]:
    """A name, a description and a status wait while their cluster is not there."""
    settings = [
        *((n, c, f"the name “{v}”") for c, (n, v) in folded.name.items() if v is not None),
        *((n, c, "the description") for c, (n, v) in folded.description.items() if v is not None),
        *((n, c, f"the status {v}") for c, (n, v) in folded.status.items() if v != "active"),
    ]
    return [
        _cluster_is_gone(number, cluster, what, computed, where)
        for number, cluster, what in settings
        if cluster not in clusters and cluster not in folded.redirect
    ]


def _representatives_wait(
    folded: Fold, computed: Computed, clusters: Mapping[str, CuratedCluster], where: Where
) -> list[Waiting]:
    """A chosen representative waits while its cluster is not there, or while it is in another one."""
    result: list[Waiting] = []
    for cluster, (number, image) in folded.representative.items():
        if image is None or cluster in folded.redirect:
            continue
        if cluster not in clusters:
            result.append(_cluster_is_gone(number, cluster, "the chosen representative", computed, where))
        elif image not in clusters[cluster].members:
            result.append(Waiting(number, f"the chosen representative {image} is not in {cluster} now", cluster))
    return result


def _cluster_is_gone(number: int, cluster: str, what: str, computed: Computed, where: Where) -> Waiting:
    """Says where most of the images of a cluster are that is not there any more."""
    now = Counter(where()[image] for image in computed.former.get(cluster, ()) if image in where()).most_common(3)
    text = ", ".join(f"{count} in {name}" for name, count in now)
    tail = f"; of its images {text} now" if now else ""
    return Waiting(number, f"{what}: cluster {cluster} is not there{tail}", now[0][0] if now else None)


def _merge_waits(number: int, merge: d.Merge, folded: Fold, computed: Computed, where: Where) -> list[Waiting]:
    """A merge waits if none of its other clusters exists, unless the clustering itself merged them."""
    others = [cluster for cluster in merge.clusters if cluster != merge.into]
    if any(cluster in computed.clusters or cluster in folded.made for cluster in others):
        return []
    into = folded.resolve(merge.into)
    for cluster in others:
        there = [where()[image] for image in computed.former.get(cluster, ()) if image in where()]
        if there and sum(cluster_now == into for cluster_now in there) * 2 >= len(there):
            return []
    return [Waiting(number, f"the merge into {merge.into}: {', '.join(others) or 'nothing else'} is not there")]


def _made_waits(folded: Fold, computed: Computed) -> list[Waiting]:
    """A cluster that people made waits while none of its images is there."""
    result: list[Waiting] = []
    for number, decision in folded.made.values():
        if not any(image in computed.home for image in decision.images):
            what = "that were split off" if isinstance(decision, d.Split) else "of the new cluster"
            result.append(Waiting(number, f"none of the {len(decision.images)} images {what} is there"))
    return result


def _move_waits(
    number: int,
    move: d.Move,
    folded: Fold,
    computed: Computed,
    clusters: Mapping[str, CuratedCluster],
    placed: Mapping[str, str | None],
) -> list[Waiting]:
    current = [image for image in move.images if folded.places[image][-1] == move.to and image not in folded.excluded]
    if not current:
        return []  # replaced by later decisions
    here = [image for image in current if image in computed.home]
    if not here:
        return [Waiting(number, f"none of the {len(current)} moved images is there")]
    if move.to is not None and folded.resolve(move.to) not in clusters:
        at = placed[here[0]]
        return [Waiting(number, f"{len(here)} images were moved to cluster {move.to}, which is not there", at)]
    return []
