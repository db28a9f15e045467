"""Raw groups → clusters with lasting ids.

What belongs here: matching this run's groups to the clusters that were there, new ids, and each cluster's fate. Not
here: how groups are found (`labels.py`), what people call them (`curation/`).

Groups and previous clusters are matched as a whole: the assignment that maximises the summed overlap (Kuhn 1955, "The
Hungarian method for the assignment problem"; here scipy's modified Jonker-Volgenant). Overlap is the Jaccard index of
the members by content hash, counted over the images that both runs hold, so that neither growth nor deletions look like
change. An id is made from the founding members, so that the same library founds the same ids; the ledger of every id
ever given makes sure that none is given twice.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from pipeline.settings import IdentityParams

CLUSTERS_SCHEMA = pl.Schema(
    {
        "cluster_id": pl.String(),
        "fate": pl.String(),
        "parents": pl.List(pl.String()),
        "overlap": pl.Float32(),
        "raw_group": pl.Int32(),
        "size": pl.Int64(),
        "previous_size": pl.Int64(),
    }
)
MEMBERS_SCHEMA = pl.Schema(
    {
        "image_id": pl.String(),
        "content_hash": pl.String(),
        "cluster_id": pl.String(),
        "probability": pl.Float32(),
        "nearest_cluster": pl.String(),
        "distance": pl.Float32(),
    }
)
LEDGER_SCHEMA = pl.Schema({"cluster_id": pl.String(), "alive": pl.Boolean(), "members": pl.List(pl.String())})

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # no letters or digits that people mix up when they read an id aloud
PART = 0.25  # share of an old cluster's members that makes a new group one of the parts of a split


@dataclass(frozen=True)
class Identity:
    """One cluster of this run: its id, how it came to be, and from whom."""

    cluster_id: str
    fate: str
    parents: tuple[str, ...] = ()
    overlap: float = 0.0
    previous_size: int = 0


@dataclass(frozen=True)
class Ledger:
    """Every id ever given. `alive` holds the members (content hashes) of the clusters of the last run, `dead` those
    that the others had when they were last seen."""

    alive: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    dead: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])


@dataclass(frozen=True)
class Matching:
    """`identities[g]` is the identity of raw group g; `died` are the ids that no group continues."""

    identities: list[Identity]
    died: list[str]
    ledger: Ledger


def match(groups: Sequence[frozenset[str]], ledger: Ledger, params: IdentityParams, *, category: str) -> Matching:
    """Give each group (a set of content hashes) the id of the cluster that it continues, or a new one.

    A pair whose overlap is below `params.min_overlap` never shares an id.
    """
    present = frozenset().union(*groups) if groups else frozenset[str]()
    heirs, overlaps = _assign(groups, ledger.alive, params.min_overlap)
    taken = set(ledger.alive) | set(ledger.dead)
    died = sorted(set(ledger.alive) - set(heirs.values()))
    revivable = {cluster: members for cluster, members in ledger.dead.items() if members & present}
    orphans = [g for g in range(len(groups)) if g not in heirs]
    revived, revived_overlaps = _assign([groups[g] for g in orphans], revivable, max(0.5, params.min_overlap))
    identities: list[Identity] = []
    for g, members in enumerate(groups):
        if g in heirs:
            identities.append(_continued(g, members, heirs, overlaps, groups, ledger))
        elif orphans.index(g) in revived:
            cluster = revived[orphans.index(g)]
            overlap = revived_overlaps[orphans.index(g)]
            identities.append(Identity(cluster, "revived", (), overlap, len(ledger.dead[cluster])))
        else:
            cluster = _new_id(category, members, taken)
            taken.add(cluster)
            parents = tuple(
                old for old, was in sorted(ledger.alive.items())
                if len(was & members) >= max(2, PART * len(was & present))
            )  # fmt: skip
            identities.append(Identity(cluster, "born", parents))
    alive = {identity.cluster_id: groups[g] for g, identity in enumerate(identities)}
    dead = {cluster: was for cluster, was in {**ledger.dead, **ledger.alive}.items() if cluster not in alive}
    return Matching(identities, died, Ledger(alive, dead))


def _continued(
    g: int,
    members: frozenset[str],
    heirs: Mapping[int, str],
    overlaps: Mapping[int, float],
    groups: Sequence[frozenset[str]],
    ledger: Ledger,
) -> Identity:
    """The fate of a group that continues a cluster: merged, split, kept, grown or shrunk."""
    old = heirs[g]
    was = ledger.alive[old]
    swallowed = tuple(
        other for other, theirs in sorted(ledger.alive.items())
        if other != old and other not in heirs.values() and len(theirs & members) * 2 > len(theirs)
    )  # fmt: skip
    parts = [h for h, other in enumerate(groups) if h != g and len(other & was) >= max(2, PART * len(was))]
    if swallowed:
        fate, parents = "merged", (old, *swallowed)
    elif any(h not in heirs for h in parts):
        fate, parents = "split", (old,)
    elif members == was:
        fate, parents = "kept", ()
    else:
        fate = "grown" if len(members) > len(was) else "shrunk" if len(members) < len(was) else "kept"
        parents = ()
    return Identity(old, fate, parents, overlaps[g], len(was))


def _assign(
    groups: Sequence[frozenset[str]], clusters: Mapping[str, frozenset[str]], least: float
) -> tuple[dict[int, str], dict[int, float]]:
    """Group → cluster and group → overlap of the best assignment; pairs below `least` are left out."""
    if not groups or not clusters:
        return {}, {}
    from scipy.optimize import linear_sum_assignment

    names = sorted(clusters)
    column = {name: index for index, name in enumerate(names)}
    owners: dict[str, list[int]] = {}
    for name in names:
        for value in clusters[name]:
            owners.setdefault(value, []).append(column[name])
    common = np.zeros((len(groups), len(names)))
    new_sizes = np.zeros(len(groups))
    for g, members in enumerate(groups):
        for value in members:
            held = owners.get(value)
            if held:
                new_sizes[g] += 1
                common[g, held] += 1
    # sizes over the images that both runs hold: a member that was added or deleted says nothing about sameness
    present = frozenset().union(*groups)
    old_sizes = np.array([len(clusters[name] & present) for name in names], dtype=float)
    union = new_sizes[:, None] + old_sizes[None, :] - common
    jaccard = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    rows, columns = linear_sum_assignment(np.where(jaccard >= least, jaccard, 0.0), maximize=True)
    pairs = [(int(g), int(c)) for g, c in zip(rows, columns, strict=True) if jaccard[g, c] >= least]
    return {g: names[c] for g, c in pairs}, {g: float(jaccard[g, c]) for g, c in pairs}


def _new_id(category: str, members: frozenset[str], taken: set[str]) -> str:
    """An id that the founding members determine; counted on in the rare case that it was given before."""
    for attempt in range(1_000_000):
        text = "\0".join([category, str(attempt), *sorted(members)])
        number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
        letters: list[str] = []
        for _ in range(8):
            number, rest = divmod(number, len(ALPHABET))
            letters.append(ALPHABET[rest])
        candidate = f"c-{''.join(letters)}"
        if candidate not in taken:
            return candidate
    raise RuntimeError("A million ids in a row were taken, which cannot happen by chance.")
