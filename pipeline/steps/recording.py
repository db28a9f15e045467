"""What is stored around a decision: who, when and why, the state before it, and what a repeated call gets back.

What belongs here: these values, and refusing a call that no longer fits. Not here: the transaction (`curation.py`),
whether a decision is valid (`curation/checks.py`), the database (`storage/curation/`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.curation import decisions as d
from pipeline.curation.clusters import Curated
from pipeline.curation.decisions import Decision
from pipeline.curation.events import ClusterState, Event
from pipeline.curation.fields import one_line, several_lines
from pipeline.errors import ConflictError, DecisionError

if TYPE_CHECKING:
    from pipeline.storage.curation.store import Transaction


@dataclass(frozen=True)
class Common:
    """The fields that all events of one call share."""

    at: str
    actor: str
    why: str | None


def events_with_key(
    transactions: Mapping[str, "Transaction"], decisions: Mapping[str, Sequence[Decision]], key: str
) -> dict[str, list[Event]] | None:
    """The events that an earlier call with this key stored. The events of one call have consecutive numbers."""
    firsts = {slug: tx.with_key(key) for slug, tx in transactions.items()}
    if not any(firsts.values()):
        return None
    stored: dict[str, list[Event]] = {}
    for slug, first in firsts.items():
        start = len(transactions[slug].events) if first is None else first.number - 1
        stored[slug] = transactions[slug].events[start : start + len(decisions[slug])]
        if [event.decision.kind for event in stored[slug]] != [event.kind for event in decisions[slug]]:
            raise ConflictError(f"The key {key!r} was used for other decisions, so nothing was stored. Use a new key.")
    return stored


def clean_actor(actor: str) -> str:
    """Who decides, on one line. Raises `DecisionError` if nothing is left."""
    try:
        return one_line(actor)
    except ValueError:
        raise DecisionError("Nothing says who decides: `actor` holds no letter. Give a name.") from None


def clean_remark(why: str | None) -> str | None:
    """The remark without control characters, which PostgreSQL refuses; None if nothing is left."""
    try:
        return several_lines(why) if why is not None else None
    except ValueError:
        return None


def check_revisions(transactions: Collection["Transaction"], expected: Mapping[str, int]) -> None:
    """Raise `ConflictError` if a cluster of `expected` has another revision by now."""
    for cluster, revision in expected.items():
        now = max(tx.revision(cluster) for tx in transactions)  # 0 in the categories that do not have this id
        if now != revision:
            raise ConflictError(
                f"Cluster {cluster} was changed since you saw it (revision {revision}, now {now}), so nothing was "
                "stored. Look at it again, then decide."
            )


def state_before(decision: Decision, curated: Curated) -> dict[str, ClusterState]:
    """The clusters that a decision touches, as they are before it; those that images only come from are left out."""
    # a decision about few images does not store all members of the clusters that they leave
    sources = decision.clusters if isinstance(decision, d.Move | d.Exclude | d.WrongBox) else ()
    names = [name for name in decision.clusters_touched() if name not in sources]
    touched = [curated.clusters[name] for name in names if name in curated.clusters]
    return {cluster.id: ClusterState(cluster.name, cluster.status, cluster.members, cluster.description)
            for cluster in touched}  # fmt: skip
