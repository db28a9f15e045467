"""Events → clusters with people's decisions applied: replay over the computed clusters.

What belongs here: what each decision does, and when it has to wait. Not here: the decisions (`decisions.py`), why a
cluster asks to be reviewed (`review.py`), storing (`storage/curation/`).

A pure function of the computed clusters and the events, computed again each time, so nothing drifts. A decision that
cannot be applied now is listed with the reason and applies again when it can. The cost depends on the number of
decisions; clusters without decisions are passed through.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import assert_never

from pipeline.curation import decisions as d
from pipeline.curation.decisions import Event

# The kinds of which the replay looks at the members that a cluster had before the event. Others are not read.
ReadsMembers = d.Rename | d.Review | d.Merge
ADOPTS = 0.5  # overlap (Jaccard) above which a computed cluster is what people split off before it was found


@dataclass(frozen=True)
class Computed:
    """Clusters as computed: ids and content hashes. `former` holds the last members of clusters that are gone."""

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
    """One cluster as people want it. `merged` are the other ids that it answers to."""

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
    """A decision that does not fit at present: the event's number, the reason, and who holds its images now."""

    number: int
    reason: str
    cluster: str | None = None


@dataclass(frozen=True)
class Curated:
    """The whole of it; `clusters` by id, `placed` the cluster of each image that people or merges moved."""

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
        """The cluster of that id, also by an id that was merged into it."""
        return self.clusters.get(self.redirects.get(cluster, cluster))


@dataclass
class Fold:
    """What the events say, one after the other, before it meets the clusters."""

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
        """The id that a cluster goes by after people's merges."""
        while cluster in self.redirect:
            cluster = self.redirect[cluster]
        return cluster

    def names(self) -> frozenset[str]:
        """Ids that have a name now."""
        return frozenset(cluster for cluster, (_, name) in self.name.items() if name is not None)

    def add(self, event: Event) -> None:
        """Take in the next event that holds."""
        match event.decision:
            case d.Rename(cluster=cluster, name=name):
                self._name(event.number, cluster, name)
                self._looked_at(event, event.decision)
            case d.Describe(cluster=cluster, description=text):
                self.description[cluster] = (event.number, text)
            case d.SetStatus(cluster=cluster, status=status):
                self.status[cluster] = (event.number, status)
            case d.Review():
                self._looked_at(event, event.decision)
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
                pass  # says nothing about clusters
            case d.Undo():
                pass  # `active_events` has taken it into account
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

    def _looked_at(self, event: Event, decision: d.Rename | d.Review) -> None:
        self.reviewed[decision.cluster] = event.number
        self.baseline |= _members_before(event, decision, [decision.cluster])

    def _merge(self, event: Event, merge: d.Merge) -> None:
        self.merges.append((event.number, merge))
        others = [cluster for cluster in merge.clusters if cluster != merge.into]
        self.redirect.pop(merge.into, None)  # what was merged away before is now the one that stays
        for cluster in others:
            self.redirect[cluster] = merge.into
        known = [self.name[cluster][1] for cluster in others if self.name.get(cluster, (0, None))[1] is not None]
        if self.name.get(merge.into, (0, None))[1] is None and len(known) == 1:
            self._name(event.number, merge.into, known[0])
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
        """What people take out of a cluster is no change that they have to be asked about."""
        for cluster, members in self.baseline.items():
            if members & images:
                self.baseline[cluster] = members - images


def _members_before(event: Event, decision: ReadsMembers, clusters: Sequence[str]) -> dict[str, frozenset[str]]:  # noqa: ARG001  # its type is the check
    """The members of clusters just before an event of one of the kinds of which these are read from the database."""
    return {cluster: event.state[cluster].members for cluster in clusters if cluster in event.state}


def fold(events: Sequence[Event]) -> Fold:
    """What all events that hold say together."""
    folded = Fold()
    for event in d.active_events(events):
        folded.add(event)
    return folded


def replay(computed: Computed, events: Sequence[Event]) -> Curated:
    """The clusters as people want them. `events` are those of one category, in the order of their numbers.

    Every image of `computed` is afterwards in one cluster, unclustered or excluded.
    """
    said = fold(events)
    home = computed.home
    _adopt(said, computed)
    live = {said.resolve(cluster) for cluster in computed.clusters}
    live |= {said.resolve(cluster) for cluster, (_, split) in said.splits.items()
             if any(image in home for image in split.images)}  # fmt: skip
    placed = {image: _target(targets, said, live, home[image]) for image, targets in said.places.items()
              if image in home and image not in said.excluded}  # fmt: skip
    excluded = frozenset(image for image in said.excluded if image in home)
    members, loose = _members(computed, said, placed, excluded)
    clusters = {cluster: _cluster(cluster, images, said) for cluster, images in sorted(members.items()) if images}
    return Curated(
        clusters=clusters,
        unclustered=loose,
        excluded=excluded,
        tags={image: tuple(sorted(tags)) for image, tags in said.tags.items() if tags},
        waiting=tuple(sorted(_waiting(said, computed, clusters, placed), key=lambda one: one.number)),
        redirects={cluster: said.resolve(cluster) for cluster in said.redirect},
        placed=placed,
        events=events[-1].number if events else 0,
    )


def _adopt(said: Fold, computed: Computed) -> None:
    """A computed cluster that is what people split off before goes by the id that it got then."""
    spoken_for = {*said.name, *said.status, *said.description, *said.reviewed}
    for new, (_, split) in said.splits.items():
        images = frozenset(image for image in split.images if image in computed.home)
        found = Counter(computed.home[image] for image in images)
        for cluster, common in found.most_common(1):
            if cluster is None or cluster in spoken_for or cluster in said.redirect:
                continue
            if cluster in (split.cluster, said.resolve(new)):  # the second: people merged the split into it
                continue
            if common / len(computed.clusters[cluster] | images) > ADOPTS:
                said.redirect[cluster] = new


def _target(targets: list[str | None], said: Fold, live: set[str], home: str | None) -> str | None:
    for target in reversed(targets):
        if target is None:
            return None
        if said.resolve(target) in live:
            return said.resolve(target)
    return None if home is None else said.resolve(home)


def _members(
    computed: Computed, said: Fold, placed: Mapping[str, str | None], excluded: frozenset[str]
) -> tuple[dict[str, frozenset[str]], frozenset[str]]:
    members: dict[str, frozenset[str]] = {}
    for cluster, images in computed.clusters.items():
        resolved = said.resolve(cluster)
        members[resolved] = members[resolved] | images if resolved in members else images
    leaving: dict[str | None, set[str]] = {}
    coming: dict[str | None, set[str]] = {}
    for image in [*placed, *excluded]:
        home = computed.home[image]
        source = None if home is None else said.resolve(home)
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


def _cluster(cluster: str, members: frozenset[str], said: Fold) -> CuratedCluster:
    representative = said.representative.get(cluster, (0, None))[1]
    merged = tuple(sorted(other for other in said.redirect if said.resolve(other) == cluster))
    names = [name for one in (cluster, *merged) for name in said.former_names.get(one, [])]
    names += [name for one in merged if (name := said.name.get(one, (0, None))[1]) is not None]
    current = said.name.get(cluster, (0, None))[1]
    return CuratedCluster(
        id=cluster,
        members=members,
        name=current,
        description=said.description.get(cluster, (0, None))[1],
        status=said.status.get(cluster, (0, "active"))[1],
        representative=representative if representative in members else None,
        former_names=tuple(name for name in dict.fromkeys(names) if name != current),
        merged=merged,
        reviewed=said.reviewed.get(cluster),
        baseline=said.baseline.get(cluster),
        made_by_people=cluster in said.splits,
    )


def _waiting(
    said: Fold, computed: Computed, clusters: Mapping[str, CuratedCluster], placed: Mapping[str, str | None]
) -> list[Waiting]:
    where = {image: cluster.id for cluster in clusters.values() for image in cluster.members} if _may_wait(
        said, clusters) else {}  # fmt: skip
    result: list[Waiting] = []

    def gone(number: int, cluster: str, what: str) -> None:
        now = Counter(where[image] for image in computed.former.get(cluster, ()) if image in where).most_common(3)
        text = ", ".join(f"{count} in {name}" for name, count in now)
        tail = f"; of its images {text} now" if now else ""
        result.append(Waiting(number, f"{what}: cluster {cluster} is not there{tail}", now[0][0] if now else None))

    settings = [
        *((n, c, f"the name “{v}”") for c, (n, v) in said.name.items() if v is not None),
        *((n, c, "the description") for c, (n, v) in said.description.items() if v is not None),
        *((n, c, f"the status {v}") for c, (n, v) in said.status.items() if v != "active"),
    ]
    for number, cluster, what in settings:
        if cluster not in clusters and cluster not in said.redirect:
            gone(number, cluster, what)
    for cluster, (number, image) in said.representative.items():
        if image is None or cluster in said.redirect:
            continue
        if cluster not in clusters:
            gone(number, cluster, "the chosen representative")
        elif image not in clusters[cluster].members:
            result.append(Waiting(number, f"the chosen representative {image} is not in {cluster} now", cluster))
    for number, merge in said.merges:
        result += _merge_waits(number, merge, said, computed, where)
    for number, split in said.splits.values():
        if not any(image in computed.home for image in split.images):
            result.append(Waiting(number, f"none of the {len(split.images)} images that were split off is there"))
    for number, move in said.moves:
        result += _move_waits(number, move, said, computed, clusters, placed)
    return result


def _may_wait(said: Fold, clusters: Mapping[str, CuratedCluster]) -> bool:
    touched = {*said.name, *said.description, *said.status, *said.representative}
    touched |= {cluster for _, merge in said.merges for cluster in merge.clusters_touched()}
    return any(cluster not in clusters for cluster in touched)


def _merge_waits(
    number: int, merge: d.Merge, said: Fold, computed: Computed, where: Mapping[str, str]
) -> list[Waiting]:
    """A merge waits when none of what it joins is there, unless the clustering has joined it by itself."""
    others = [cluster for cluster in merge.clusters if cluster != merge.into]
    if any(cluster in computed.clusters or cluster in said.splits for cluster in others):
        return []
    into = said.resolve(merge.into)
    for cluster in others:
        there = [where[image] for image in computed.former.get(cluster, ()) if image in where]
        if there and sum(one == into for one in there) * 2 >= len(there):
            return []
    return [Waiting(number, f"the merge into {merge.into}: {', '.join(others) or 'nothing else'} is not there")]


def _move_waits(
    number: int,
    move: d.Move,
    said: Fold,
    computed: Computed,
    clusters: Mapping[str, CuratedCluster],
    placed: Mapping[str, str | None],
) -> list[Waiting]:
    current = [image for image in move.images if said.places[image][-1] == move.to and image not in said.excluded]
    if not current:
        return []  # later decisions took its place
    here = [image for image in current if image in computed.home]
    if not here:
        return [Waiting(number, f"none of the {len(current)} moved images is there")]
    if move.to is not None and said.resolve(move.to) not in clusters:
        at = placed[here[0]]
        return [Waiting(number, f"{len(here)} images were moved to cluster {move.to}, which is not there", at)]
    return []
