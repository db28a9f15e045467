"""How many images keep their cluster id when the library or the settings change, as a Markdown table.

    python -m tests.benchmarks.bench_identity [--quick] [--sets A,B] [--times N] [--write docs/appendix/identity.md]

What belongs here: disturbing a library and counting who keeps the id. Not here: the libraries (`identity_sets.py`), the
bars that must hold (`tests/golden/test_identity_figures.py`, which uses the functions of this file).

`kept`: of the images that are there before and after and were clustered before, the share whose cluster has the same id
after. `possible`: the largest share that any way of handing out ids could have reached with the groups that the
clustering found (the assignment that maximises the number of images). Their difference is what matching lost; the rest,
up to 100 %, is what the clustering itself moved.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.settings import IdentityParams
from pipeline.stages.identities.matching import Ledger, match
from pipeline.stages.labels import incremental as placement

SHARES = (0.05, 0.2)
START, END = "<!-- figures: make bench-identity -->", "<!-- end of figures -->"


@dataclass(frozen=True)
class Clustered:
    """Some images of a library (`rows` int [m]) with their groups int [m], −1 for none."""

    rows: np.ndarray
    groups: np.ndarray

    def members(self) -> list[frozenset[str]]:
        """The content hash of each member of each group, by group number."""
        return [frozenset(f"h{row:05d}" for row in self.rows[self.groups == group].tolist())
                for group in np.unique(self.groups[self.groups >= 0])]  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """`kept` and `possible` as above. Of the `sure` clusters, which share half or more (Jaccard) with a group: how many
    lost their id to it without cause, how many of these were named, how many nameless ones gave way to a named one."""

    kept: float
    possible: float
    sure: int
    broken: int
    names_broken: int
    gave_way: int


@dataclass
class Row:
    """One line of the table: many outcomes of one kind."""

    library: str
    change: str
    mode: str
    outcomes: list[Outcome] = field(default_factory=list[Outcome])

    def cells(self) -> list[str]:
        """The line as text."""
        kept = [one.kept for one in self.outcomes]
        possible = float(np.mean([one.possible for one in self.outcomes]))
        counts = [
            sum(getattr(one, name) for one in self.outcomes) for name in ("sure", "broken", "names_broken", "gave_way")
        ]
        return [self.library, self.change, self.mode, str(len(kept)), f"{np.mean(kept):.1%}", f"{min(kept):.1%}",
                f"{possible:.1%}", *(f"{count:,}" for count in counts)]  # fmt: skip


HEAD = (
    "library", "change", "mode", "times", "kept", "worst", "possible", "J ≥ 0.5", "lost id", "lost name", "gave way",
)  # fmt: skip


def full(
    vectors: np.ndarray,
    rows: np.ndarray,
    *,
    smallest: int = 3,
    seed: int = 42,
    granularity: str = "auto",
    before: Clustered | None = None,
    memory: float | None = None,
) -> Clustered:
    """The rows, clustered as `labels` would with its defaults; `before`: how the same settings clustered last time."""
    from pipeline.settings import ClusterParams
    from pipeline.stages.labels.clusterers import group
    from pipeline.stages.labels.community.prior_partition import NONE, History

    params = ClusterParams(min_cluster_size=smallest, seed=seed, granularity=granularity)
    history = None
    if before is not None:
        held = dict(zip(before.rows.tolist(), before.groups.tolist(), strict=True))
        groups = np.array([held.get(row, NONE) for row in rows.tolist()])
        history = History(groups, params.memory if memory is None else memory)
    found = group(vectors[rows], params, history=history)
    return Clustered(rows, found.groups)


def incremental(vectors: np.ndarray, before: Clustered, rows: np.ndarray) -> Clustered:
    """The rows after a run that clusters nothing: who stays keeps the group, who is new is placed."""
    old = dict(zip(before.rows.tolist(), before.groups.tolist(), strict=True))
    new = np.array([row for row in rows.tolist() if row not in old], dtype=np.int64)
    there = before.rows[np.isin(before.rows, rows) & (before.groups >= 0)]
    held = np.array([old[row] for row in there.tolist()])
    found = placement.ranges(vectors[before.rows], before.groups)
    parts = ((int(group), vectors[there[held == group]]) for group in np.unique(held))
    members = (placement.Members(group, part, np.ones(len(part))) for group, part in parts)
    placed = dict(zip(new.tolist(), placement.place(vectors[new], members, found).groups.tolist(), strict=True))
    groups = np.array([old[row] if row in old else placed[row] for row in rows.tolist()])
    sizes = dict(zip(*np.unique(groups, return_counts=True), strict=True))
    return Clustered(rows, np.where([sizes[g] >= placement.FEWEST for g in groups], groups, -1))


def outcome(
    before: Clustered,
    after: Clustered,
    vectors: np.ndarray,
    *,
    vectors_after: np.ndarray | None = None,
    named_share: float = 0.5,
) -> Outcome:
    """Match `after` with `before` and count. A random `named_share` of the clusters is named."""
    params = IdentityParams()
    first = match(before.members(), Ledger(), params, category="bench", centroids=centroids(vectors, before))
    old_ids = [one.cluster_id for one in first.identities]
    draw = np.random.default_rng(len(after.rows)).random(len(old_ids))
    named = {one for one, value in zip(old_ids, draw, strict=True) if value < named_share}
    # another encoder: its centroids are never compared with those of the first
    ledger = first.ledger if vectors_after is None else Ledger(first.ledger.alive, first.ledger.dead)
    points = vectors if vectors_after is None else vectors_after
    second = match(after.members(), ledger, params, category="bench", named=named, centroids=centroids(points, after))
    now = {value: one.cluster_id for one, members in zip(second.identities, after.members(), strict=True)
           for value in members}  # fmt: skip
    was = {value: name for name, members in first.ledger.alive.items() for value in members}
    present = {f"h{row:05d}" for row in after.rows.tolist()}
    both = [value for value in was if value in present]
    kept = sum(now.get(value) == was[value] for value in both) / max(len(both), 1)
    sure = sure_pairs(first.ledger.alive, after.members())
    # the other half of a cluster that was cut exactly in two has lost nothing
    goes_on = {name for name, group in sure if second.identities[group].cluster_id == name}
    lost = [(name, group) for name, group in sure if name not in goes_on
            and not _equal_halves(first.ledger.alive, name, after.members()[group])]  # fmt: skip
    gave_way = [name for name, group in lost if name not in named and second.identities[group].cluster_id in named]
    names = [name for name, _ in lost if name in named]
    possible = _possible(was, now, both)
    return Outcome(kept, possible, len(sure), len(lost) - len(gave_way), len(names), len(gave_way))


def _equal_halves(clusters: Mapping[str, frozenset[str]], name: str, group: frozenset[str]) -> bool:
    """Whether another cluster brought exactly as much: one of two halves must give its id away."""
    halves = [one for one, members in clusters.items() if 2 * len(members & group) == len(members | group)]
    return name in halves and len(halves) > 1


def sure_pairs(clusters: Mapping[str, frozenset[str]], groups: Sequence[frozenset[str]]) -> list[tuple[str, int]]:
    """(cluster, group) of every pair with a plain Jaccard index of one half or more."""
    return [(name, g) for name, members in clusters.items() for g, group in enumerate(groups)
            if 2 * len(members & group) >= len(members | group)]  # fmt: skip


def centroids(vectors: np.ndarray, found: Clustered) -> np.ndarray:
    """The centroid of each group, float32 [g, d]."""
    means = [
        vectors[found.rows[found.groups == group]].mean(axis=0) for group in np.unique(found.groups[found.groups >= 0])
    ]
    return np.array([mean / np.linalg.norm(mean) for mean in means], dtype=np.float32)


def _possible(was: dict[str, str], now: dict[str, str], both: list[str]) -> float:
    from scipy.optimize import linear_sum_assignment

    old, new = sorted(set(was.values())), sorted(set(now.values()))
    common = np.zeros((len(old), len(new)))
    for value in both:
        if value in now:
            common[old.index(was[value]), new.index(now[value])] += 1
    rows, columns = linear_sum_assignment(common, maximize=True)
    return float(common[rows, columns].sum()) / max(len(both), 1)


def disturbed(vectors: np.ndarray, change: str, share: float, time: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows before and after: a random `share` of the images is dropped, or is added to the rest of them."""
    n = len(vectors)
    order = np.random.default_rng([time, round(share * 100)]).permutation(n)
    if change == "drop":
        return np.arange(n), np.sort(order[round(share * n) :])
    return np.sort(order[: round(n / (1 + share))]), np.arange(n)


def library_changes(name: str, vectors: np.ndarray, times: int) -> Iterator[Row]:
    """Images come or go, clustered in full and incrementally."""
    everything = full(vectors, np.arange(len(vectors)))
    for change in ("drop", "add"):
        for share in SHARES:
            rows = {mode: Row(name, f"{change} {share:.0%}", mode) for mode in ("incremental", "full")}
            for time in range(times):
                first, second = disturbed(vectors, change, share, time)
                before = everything if change == "drop" else full(vectors, first)
                rows["incremental"].outcomes.append(outcome(before, incremental(vectors, before, second), vectors))
                after = full(vectors, second, before=before)
                rows["full"].outcomes.append(outcome(before, after, vectors))
            yield from rows.values()


def settings_changes(name: str, vectors: np.ndarray, other: np.ndarray | None) -> Iterator[Row]:
    """The same images, clustered with another setting; `other`: their vectors from another encoder."""
    rows = np.arange(len(vectors))
    before = full(vectors, rows, smallest=5)
    for smallest in (3, 7):
        found = outcome(before, full(vectors, rows, smallest=smallest), vectors)
        yield Row(name, f"min_cluster_size 5 → {smallest}", "full", [found])
    before = full(vectors, rows)
    seeds = [outcome(before, full(vectors, rows, seed=seed), vectors) for seed in range(5)]
    yield Row(name, "seed, five others", "full", seeds)
    for granularity in ("coarse", "fine"):
        found = outcome(before, full(vectors, rows, granularity=granularity), vectors)
        yield Row(name, f"granularity auto → {granularity}", "full", [found])
    if other is not None:
        found = outcome(before, full(other, rows), vectors, vectors_after=other)
        yield Row(name, "encoder lite0 → lite2", "full", [found])


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    lines = [f"| {' | '.join(HEAD)} |", "|---|---|---|" + "---:|" * (len(HEAD) - 3)]
    return "\n".join([*lines, *(f"| {' | '.join(row.cells())} |" for row in rows)])


def main() -> int:
    """Run what the command line asks for; returns the exit code."""
    from tests.benchmarks import identity_sets
    from tests.benchmarks.quality.image_sets import UnavailableError

    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_identity", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="bollards-160 alone, five times")
    parser.add_argument("--sets", default="bollards-160,bollards-1000,stamps", help="names, with commas")
    parser.add_argument("--times", type=int, default=20, help="random draws of each disturbance")
    parser.add_argument("--write", type=Path, help="put the table between the marks in this file")
    options = parser.parse_args()
    names = ["bollards-160"] if options.quick else options.sets.split(",")
    rows: list[Row] = []
    for name in names:
        try:
            library = identity_sets.load(name)
            other = identity_sets.load(name, identity_sets.ENCODERS[1]).vectors
        except UnavailableError as error:
            print(f"skipped {name}: {error}", file=sys.stderr)
            continue
        for maker in (library_changes(name, library.vectors, 5 if options.quick else options.times),
                      settings_changes(name, library.vectors, other)):  # fmt: skip
            for row in maker:
                rows.append(row)
                print(" | ".join(row.cells()), file=sys.stderr, flush=True)
    print(table(rows))
    if options.write:
        text = options.write.read_text(encoding="utf-8")
        head, _, rest = text.partition(START)
        options.write.write_text(f"{head}{START}\n\n{table(rows)}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
