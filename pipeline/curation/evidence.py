"""What people's decisions say about which images belong together.

What belongs here: the clusters that people stand behind, and pairs of images that they put together or apart. Not here:
judging a clustering by them (`stages/tuning/agreement.py`), applying decisions (`replay.py`).

Decisions are read as they stand after all later ones: a pair counts only if today's clusters agree with it.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from pipeline.curation import decisions as d
from pipeline.curation.clusters import Curated, CuratedCluster
from pipeline.curation.events import Event, active_events

PAIRS_EACH = 50  # pairs that one decision about many images gives at most, so that it does not outvote all others
Pair = tuple[str, str, bool]


@dataclass(frozen=True)
class Evidence:
    """`groups`: content hash → cluster id, for the images of clusters that people named, reviewed, merged or made.

    `corrections`: pairs (content hash, content hash, whether they belong together) that follow from merges, splits,
    moves and clusters made by hand. `ratings`: rated pairs.
    """

    groups: Mapping[str, str] = field(default_factory=dict[str, str])
    corrections: Sequence[Pair] = ()
    ratings: Sequence[Pair] = ()

    @property
    def is_empty(self) -> bool:
        """Whether people decided nothing that says which images belong together."""
        return not (self.groups or self.corrections or self.ratings)

    @property
    def images(self) -> frozenset[str]:
        """The images of all pairs."""
        return frozenset(image for a, b, _ in (*self.corrections, *self.ratings) for image in (a, b))


def evidence(curated: Curated, events: Sequence[Event], ratings: Sequence[Pair], seed: int = 0) -> Evidence:
    """What decisions say: `curated` are the clusters after all of them, `ratings` the rated pairs."""
    stood_behind = [cluster for cluster in curated.clusters.values() if _stands_behind(cluster)]
    groups = {image: cluster.id for cluster in stood_behind for image in cluster.members}
    home = {image: cluster.id for cluster in curated.clusters.values() for image in cluster.members}
    draw = random.Random(seed)
    pairs: dict[tuple[str, str], bool] = {}
    for event in active_events(events):
        for first, second, same in _sides(event, curated):
            pairs |= _drawn(first, second, same, home, draw)
    return Evidence(groups, [(a, b, same) for (a, b), same in sorted(pairs.items())], list(ratings))


def _stands_behind(cluster: CuratedCluster) -> bool:
    decided = cluster.name is not None or cluster.reviewed is not None
    return decided or cluster.made_by_people or bool(cluster.merged)


def _sides(event: Event, curated: Curated) -> list[tuple[Collection[str], Collection[str], bool]]:
    """Two sets of images, and whether the decision says that those of one belong with those of the other."""

    def members(cluster: str | None) -> frozenset[str]:
        found = curated.find(cluster) if cluster is not None else None
        return found.members if found is not None else frozenset()

    match event.decision:
        case d.Merge(clusters=clusters, into=into):
            states = [event.state[name].members for name in (into, *clusters) if name in event.state]
            return [(states[0], other, True) for other in states[1:]]
        case d.Split(cluster=source, images=images, new_cluster=made):
            return [(images, members(made), True), (images, members(source), False)]
        case d.Create(images=images, new_cluster=made, clusters=sources):
            return [(images, members(made), True), *((images, members(source), False) for source in sources)]
        case d.Move(images=images, to=to, clusters=sources):
            return [(images, members(to), True), *((images, members(source), False) for source in sources)]
        case (
            d.Rename() | d.Describe() | d.SetStatus() | d.Review() | d.Exclude() | d.Include() | d.Tag() | d.Untag()
            | d.WrongBox() | d.AddBox() | d.ChooseRepresentative() | d.Note() | d.Pair() | d.KeepBoth()
            | d.Granularity() | d.Encoder() | d.SaveView() | d.Undo()
        ):  # fmt: skip
            return []  # about clusters as they are, or about no cluster; ratings are read apart
        case _:
            assert_never(event.decision)


def _drawn(
    first: Collection[str], second: Collection[str], same: bool, home: Mapping[str, str], draw: random.Random
) -> dict[tuple[str, str], bool]:
    """Up to `PAIRS_EACH` pairs of one image of each side that today's clusters agree with."""
    one, other = sorted(first), sorted(second)
    pairs: dict[tuple[str, str], bool] = {}
    for _ in range(2 * PAIRS_EACH if one and other else 0):
        a, b = draw.choice(one), draw.choice(other)
        if a != b and a in home and b in home and (home[a] == home[b]) == same:
            pairs[min(a, b), max(a, b)] = same
        if len(pairs) == PAIRS_EACH:
            break
    return pairs
