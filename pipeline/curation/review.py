"""Why a cluster needs a review.

What belongs here: the reasons, as pure functions. Not here: replaying decisions (`replay.py`), storing flags
(`storage/curation/`).

There are two kinds of reason. A change since the last review is found by comparing. An event of one run (a split, a
merge, a birth, a decision that had to wait) is a flag that the run sets and a later review clears.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pipeline.curation.replay import Curated, CuratedCluster

Fates = Mapping[str, tuple[str, tuple[str, ...]]]


@dataclass(frozen=True)
class Flag:
    """A reason that a run raised. A cluster gets one with the same `key` once only, however often the run is repeated.

    `after_event` is the number of the last event at that moment.
    """

    cluster: str
    kind: str
    text: str
    key: str = ""
    after_event: int = 0


def change_since_review(cluster: CuratedCluster) -> tuple[frozenset[str], frozenset[str], float]:
    """Images that came and went since the cluster was last looked at, and their share (1 − Jaccard) of both states."""
    if cluster.baseline is None:
        return frozenset(), frozenset(), 0.0
    came, went = cluster.members - cluster.baseline, cluster.baseline - cluster.members
    whole = len(cluster.members | cluster.baseline)
    return came, went, (len(came) + len(went)) / whole if whole else 0.0


def raise_flags(
    curated: Curated,
    fates: Fates,
    died: Collection[str],
    *,
    named: Collection[str],
    run: str,
    first_run: bool,
    new_size: int,
) -> list[Flag]:
    """The flags of one run. `fates` are those of `stages/identities/matching.py`: id → (fate, parents).

    `named` are the ids with a name before the run, `run` says which run it is. On the first one everything is new, so
    nothing is flagged as new.
    """
    flags: list[Flag] = []
    for cluster, (fate, parents) in sorted(fates.items()):
        home = curated.find(cluster)
        if home is None:
            continue
        name = f"“{home.name}”" if home.name else home.id
        gone = [parent for parent in parents if parent in named and parent != cluster]
        if fate == "merged" and gone and (cluster in named or len(gone) > 1):
            flags.append(Flag(home.id, "merged", f"{name} took in what had names of its own: {', '.join(gone)}", run))
        elif fate == "split" and cluster in named:
            flags.append(Flag(home.id, "split", f"{name} was split: a part of it became a cluster of its own", run))
        elif fate == "born" and gone:
            flags.append(Flag(home.id, "split", f"came out of the named {', '.join(gone)}", run))
        elif fate == "born" and not first_run and len(home.members) >= new_size:
            flags.append(Flag(home.id, "new", f"is new, with {len(home.members)} images", run))
    flags += [
        Flag(one.cluster, "waiting", f"a decision waits: {one.reason}", f"waiting-{one.number}")
        for one in curated.waiting
        if one.cluster is not None and one.cluster in curated.clusters
    ]
    lost = sorted(set(died) & set(named) & set(curated.clusters))
    flags += [Flag(one, "died", "was not found any more by the clustering", run) for one in lost]
    return flags


def reasons(curated: Curated, flags: Sequence[Flag], *, change: float) -> dict[str, list[str]]:
    """Cluster id → why it asks to be reviewed, for those that do. `change` is the share from which a named one asks."""
    result: dict[str, list[str]] = {}
    for flag in flags:
        cluster = curated.find(flag.cluster)
        if cluster is not None and (cluster.reviewed or 0) <= flag.after_event:
            texts = result.setdefault(cluster.id, [])
            if flag.text not in texts:
                texts.append(flag.text)
    for cluster in curated.clusters.values():
        if cluster.name is None:
            continue
        came, went, share = change_since_review(cluster)
        if share > change:
            text = f"{len(came)} images came and {len(went)} went since it was reviewed ({share:.0%})"
            result.setdefault(cluster.id, []).append(text)
    return result
