"""The clusters of today beside those that another clustering would give, both with all decisions applied.

What belongs here: which ids and names go on, and which clusters would be merged, divided or mixed. Not here: clustering
(`stages/labels/`), ids for the other clusters (`stages/identities/matching.py`), applying decisions (`replay.py`).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pipeline.curation.clusters import Curated

PART = 0.2  # share of a cluster's images from which it counts as having gone to, or come from, another one

Change = Literal["same", "changed", "merged", "divided", "mixed", "new", "gone"]


@dataclass(frozen=True)
class Step:
    """Clusters of today (`before`) and what becomes of them (`after`): ids, those with most images first."""

    change: Change
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True)
class Outlook:
    """Both clusterings of the same images, and what stands between them."""

    today: Curated
    then: Curated

    @cached_property
    def kept(self) -> frozenset[str]:
        """Ids of today that go on."""
        return frozenset(self.today.clusters.keys() & self.then.clusters.keys())

    @cached_property
    def names(self) -> dict[str, str]:
        """Id → name of today's named clusters."""
        return {cluster: name for cluster, name in self.today.names.items() if name is not None}

    @cached_property
    def lost(self) -> tuple[str, ...]:
        """Names of today that no cluster would have, sorted."""
        return tuple(sorted(self.names[cluster] for cluster in self.names if cluster not in self.kept))

    @cached_property
    def flows(self) -> Mapping[tuple[str, str], int]:
        """(id of today, id then) → how many content hashes they share."""
        home = {image: cluster.id for cluster in self.then.clusters.values() for image in cluster.members}
        return Counter(
            (cluster.id, home[image])
            for cluster in self.today.clusters.values() for image in cluster.members if image in home
        )  # fmt: skip

    @cached_property
    def steps(self) -> list[Step]:
        """Every cluster of today and of then, each once, in rows of those that share images; the largest row first.

        Two clusters stand in one row if they share at least `PART` of the images of one of them.
        """
        row_of: dict[tuple[bool, str], set[tuple[bool, str]]] = {}
        for side, curated in ((False, self.today), (True, self.then)):
            for cluster in curated.clusters:
                row_of[side, cluster] = {(side, cluster)}
        for (before, after), count in sorted(self.flows.items()):
            sizes = len(self.today.clusters[before].members), len(self.then.clusters[after].members)
            one, other = row_of[False, before], row_of[True, after]
            if one is not other and count >= PART * min(sizes):
                one |= other
                for member in other:
                    row_of[member] = one
        rows = {id(row): row for row in row_of.values()}.values()
        return sorted((self._step(row) for row in rows), key=lambda step: (-self._size(step), step.before, step.after))

    def _step(self, row: set[tuple[bool, str]]) -> Step:
        def largest_first(curated: Curated, *, then: bool) -> tuple[str, ...]:
            ids = [cluster for side, cluster in row if side is then]
            return tuple(sorted(ids, key=lambda cluster: (-len(curated.clusters[cluster].members), cluster)))

        before, after = largest_first(self.today, then=False), largest_first(self.then, then=True)
        return Step(self._change(before, after), before, after)

    def _change(self, before: tuple[str, ...], after: tuple[str, ...]) -> Change:
        match len(before), len(after):
            case 0, _:
                return "new"
            case _, 0:
                return "gone"
            case 1, 1:
                same = self.today.clusters[before[0]].members == self.then.clusters[after[0]].members
                return "same" if same and before == after else "changed"
            case 1, _:
                return "divided"
            case _, 1:
                return "merged"
            case _:
                return "mixed"

    def _size(self, step: Step) -> int:
        return sum(len(self.today.clusters[cluster].members) for cluster in step.before) + sum(
            len(self.then.clusters[cluster].members) for cluster in step.after
        )
