"""Events of one category → another: what a renamed category had decided goes on under its new name.

What belongs here: copying rows and counting their numbers on. Not here: whether two categories are one
(`steps/renamed.py`), writing new events (`store.py`).
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from pipeline.curation.decisions import Event
from pipeline.storage.curation import tables as t
from pipeline.storage.curation.store import CurationStore


def common_events(ours: Sequence[Event], theirs: Sequence[Event]) -> int:
    """How many events two categories share from the first on: what one of them once got from the other."""
    count = 0
    for one, other in zip(ours, theirs, strict=False):
        if (one.at, one.actor, one.decision) != (other.at, other.actor, other.decision):
            break
        count += 1
    return count


def copy_events(store: CurationStore, source: str, target: str) -> int:
    """Add the events of `source` that `target` does not have after its own, with their states and flags.

    Returns how many there were. All of them are stored, or none.
    """
    theirs = store.events(source)
    with store.transaction(target) as tx:
        after = common_events(tx.events, theirs)
        shift, count = tx.last - after, len(theirs) - after
        if count:
            taken = set(tx.connection.scalars(select(t.event.c.key).where(t.event.c.category == target)))
            _copy(tx.connection, t.event, source, target, after, shift, taken)
            for table in (t.event_cluster, t.event_image, t.event_state):
                _copy(tx.connection, table, source, target, after, shift, set())
            last = update(t.category).where(t.category.c.slug == target).values(last_event=tx.last + count)
            tx.connection.execute(last)
        _copy_flags(tx.connection, source, target, after, shift)
    return count


def _copy(
    connection: Connection, table: Any, source: str, target: str, after: int, shift: int, taken: set[str | None]
) -> None:
    rows: list[dict[str, Any]] = []
    for found in connection.execute(select(table).where(table.c.category == source, table.c.number > after)).mappings():
        row: dict[str, Any] = {**found, "category": target, "number": found["number"] + shift}
        if row.get("kind") == "undo" and row["decision"]["event"] > after:
            row["decision"] = {**row["decision"], "event": row["decision"]["event"] + shift}
        if row.get("key") in taken:
            row["key"] = None
        rows.append(row)
    if rows:
        connection.execute(insert(table), rows)


def _copy_flags(connection: Connection, source: str, target: str, after: int, shift: int) -> None:
    key = ("cluster", "kind", "key")
    here = connection.execute(select(t.flag).where(t.flag.c.category == target)).mappings()
    known = {tuple(row[name] for name in key) for row in here}
    rows: list[dict[str, Any]] = []
    for found in connection.execute(select(t.flag).where(t.flag.c.category == source)).mappings():
        number = found["after_event"]
        if tuple(found[name] for name in key) not in known:
            rows.append({**found, "category": target, "after_event": number + shift if number > after else number})
    if rows:
        connection.execute(insert(t.flag), rows)
