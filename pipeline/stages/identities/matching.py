"""Raw groups → clusters with lasting ids.

What belongs here: which group continues which cluster, new ids, and each cluster's fate. Not here: how overlaps are
counted and assigned (`assignment.py`), centroids (`centroid_matching.py`), clustering (`labels/clusterers.py`,
`labels/incremental.py`), names that people give (`curation/`).

A group continues a cluster for one of these reasons, tried in this order:

1. They share members: the best overall assignment by the Jaccard index of their members (content hashes), counted over
   the images that both runs have, so that neither growth nor deletions look like change. An overlap of one half or more
   is never given up for a better sum.
2. A dead cluster is revived at a Jaccard index of one half or more, not counting images that were never clustered.
3. Their members were replaced, so there is no overlap, but their centroids lie very close together in the space of the
   same encoder and are mutual nearest neighbours. Dead clusters can also be revived this way.

The fates are those of MONIC (Spiliopoulou, Ntoutsi, Theodoridis, Schult 2006, "MONIC: modeling and monitoring cluster
transitions"), with one heir for each split and each merge. An id is derived from the founding members, so the same
library gets the same ids; the ledger holds every id ever given, so that none is given twice. Method and figures:
docs/identity.md.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.settings import IdentityParams
from pipeline.stages.identities.assignment import SURE, Overlaps, assign, seen_ever, seen_in_both
from pipeline.stages.identities.centroid_matching import follow, similarities

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # without letters and digits that people mix up when reading an id aloud
PART = 0.25  # share of an old cluster's members from which a new group counts as a part of a split


@dataclass(frozen=True)
class Identity:
    """One cluster of this run: its id, its fate, and the clusters that it came from.

    `into`: for a split, all ids that its members have now, its own first. `similarity`: between its centroid and the
    previous centroid of the same id; None if that is missing or of another encoder.
    """

    cluster_id: str
    fate: str
    parents: tuple[str, ...] = ()
    overlap: float = 0.0
    previous_size: int = 0
    into: tuple[str, ...] = ()
    similarity: float | None = None


@dataclass(frozen=True)
class Ledger:
    """Every id ever given, with its members (content hashes): `alive` for the clusters of the last run, `dead` for all
    others, as of the last run that had them. `centroids` float32 [d] of one encoder, for some of the ids."""

    alive: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    dead: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    centroids: Mapping[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])


@dataclass(frozen=True)
class Matching:
    """`identities[g]` is the identity of raw group g; `died` are the ids that no group continues any more.

    `into[c]`, for each dead id: which clusters have how many of its members now, most first.
    """

    identities: list[Identity]
    died: list[str]
    ledger: Ledger
    into: dict[str, dict[str, int]]


def match(
    groups: Sequence[frozenset[str]],
    ledger: Ledger,
    params: IdentityParams,
    *,
    category: str,
    named: Collection[str] = frozenset(),
    centroids: np.ndarray | None = None,
) -> Matching:
    """Give each group (a set of content hashes) the id of the cluster that it continues, or a new one.

    A group gets the id of a cluster with a Jaccard index of one half or more, unless a merge also absorbed a cluster in
    `named` and this one is not. Below `params.min_overlap`, a pair that shares members never shares an id.
    `centroids` float32 [g, d] L2-normalised belong to the groups, in the space of `ledger.centroids`.
    """
    overlaps = seen_in_both(groups, ledger.alive)
    alike = similarities(centroids, ledger.centroids, overlaps.names)
    assigned = assign(overlaps, params.min_overlap, preferred=named, similarity=alike)
    continued_id = _prefer_named(overlaps, assigned, named, params.min_overlap)
    died = sorted(set(ledger.alive) - set(continued_id.values()))
    revived = _match_dead_clusters(groups, ledger, [g for g in range(len(groups)) if g not in continued_id], params)
    followed = {} if centroids is None else follow(
        groups, ledger.alive, ledger.dead, {**continued_id, **revived}, centroids, ledger.centroids,
        params.min_similarity,
    )  # fmt: skip
    revived |= {g: name for g, name in followed.items() if name in ledger.dead}
    continued_id |= {g: name for g, name in followed.items() if name in ledger.alive}
    died = [name for name in died if name not in continued_id.values()]
    ids = _assign_ids(groups, {**continued_id, **revived}, ledger, category)
    identities = _build_identities(groups, ledger, overlaps, continued_id, revived, ids, centroids)
    return _build_matching(groups, ledger, identities, died, centroids)


def _prefer_named(
    overlaps: Overlaps, assigned: Mapping[int, int], named: Collection[str], least: float
) -> dict[int, str]:
    """Group → the id that it continues. The id of a named cluster that a merge absorbed replaces an unnamed one."""
    continued_id = {g: overlaps.names[c] for g, c in assigned.items()}
    shares = {(g, c): value for g, c, value in zip(*_jaccard_entries(overlaps), strict=True)}
    for g, name in list(continued_id.items()):
        if name in named:
            continue
        others = [(-shares[g, c], overlaps.names[c]) for c in _absorbed(overlaps, g, set(continued_id.values()))
                  if overlaps.names[c] in named and shares[g, c] >= least]  # fmt: skip
        if others:
            continued_id[g] = min(others)[1]
    return continued_id


def _jaccard_entries(overlaps: Overlaps) -> tuple[list[int], list[int], list[float]]:
    pairs = overlaps.jaccard()
    return pairs.row.tolist(), pairs.col.tolist(), pairs.data.tolist()


def _absorbed(overlaps: Overlaps, g: int, continued: Collection[str]) -> list[int]:
    """Columns of the clusters that no group continues and whose members are mostly in group g."""
    start, stop = overlaps.common.indptr[g], overlaps.common.indptr[g + 1]
    columns, counts = overlaps.common.indices[start:stop], overlaps.common.data[start:stop]
    return [int(c) for c, count in sorted(zip(columns, counts, strict=True))
            if overlaps.names[c] not in continued and 2 * count > overlaps.cluster_sizes[c]]  # fmt: skip


def _parents(overlaps: Overlaps, g: int) -> dict[str, bool]:
    """The clusters that group g came from → whether g has at least `PART` of that cluster."""
    start, stop = overlaps.common.indptr[g], overlaps.common.indptr[g + 1]
    columns, counts = overlaps.common.indices[start:stop], overlaps.common.data[start:stop]
    parents: dict[str, bool] = {}
    for c, count in sorted(zip(columns.tolist(), counts.tolist(), strict=True)):
        part = count >= PART * overlaps.cluster_sizes[c]
        if count >= 2 and (part or 2 * count >= overlaps.group_sizes[g]):
            parents[overlaps.names[c]] = part
    return parents


def _match_dead_clusters(
    groups: Sequence[frozenset[str]], ledger: Ledger, orphans: list[int], params: IdentityParams
) -> dict[int, str]:
    """Group without a cluster → the dead cluster that it continues."""
    present = frozenset().union(*(groups[g] for g in orphans)) if orphans else frozenset[str]()
    candidates = {name: members for name, members in ledger.dead.items() if members & present}
    if not candidates:
        return {}
    clustered_before = set[str]().union(*ledger.alive.values(), *ledger.dead.values())
    overlaps = seen_ever([groups[g] for g in orphans], candidates, clustered_before)
    assignment = assign(overlaps, max(SURE, params.min_overlap))
    return {orphans[row]: overlaps.names[column] for row, column in assignment.items()}


def _assign_ids(
    groups: Sequence[frozenset[str]], continued: Mapping[int, str], ledger: Ledger, category: str
) -> list[str]:
    taken = set(ledger.alive) | set(ledger.dead)
    ids: list[str] = []
    for g, members in enumerate(groups):
        ids.append(continued.get(g) or _new_id(category, members, taken))
        taken.add(ids[-1])
    return ids


def _build_identities(
    groups: Sequence[frozenset[str]],
    ledger: Ledger,
    overlaps: Overlaps,
    continued_id: Mapping[int, str],
    revived: Mapping[int, str],
    ids: Sequence[str],
    centroids: np.ndarray | None,
) -> list[Identity]:
    column = {name: c for c, name in enumerate(overlaps.names)}
    shares = {(g, c): value for g, c, value in zip(*_jaccard_entries(overlaps), strict=True)}
    parents = {g: _parents(overlaps, g) for g in range(len(groups)) if g not in continued_id}
    parts: dict[str, list[int]] = {}
    for g, names in parents.items():
        for name, part in names.items():
            if part:
                parts.setdefault(name, []).append(g)
    identities: list[Identity] = []
    for g, members in enumerate(groups):
        name, before, into = ids[g], ledger.centroids.get(ids[g]), ()
        similarity = float(centroids[g] @ before) if centroids is not None and before is not None else None
        if g in continued_id:
            was = ledger.alive[name]
            swallowed = [overlaps.names[c] for c in _absorbed(overlaps, g, set(continued_id.values()))]
            if name in parts:
                into = (name, *(ids[h] for h in sorted(parts[name], key=lambda h: (-len(groups[h]), ids[h]))))
            fate = "merged" if swallowed else "split" if into else _growth(members, was)
            from_whom = (name, *swallowed) if swallowed else (name,) if into else ()
            overlap = shares.get((g, column[name]), 0.0)
            identities.append(Identity(name, fate, from_whom, overlap, len(was), into, similarity))
        elif g in revived:
            was = ledger.dead[name]
            overlap = len(was & members) / len(was)
            identities.append(Identity(name, "revived", tuple(parents[g]), overlap, len(was), (), similarity))
        else:
            identities.append(Identity(name, "born", tuple(parents[g])))
    return identities


def _growth(members: frozenset[str], was: frozenset[str]) -> str:
    """The fate of a continued cluster by its size. "kept" means same size, not same members."""
    return "grown" if len(members) > len(was) else "shrunk" if len(members) < len(was) else "kept"


def _build_matching(
    groups: Sequence[frozenset[str]],
    ledger: Ledger,
    identities: list[Identity],
    died: list[str],
    centroids: np.ndarray | None,
) -> Matching:
    alive = {identity.cluster_id: members for identity, members in zip(identities, groups, strict=True)}
    dead = {name: was for name, was in {**ledger.dead, **ledger.alive}.items() if name not in alive}
    holder = {value: name for name, members in alive.items() for value in members}
    into: dict[str, dict[str, int]] = {}
    for name, was in dead.items():
        counted = Counter(holder[value] for value in was if value in holder)
        into[name] = dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))
    latest_centroids = dict(ledger.centroids)
    if centroids is not None:
        latest_centroids |= {identity.cluster_id: centroids[g] for g, identity in enumerate(identities)}
    return Matching(identities, died, Ledger(alive, dead, latest_centroids), into)


def id_letters(*parts: str) -> str:
    """Eight letters and digits derived from `parts`, as in every cluster id."""
    number = int.from_bytes(hashlib.blake2b("\0".join(parts).encode(), digest_size=8).digest(), "big")
    letters: list[str] = []
    for _ in range(8):
        number, rest = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[rest])
    return "".join(letters)


def _new_id(category: str, members: frozenset[str], taken: set[str]) -> str:
    """An id derived from the founding members; another attempt in the rare case that it is taken."""
    for attempt in range(1_000_000):
        candidate = f"c-{id_letters(category, str(attempt), *sorted(members))}"
        if candidate not in taken:
            return candidate
    raise RuntimeError("A million ids in a row were taken, which cannot happen by chance.")
