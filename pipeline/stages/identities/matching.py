"""Raw groups → clusters with lasting ids.

What belongs here: which group continues which cluster, new ids, and each cluster's fate. Not here: how overlaps are
counted and assigned (`assignment.py`), centroids (`centroid_matching.py`), how groups are found
(`labels/clusterers.py`) or kept from night to night (`labels/incremental.py`), what people call them (`curation/`).

A group continues a cluster for one of these reasons, tried in this order:

1. They share members: the best assignment as a whole over the Jaccard index of the members by content hash, counted
   over the images that both runs hold, so that neither growth nor deletions look like change. An overlap of one half
   or more is never given up for a better sum.
2. A cluster that died has come back: at least half of its members are together again.
3. Their members were replaced, so that overlap says nothing, but their centroids lie very close together in the space
   of the same encoder, closer to each other than to any other.

The fates are those of MONIC (Spiliopoulou, Ntoutsi, Theodoridis, Schult 2006, "MONIC: modeling and monitoring cluster
transitions"), with one heir for each split and each merge. An id is made from the founding members, so that the same
library founds the same ids; the ledger of every id ever given makes sure that none is given twice. The method in
words and figures: docs/identity.md.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.settings import IdentityParams
from pipeline.stages.identities.assignment import SURE, Overlaps, assign, seen_ever, seen_in_both
from pipeline.stages.identities.centroid_matching import follow, similarities

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # no letters or digits that people mix up when they read an id aloud
PART = 0.25  # share of an old cluster's members that makes a new group one of the parts of a split


@dataclass(frozen=True)
class Identity:
    """One cluster of this run: its id, how it came to be, and from whom.

    `into`: for a split, all ids that its members have now, its own first. `similarity`: of its centroid to the one that
    the same id had before, None where there is none of the same encoder.
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
    """Every id ever given. `alive` holds the members (content hashes) of the clusters of the last run, `dead` those
    that the others had when they were last seen; `centroids` float32 [d] each, of one and the same encoder, as far as
    they are known."""

    alive: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    dead: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    centroids: Mapping[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])


@dataclass(frozen=True)
class Matching:
    """`identities[g]` is the identity of raw group g; `died` are the ids that no group continues any more.

    `into[c]` says for each id that is not alive which clusters hold how many of its members now, most first.
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

    A cluster that shares half or more (Jaccard) with a group gives it its id, unless both are part of a merger of which
    only another cluster is in `named`. A pair that shares members but less than `params.min_overlap` never shares an
    id. `centroids` float32 [g, d] L2-normalised are the groups', in the space of `ledger.centroids`.
    """
    overlaps = seen_in_both(groups, ledger.alive)
    alike = similarities(centroids, ledger.centroids, overlaps.names)
    assigned = assign(overlaps, params.min_overlap, preferred=named, similarity=alike)
    heirs = _named_first(overlaps, assigned, named, params.min_overlap)
    died = sorted(set(ledger.alive) - set(heirs.values()))
    revived = _revived(groups, ledger, [g for g in range(len(groups)) if g not in heirs], params)
    followed = {} if centroids is None else follow(
        groups, ledger.alive, ledger.dead, {**heirs, **revived}, centroids, ledger.centroids, params.min_similarity
    )  # fmt: skip
    revived |= {g: name for g, name in followed.items() if name in ledger.dead}
    heirs |= {g: name for g, name in followed.items() if name in ledger.alive}
    died = [name for name in died if name not in heirs.values()]
    ids = _ids(groups, {**heirs, **revived}, ledger, category)
    identities = _identities(groups, ledger, overlaps, heirs, revived, ids, centroids)
    return _matching(groups, ledger, identities, died, centroids)


def _named_first(
    overlaps: Overlaps, assigned: Mapping[int, int], named: Collection[str], least: float
) -> dict[int, str]:
    """Group → id, where a nameless heir stands back for the named cluster that was merged into it."""
    heirs = {g: overlaps.names[c] for g, c in assigned.items()}
    shares = {(g, c): value for g, c, value in zip(*_entries(overlaps), strict=True)}
    for g, name in list(heirs.items()):
        if name in named:
            continue
        others = [(-shares[g, c], overlaps.names[c]) for c in _swallowed(overlaps, g, set(heirs.values()))
                  if overlaps.names[c] in named and shares[g, c] >= least]  # fmt: skip
        if others:
            heirs[g] = min(others)[1]
    return heirs


def _entries(overlaps: Overlaps) -> tuple[list[int], list[int], list[float]]:
    pairs = overlaps.jaccard()
    return pairs.row.tolist(), pairs.col.tolist(), pairs.data.tolist()


def _swallowed(overlaps: Overlaps, g: int, continued: Collection[str]) -> list[int]:
    """Columns of the clusters that nobody continues and most of whose members are in group g."""
    start, stop = overlaps.common.indptr[g], overlaps.common.indptr[g + 1]
    columns, counts = overlaps.common.indices[start:stop], overlaps.common.data[start:stop]
    return [int(c) for c, count in sorted(zip(columns, counts, strict=True))
            if overlaps.names[c] not in continued and 2 * count > overlaps.cluster_sizes[c]]  # fmt: skip


def _parents(overlaps: Overlaps, g: int) -> dict[str, bool]:
    """The clusters that group g came from: most of it, or a part of theirs worth telling, which the value says."""
    start, stop = overlaps.common.indptr[g], overlaps.common.indptr[g + 1]
    columns, counts = overlaps.common.indices[start:stop], overlaps.common.data[start:stop]
    found: dict[str, bool] = {}
    for c, count in sorted(zip(columns.tolist(), counts.tolist(), strict=True)):
        part = count >= PART * overlaps.cluster_sizes[c]
        if count >= 2 and (part or 2 * count >= overlaps.group_sizes[g]):
            found[overlaps.names[c]] = part
    return found


def _revived(
    groups: Sequence[frozenset[str]], ledger: Ledger, orphans: list[int], params: IdentityParams
) -> dict[int, str]:
    """Orphaned group → the dead cluster that it brings back."""
    present = frozenset().union(*(groups[g] for g in orphans)) if orphans else frozenset[str]()
    candidates = {name: members for name, members in ledger.dead.items() if members & present}
    if not candidates:
        return {}
    known = set[str]().union(*ledger.alive.values(), *ledger.dead.values())
    overlaps = seen_ever([groups[g] for g in orphans], candidates, known)
    found = assign(overlaps, max(SURE, params.min_overlap))
    return {orphans[row]: overlaps.names[column] for row, column in found.items()}


def _ids(groups: Sequence[frozenset[str]], continued: Mapping[int, str], ledger: Ledger, category: str) -> list[str]:
    taken = set(ledger.alive) | set(ledger.dead)
    ids: list[str] = []
    for g, members in enumerate(groups):
        ids.append(continued.get(g) or _new_id(category, members, taken))
        taken.add(ids[-1])
    return ids


def _identities(
    groups: Sequence[frozenset[str]],
    ledger: Ledger,
    overlaps: Overlaps,
    heirs: Mapping[int, str],
    revived: Mapping[int, str],
    ids: Sequence[str],
    centroids: np.ndarray | None,
) -> list[Identity]:
    column = {name: c for c, name in enumerate(overlaps.names)}
    shares = {(g, c): value for g, c, value in zip(*_entries(overlaps), strict=True)}
    parents = {g: _parents(overlaps, g) for g in range(len(groups)) if g not in heirs}
    parts: dict[str, list[int]] = {}
    for g, names in parents.items():
        for name, part in names.items():
            if part:
                parts.setdefault(name, []).append(g)
    found: list[Identity] = []
    for g, members in enumerate(groups):
        name, before, into = ids[g], ledger.centroids.get(ids[g]), ()
        similarity = float(centroids[g] @ before) if centroids is not None and before is not None else None
        if g in heirs:
            was = ledger.alive[name]
            swallowed = [overlaps.names[c] for c in _swallowed(overlaps, g, set(heirs.values()))]
            if name in parts:
                into = (name, *(ids[h] for h in sorted(parts[name], key=lambda h: (-len(groups[h]), ids[h]))))
            fate = "merged" if swallowed else "split" if into else _growth(members, was)
            from_whom = (name, *swallowed) if swallowed else (name,) if into else ()
            overlap = shares.get((g, column[name]), 0.0)
            found.append(Identity(name, fate, from_whom, overlap, len(was), into, similarity))
        elif g in revived:
            was = ledger.dead[name]
            overlap = len(was & members) / len(was)
            found.append(Identity(name, "revived", tuple(parents[g]), overlap, len(was), (), similarity))
        else:
            found.append(Identity(name, "born", tuple(parents[g])))
    return found


def _growth(members: frozenset[str], was: frozenset[str]) -> str:
    return "grown" if len(members) > len(was) else "shrunk" if len(members) < len(was) else "kept"


def _matching(
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
    known = dict(ledger.centroids)
    if centroids is not None:
        known |= {identity.cluster_id: centroids[g] for g, identity in enumerate(identities)}
    return Matching(identities, died, Ledger(alive, dead, known), into)


def id_letters(*parts: str) -> str:
    """Eight letters and digits that `parts` determine, as in every cluster id."""
    number = int.from_bytes(hashlib.blake2b("\0".join(parts).encode(), digest_size=8).digest(), "big")
    letters: list[str] = []
    for _ in range(8):
        number, rest = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[rest])
    return "".join(letters)


def _new_id(category: str, members: frozenset[str], taken: set[str]) -> str:
    """An id that the founding members determine; counted on in the rare case that it was given before."""
    for attempt in range(1_000_000):
        candidate = f"c-{id_letters(category, str(attempt), *sorted(members))}"
        if candidate not in taken:
            return candidate
    raise RuntimeError("A million ids in a row were taken, which cannot happen by chance.")
