"""Why a cluster needs a review.

What belongs here: the reasons, as pure functions. Not here: replaying decisions (`replay.py`), storing flags
(`storage/curation/`).

There are two kinds of reasons. A change since the last review is found by comparing. An event of one run (a split, a
merge, a birth, a decision that has to wait) is a flag that the run raises and a later review clears.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pipeline.curation.clusters import Curated, CuratedCluster

Fates = Mapping[str, tuple[str, tuple[str, ...]]]


@dataclass(frozen=True)
class Flag:
    """A reason that a run raised. A cluster gets a `key` only once, even if the run is repeated.

    `after_event` is the number of the last event at that time.
    """

    cluster: str
    kind: str
    text: str
    key: str = ""
    after_event: int = 0


def change_since_review(cluster: CuratedCluster) -> tuple[frozenset[str], frozenset[str], float]:
    """Images added and removed since the last review of the cluster, and their share (1 − Jaccard) of both states."""
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

    `named` are the ids with a name before the run, `run` identifies the run. In the first run everything is new, so
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
            flags.append(
                Flag(home.id, "split", f"was split off {', '.join(_called(curated, one) for one in gone)}", run)
            )
        elif fate == "born" and not first_run and len(home.members) >= new_size:
            flags.append(Flag(home.id, "new", f"is new, with {len(home.members)} images", run))
    flags += [
        Flag(waiting.cluster, "waiting", f"a decision waits: {waiting.reason}", f"waiting-{waiting.number}")
        for waiting in curated.waiting
        if waiting.cluster is not None and waiting.cluster in curated.clusters
    ]
    lost = sorted(set(died) & set(named) & set(curated.clusters))
    flags += [Flag(cluster, "died", "was not found any more by the clustering", run) for cluster in lost]
    return flags


def _called(curated: Curated, cluster: str) -> str:
    """A cluster by its name, so that a person knows which is meant; else by its id."""
    home = curated.find(cluster)
    return f"“{home.name}”" if home is not None and home.name else cluster


def reasons(curated: Curated, flags: Sequence[Flag], *, change: float) -> dict[str, list[str]]:
    """Cluster id → why it needs a review, for clusters that do. `change` is the share of changed images above which a
    named cluster needs one."""
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
