"""Copies events of one category to another, so that a renamed category keeps its decisions.

What belongs here: copying rows and renumbering them. Not here: whether two categories are one (`steps/renamed.py`),
writing new events (`store.py`).
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from pipeline.curation.events import Event
from pipeline.storage.curation import tables as t
from pipeline.storage.curation.store import CurationStore


def common_events(ours: Sequence[Event], theirs: Sequence[Event]) -> int:
    """How many events two categories share from the start, because they were copied from one to the other before."""
    count = 0
    for own, copied in zip(ours, theirs, strict=False):
        if (own.at, own.actor, own.decision) != (copied.at, copied.actor, copied.decision):
            break
        count += 1
    return count


def copy_events(store: CurationStore, source: str, target: str) -> int:
    """Append the events of `source` that `target` lacks, with their states and flags, in one transaction.

    Returns their number.
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
    for original in connection.execute(
        select(table).where(table.c.category == source, table.c.number > after)
    ).mappings():
        row: dict[str, Any] = {**original, "category": target, "number": original["number"] + shift}
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
    present = {tuple(row[name] for name in key) for row in here}
    rows: list[dict[str, Any]] = []
    for original in connection.execute(select(t.flag).where(t.flag.c.category == source)).mappings():
        number = original["after_event"]
        if tuple(original[name] for name in key) not in present:
            rows.append({**original, "category": target, "after_event": number + shift if number > after else number})
    if rows:
        connection.execute(insert(t.flag), rows)
