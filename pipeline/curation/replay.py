"""Replays decisions over the computed clusters.

What belongs here: the effect of each decision, and when it must wait. Not here: the decisions (`decisions.py`), why a
cluster needs a review (`review.py`), storing (`storage/curation/`).

The result is a pure function of computed clusters and events, so nothing drifts. A decision that cannot be applied now
is listed with the reason and applies again when it can. The cost depends on the number of decisions; clusters without
decisions pass through unchanged.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import assert_never

from pipeline.curation import decisions as d
from pipeline.curation.decisions import Event

# The kinds for which the replay needs the members of a cluster before the event; those of other kinds are not read.
ReadsMembers = d.Rename | d.Review | d.Merge
ADOPTS = 0.5  # overlap (Jaccard) above which a new computed cluster is the one that people split off earlier


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


@dataclass
class Fold:
    """The state after all events, before it is applied to the clusters."""

    name: dict[str, tuple[int, str | None]] = field(default_factory=dict[str, "tuple[int, str | None]"])
    former_names: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    description: dict[str, tuple[int, str | None]] = field(default_factory=dict[str, "tuple[int, str | None]"])
    status: dict[str, tuple[int, str]] = field(default_factory=dict[str, "tuple[int, str]"])
    representative: dict[str, tuple[int, str | None]] = field(default_factory=dict[str, "tuple[int, str | None]"])
    redirect: dict[str, str] = field(default_factory=dict[str, str])
    merges: list[tuple[int, d.Merge]] = field(default_factory=list["tuple[int, d.Merge]"])
    splits: dict[str, tuple[int, d.Split]] = field(default_factory=dict[str, "tuple[int, d.Split]"])
    moves: list[tuple[int, d.Move]] = field(default_factory=list["tuple[int, d.Move]"])
    places: dict[str, list[str | None]] = field(default_factory=dict[str, "list[str | None]"])
    excluded: dict[str, int] = field(default_factory=dict[str, int])
    tags: dict[str, dict[str, None]] = field(default_factory=dict[str, "dict[str, None]"])
    reviewed: dict[str, int] = field(default_factory=dict[str, int])
    baseline: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])

    def resolve(self, cluster: str) -> str:
        """The id of a cluster after all merges by people."""
        while cluster in self.redirect:
            cluster = self.redirect[cluster]
        return cluster

    def names(self) -> frozenset[str]:
        """The ids of named clusters."""
        return frozenset(cluster for cluster, (_, name) in self.name.items() if name is not None)

    def add(self, event: Event) -> None:
        """Apply the next event in force."""
        match event.decision:
            case d.Rename(cluster=cluster, name=name):
                self._name(event.number, cluster, name)
                self._mark_reviewed(event, event.decision)
            case d.Describe(cluster=cluster, description=text):
                self.description[cluster] = (event.number, text)
            case d.SetStatus(cluster=cluster, status=status):
                self.status[cluster] = (event.number, status)
            case d.Review():
                self._mark_reviewed(event, event.decision)
            case d.ChooseRepresentative(cluster=cluster, image=image):
                self.representative[cluster] = (event.number, image)
            case d.Merge():
                self._merge(event, event.decision)
            case d.Split():
                self._split(event, event.decision)
            case d.Move():
                self._move(event, event.decision)
            case d.Exclude() | d.Include() | d.Tag() | d.Untag():
                self._images(event.number, event.decision)
            case d.Note() | d.Pair() | d.KeepBoth():
                pass  # does not affect clusters
            case d.Undo():
                pass  # `active_events` handles it
            case _:
                assert_never(event.decision)

    def _images(self, number: int, decision: d.Exclude | d.Include | d.Tag | d.Untag) -> None:
        match decision:
            case d.Exclude(images=images):
                self.excluded |= dict.fromkeys(images, number)
                self._forget(frozenset(images))
            case d.Include(images=images):
                for image in images:
                    self.excluded.pop(image, None)
            case d.Tag(images=images, tag=tag):
                for image in images:
                    self.tags.setdefault(image, {})[tag] = None
            case d.Untag(images=images, tag=tag):
                for image in images:
                    self.tags.get(image, {}).pop(tag, None)
            case _:
                assert_never(decision)

    def _name(self, number: int, cluster: str, name: str | None) -> None:
        was = self.name.get(cluster, (0, None))[1]
        if was is not None and was != name:
            self.former_names.setdefault(cluster, []).append(was)
        self.name[cluster] = (number, name)

    def _mark_reviewed(self, event: Event, decision: d.Rename | d.Review) -> None:
        self.reviewed[decision.cluster] = event.number
        self.baseline |= _members_before(event, decision, [decision.cluster])

    def _merge(self, event: Event, merge: d.Merge) -> None:
        self.merges.append((event.number, merge))
        others = [cluster for cluster in merge.clusters if cluster != merge.into]
        self.redirect.pop(merge.into, None)  # a cluster that was merged away before can be the target now
        for cluster in others:
            self.redirect[cluster] = merge.into
        names = [self.name[cluster][1] for cluster in others if self.name.get(cluster, (0, None))[1] is not None]
        if self.name.get(merge.into, (0, None))[1] is None and len(names) == 1:
            self._name(event.number, merge.into, names[0])
        if merge.into in self.baseline:
            taken_in = _members_before(event, merge, others).values()
            self.baseline[merge.into] = self.baseline[merge.into].union(*taken_in)

    def _split(self, event: Event, split: d.Split) -> None:
        images = frozenset(split.images)
        self.splits[split.new_cluster] = (event.number, split)
        for image in split.images:
            self.places.setdefault(image, []).append(split.new_cluster)
        if split.name is not None:
            self._name(event.number, split.new_cluster, split.name)
        self._forget(images)
        self.reviewed[split.new_cluster] = event.number
        self.baseline[split.new_cluster] = images

    def _move(self, event: Event, move: d.Move) -> None:
        images = frozenset(move.images)
        self.moves.append((event.number, move))
        for image in move.images:
            self.places.setdefault(image, []).append(move.to)
        self._forget(images)
        if move.to is not None and move.to in self.baseline:
            self.baseline[move.to] |= images

    def _forget(self, images: frozenset[str]) -> None:
        """Remove these images from all baselines: a change by people needs no review."""
        for cluster, members in self.baseline.items():
            if members & images:
                self.baseline[cluster] = members - images


def _members_before(event: Event, decision: ReadsMembers, clusters: Sequence[str]) -> dict[str, frozenset[str]]:  # noqa: ARG001  # its type is the check
    """The members of clusters just before an event, for the kinds whose members are read from the database."""
    return {cluster: event.state[cluster].members for cluster in clusters if cluster in event.state}


def fold(events: Sequence[Event]) -> Fold:
    """The state after all events in force."""
    folded = Fold()
    for event in d.active_events(events):
        folded.add(event)
    return folded


def replay(computed: Computed, events: Sequence[Event]) -> Curated:
    """The clusters after all decisions. `events` are those of one category, sorted by number.

    Every image of `computed` ends up in one cluster, unclustered or excluded.
    """
    folded = fold(events)
    home = computed.home
    _adopt(folded, computed)
    live = {folded.resolve(cluster) for cluster in computed.clusters}
    live |= {folded.resolve(cluster) for cluster, (_, split) in folded.splits.items()
             if any(image in home for image in split.images)}  # fmt: skip
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
        waiting=tuple(sorted(_find_waiting(folded, computed, clusters, placed), key=lambda waiting: waiting.number)),
        redirects={cluster: folded.resolve(cluster) for cluster in folded.redirect},
        placed=placed,
        events=events[-1].number if events else 0,
    )


def _adopt(folded: Fold, computed: Computed) -> None:
    """Give a computed cluster the id of a split if it has the images that people split off."""
    spoken_for = {*folded.name, *folded.status, *folded.description, *folded.reviewed}
    for new, (_, split) in folded.splits.items():
        images = frozenset(image for image in split.images if image in computed.home)
        homes = Counter(computed.home[image] for image in images)
        for cluster, common in homes.most_common(1):
            if cluster is None or cluster in spoken_for or cluster in folded.redirect:
                continue
            if cluster in (split.cluster, folded.resolve(new)):  # the second if people merged the split into it
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
        made_by_people=cluster in folded.splits,
    )


def _find_waiting(
    folded: Fold, computed: Computed, clusters: Mapping[str, CuratedCluster], placed: Mapping[str, str | None]
) -> list[Waiting]:
    where = {image: cluster.id for cluster in clusters.values() for image in cluster.members} if _any_may_wait(
        folded, clusters) else {}  # fmt: skip
    result: list[Waiting] = []

    def gone(number: int, cluster: str, what: str) -> None:
        now = Counter(where[image] for image in computed.former.get(cluster, ()) if image in where).most_common(3)
        text = ", ".join(f"{count} in {name}" for name, count in now)
        tail = f"; of its images {text} now" if now else ""
        result.append(Waiting(number, f"{what}: cluster {cluster} is not there{tail}", now[0][0] if now else None))

    settings = [
        *((n, c, f"the name “{v}”") for c, (n, v) in folded.name.items() if v is not None),
        *((n, c, "the description") for c, (n, v) in folded.description.items() if v is not None),
        *((n, c, f"the status {v}") for c, (n, v) in folded.status.items() if v != "active"),
    ]
    for number, cluster, what in settings:
        if cluster not in clusters and cluster not in folded.redirect:
            gone(number, cluster, what)
    for cluster, (number, image) in folded.representative.items():
        if image is None or cluster in folded.redirect:
            continue
        if cluster not in clusters:
            gone(number, cluster, "the chosen representative")
        elif image not in clusters[cluster].members:
            result.append(Waiting(number, f"the chosen representative {image} is not in {cluster} now", cluster))
    for number, merge in folded.merges:
        result += _merge_waits(number, merge, folded, computed, where)
    for number, split in folded.splits.values():
        if not any(image in computed.home for image in split.images):
            result.append(Waiting(number, f"none of the {len(split.images)} images that were split off is there"))
    for number, move in folded.moves:
        result += _move_waits(number, move, folded, computed, clusters, placed)
    return result


def _any_may_wait(folded: Fold, clusters: Mapping[str, CuratedCluster]) -> bool:
    touched = {*folded.name, *folded.description, *folded.status, *folded.representative}
    touched |= {cluster for _, merge in folded.merges for cluster in merge.clusters_touched()}
    return any(cluster not in clusters for cluster in touched)


def _merge_waits(
    number: int, merge: d.Merge, folded: Fold, computed: Computed, where: Mapping[str, str]
) -> list[Waiting]:
    """A merge waits if none of its other clusters exists, unless the clustering itself merged them."""
    others = [cluster for cluster in merge.clusters if cluster != merge.into]
    if any(cluster in computed.clusters or cluster in folded.splits for cluster in others):
        return []
    into = folded.resolve(merge.into)
    for cluster in others:
        there = [where[image] for image in computed.former.get(cluster, ()) if image in where]
        if there and sum(cluster_now == into for cluster_now in there) * 2 >= len(there):
            return []
    return [Waiting(number, f"the merge into {merge.into}: {', '.join(others) or 'nothing else'} is not there")]


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
