"""Replays decisions over the computed clusters.

What belongs here: applying people's decisions (folded from events) to computed clusters. Not here: folding (`fold.py`),
decisions that must wait (`waiting.py`), why a cluster needs a review (`review.py`), storing (`storage/curation/`).

The result is a pure function of computed clusters and events, so nothing drifts. A decision that cannot be applied now
is listed with the reason and applies again when it can. The cost grows with the number of images and of decisions.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from pipeline.curation import decisions as d
from pipeline.curation.clusters import Computed, Curated, CuratedCluster
from pipeline.curation.events import Event
from pipeline.curation.fold import Fold, fold
from pipeline.curation.waiting import find_waiting

ADOPTS = 0.5  # overlap (Jaccard) above which a new computed cluster is the one that people made earlier


def replay(computed: Computed, events: Sequence[Event]) -> Curated:
    """The clusters after all decisions. `events` are those of one category, sorted by number.

    Every image of `computed` ends up in one cluster, unclustered or excluded.
    """
    folded = fold(events)
    home = computed.home
    _adopt(folded, computed)
    live = {folded.resolve(cluster) for cluster in computed.clusters}
    live |= {folded.resolve(cluster) for cluster, (_, decision) in folded.made.items()
             if any(image in home for image in decision.images)}  # fmt: skip
    placed = {image: _target(targets, folded, live, home[image]) for image, targets in folded.places.items()
              if image in home and image not in folded.excluded}  # fmt: skip
    excluded = frozenset(image for image in folded.excluded if image in home)
    members, loose = _members(computed, folded, placed, excluded)
    clusters = {cluster: _cluster(cluster, images, folded) for cluster, images in sorted(members.items()) if images}
    return Curated(
        clusters=clusters,
        unclustered=loose,
        excluded=excluded,
        tags={image: tuple(sorted(tags)) for image, tags in folded.tags.items() if tags},
        waiting=tuple(find_waiting(folded, computed, clusters, placed)),
        redirects={cluster: folded.resolve(cluster) for cluster in folded.redirect},
        placed=placed,
        events=events[-1].number if events else 0,
    )


def _adopt(folded: Fold, computed: Computed) -> None:
    """Give a computed cluster the id of a cluster that people made if it has most of the same images,
    unless people already named, described, reviewed or gave it a status."""
    spoken_for = {*folded.name, *folded.status, *folded.description, *folded.reviewed}
    for new, (_, decision) in folded.made.items():
        sources = (decision.cluster,) if isinstance(decision, d.Split) else decision.clusters
        images = frozenset(image for image in decision.images if image in computed.home)
        homes = Counter(computed.home[image] for image in images)
        for cluster, common in homes.most_common(1):
            if cluster is None or cluster in spoken_for or cluster in folded.redirect:
                continue
            if cluster in (*sources, folded.resolve(new)):  # the last if people merged what they made into it
                continue
            if common / len(computed.clusters[cluster] | images) > ADOPTS:
                folded.redirect[cluster] = new


def _target(targets: list[str | None], folded: Fold, live: set[str], home: str | None) -> str | None:
    for target in reversed(targets):
        if target is None:
            return None
        if folded.resolve(target) in live:
            return folded.resolve(target)
    return None if home is None else folded.resolve(home)


def _members(
    computed: Computed, folded: Fold, placed: Mapping[str, str | None], excluded: frozenset[str]
) -> tuple[dict[str, frozenset[str]], frozenset[str]]:
    members: dict[str, frozenset[str]] = {}
    for cluster, images in computed.clusters.items():
        resolved = folded.resolve(cluster)
        members[resolved] = members[resolved] | images if resolved in members else images
    leaving: dict[str | None, set[str]] = {}
    coming: dict[str | None, set[str]] = {}
    for image in [*placed, *excluded]:
        home = computed.home[image]
        source = None if home is None else folded.resolve(home)
        if image in excluded:
            leaving.setdefault(source, set()).add(image)
        elif placed[image] != source:
            leaving.setdefault(source, set()).add(image)
            coming.setdefault(placed[image], set()).add(image)
    loose = (computed.unclustered - leaving.pop(None, set())) | coming.pop(None, set())
    for cluster, images in leaving.items():
        members[str(cluster)] -= images
    for cluster, images in coming.items():
        members[str(cluster)] = members.get(str(cluster), frozenset()) | images
    return members, frozenset(loose)


def _cluster(cluster: str, members: frozenset[str], folded: Fold) -> CuratedCluster:
    representative = folded.representative.get(cluster, (0, None))[1]
    merged = tuple(sorted(other for other in folded.redirect if folded.resolve(other) == cluster))
    names = [name for other in (cluster, *merged) for name in folded.former_names.get(other, [])]
    names += [name for other in merged if (name := folded.name.get(other, (0, None))[1]) is not None]
    current = folded.name.get(cluster, (0, None))[1]
    return CuratedCluster(
        id=cluster,
        members=members,
        name=current,
        description=folded.description.get(cluster, (0, None))[1],
        status=folded.status.get(cluster, (0, "active"))[1],
        representative=representative if representative in members else None,
        former_names=tuple(name for name in dict.fromkeys(names) if name != current),
        merged=merged,
        reviewed=folded.reviewed.get(cluster),
        baseline=folded.baseline.get(cluster),
        made_by_people=cluster in folded.made,
    )
