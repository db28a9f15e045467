"""Folds events into one state: names, merges, splits, moves, exclusions, tags and reviews.

What belongs here: the effect of each event on that state. Not here: the decisions (`decisions.py`), applying the state
to computed clusters (`replay.py`), decisions that cannot be applied (`waiting.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import assert_never

from pipeline.curation import decisions as d
from pipeline.curation.boxes import Boxes
from pipeline.curation.events import Event, active_events

# The kinds for which the replay needs the members of a cluster before the event; those of other kinds are not read.
ReadsMembers = d.Rename | d.Review | d.Merge


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
    made: dict[str, tuple[int, d.NewCluster]] = field(default_factory=dict[str, "tuple[int, d.NewCluster]"])
    moves: list[tuple[int, d.Move]] = field(default_factory=list["tuple[int, d.Move]"])
    places: dict[str, list[str | None]] = field(default_factory=dict[str, "list[str | None]"])
    excluded: dict[str, int] = field(default_factory=dict[str, int])
    tags: dict[str, dict[str, None]] = field(default_factory=dict[str, "dict[str, None]"])
    boxes: Boxes = field(default_factory=Boxes)
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
            case d.Split() | d.Create():
                self._make(event, event.decision)
            case d.Move():
                self._move(event, event.decision)
            case d.Exclude() | d.Include() | d.Tag() | d.Untag() | d.WrongBox() | d.AddBox():
                self._images(event.number, event.decision)
            case d.Note() | d.Pair() | d.KeepBoth() | d.Granularity() | d.Encoder() | d.SaveView():
                pass  # does not affect these clusters
            case d.Undo():
                pass  # `active_events` handles it
            case _:
                assert_never(event.decision)

    def _images(self, number: int, decision: d.Exclude | d.Include | d.Tag | d.Untag | d.WrongBox | d.AddBox) -> None:
        match decision:
            case d.Exclude(images=images):
                self.excluded |= dict.fromkeys(images, number)
                self._forget(frozenset(images))
            case d.Include(images=images):
                for image in images:
                    self.excluded.pop(image, None)
                self.boxes.take_back(images)
            case d.Tag(images=images, tag=tag):
                for image in images:
                    self.tags.setdefault(image, {})[tag] = None
            case d.Untag(images=images, tag=tag):
                for image in images:
                    self.tags.get(image, {}).pop(tag, None)
            case d.WrongBox(image=image):  # left out at once; the next run does not make it
                self.boxes.refuse(number, decision)
                self.excluded[image] = number
                self._forget(frozenset([image]))
            case d.AddBox():
                for image in self.boxes.draw(number, decision):
                    self.excluded.pop(image, None)
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

    def _make(self, event: Event, decision: d.NewCluster) -> None:
        images = frozenset(decision.images)
        self.made[decision.new_cluster] = (event.number, decision)
        for image in decision.images:
            self.places.setdefault(image, []).append(decision.new_cluster)
        if decision.name is not None:
            self._name(event.number, decision.new_cluster, decision.name)
        self._forget(images)
        self.reviewed[decision.new_cluster] = event.number
        self.baseline[decision.new_cluster] = images

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


def fold(events: Sequence[Event]) -> Fold:
    """The state after all events in force."""
    folded = Fold()
    for event in active_events(events):
        folded.add(event)
    return folded


def _members_before(event: Event, decision: ReadsMembers, clusters: Sequence[str]) -> dict[str, frozenset[str]]:  # noqa: ARG001  # its type is the check
    """The members of clusters just before an event, for the kinds whose members are read from the database."""
    return {cluster: event.state[cluster].members for cluster in clusters if cluster in event.state}
