"""The events that record decisions, and which of them are in force.

What belongs here: one event, the state of a cluster at that time, and what an undo takes back. Not here: the kinds of
decisions (`decisions.py`), their effect (`replay.py`), storing events (`storage/curation/`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.curation.decisions import Decision, SaveView, Undo


@dataclass(frozen=True)
class ClusterState:
    """A cluster at the time of a decision; `members` are content hashes."""

    name: str | None
    status: str
    members: frozenset[str]
    description: str | None = None


@dataclass(frozen=True)
class Event:
    """One recorded decision. `number` counts from 1 within its category, without gaps.

    `state` holds the touched clusters as they were just before the event.
    """

    number: int
    at: str
    actor: str
    decision: Decision
    why: str | None = None
    state: Mapping[str, ClusterState] = field(default_factory=dict[str, ClusterState])


def saved_views(events: Sequence[Event]) -> dict[str, Event]:
    """Name → the event that saved it, of the views that are kept; by name."""
    views: dict[str, Event] = {}
    for event in active_events(events):
        if isinstance(event.decision, SaveView):
            views.pop(event.decision.name, None)
            if event.decision.address is not None:
                views[event.decision.name] = event
    return dict(sorted(views.items(), key=lambda view: view[0].casefold()))


def active_events(events: Sequence[Event]) -> list[Event]:
    """The events in force, in their order: without undone events and without undos.

    If an undo is undone, its event is in force again.
    """
    undone = _undone_numbers(events)
    return [event for event in events if event.number not in undone and not isinstance(event.decision, Undo)]


def is_undone(events: Sequence[Event], number: int) -> bool:
    """Whether the event with this number is undone."""
    return number in _undone_numbers(events)


def _undone_numbers(events: Sequence[Event]) -> set[int]:
    undone: set[int] = set()
    for event in reversed(events):
        if isinstance(event.decision, Undo) and event.number not in undone:
            undone.add(event.decision.event)
    return undone
