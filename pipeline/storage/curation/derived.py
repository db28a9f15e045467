"""The tables that are derived from events: what holds now, in rows that SQL can ask.

What belongs here: what one event changes in them, and making them anew. Not here: what events do to the clusters
(`curation/replay.py`; these tables do not know which clusters exist).
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from pipeline.curation import decisions as d
from pipeline.curation.decisions import Event
from pipeline.storage.curation.tables import DERIVED, cluster_decision, image_exclusion, image_tag

ROWS_AT_ONCE = 500  # SQLite takes up to 32,766 values in one statement


def rebuild(connection: Connection, category: str, events: Sequence[Event]) -> None:
    """Make the derived rows of a category anew; `events` are all of its events."""
    for table in DERIVED:
        connection.execute(delete(table).where(table.c.category == category))
    for event in d.active_events(events):
        apply_event(connection, category, event)


def apply_event(connection: Connection, category: str, event: Event) -> None:
    """Bring the derived rows from before `event` to after it. Not for an undo: that takes `rebuild`."""
    match event.decision:
        case d.Rename(cluster=cluster, name=name):
            _set(connection, category, cluster, name=name, reviewed=event.number)
        case d.Describe(cluster=cluster, description=text):
            _set(connection, category, cluster, description=text)
        case d.SetStatus(cluster=cluster, status=status):
            _set(connection, category, cluster, status=status)
        case d.Review(cluster=cluster):
            _set(connection, category, cluster, reviewed=event.number)
        case d.Split(new_cluster=cluster, name=name):
            _set(connection, category, cluster, name=name, reviewed=event.number, made_by_people=True)
        case d.Merge(clusters=clusters, into=into):
            _set(connection, category, into, merged_into=None)
            for cluster in clusters:
                if cluster != into:
                    _set(connection, category, cluster, merged_into=into)
        case _:
            _apply_to_images(connection, category, event)


def _apply_to_images(connection: Connection, category: str, event: Event) -> None:
    match event.decision:
        case d.Tag(images=images, tag=tag):
            _remove(connection, image_tag, category, images, tag)
            rows = [{"category": category, "image": image, "tag": tag} for image in dict.fromkeys(images)]
            connection.execute(insert(image_tag), rows)
        case d.Untag(images=images, tag=tag):
            _remove(connection, image_tag, category, images, tag)
        case d.Exclude(images=images):
            _remove(connection, image_exclusion, category, images)
            rows = [{"category": category, "image": one, "number": event.number} for one in dict.fromkeys(images)]
            connection.execute(insert(image_exclusion), rows)
        case d.Include(images=images):
            _remove(connection, image_exclusion, category, images)
        case _:
            pass


def _set(connection: Connection, category: str, cluster: str, **values: Any) -> None:
    table = cluster_decision
    here = (table.c.category == category) & (table.c.cluster == cluster)
    if connection.execute(select(table.c.cluster).where(here)).first() is None:
        empty = {"status": "active", "made_by_people": False}
        connection.execute(insert(table).values(category=category, cluster=cluster, **{**empty, **values}))
    else:
        connection.execute(update(table).where(here).values(**values))


def _remove(connection: Connection, table: Any, category: str, images: Iterable[str], tag: str | None = None) -> None:
    wanted = list(images)
    for start in range(0, len(wanted), ROWS_AT_ONCE):
        where = (table.c.category == category) & table.c.image.in_(wanted[start : start + ROWS_AT_ONCE])
        if tag is not None:
            where &= table.c.tag == tag
        connection.execute(delete(table).where(where))
