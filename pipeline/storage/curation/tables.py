"""The tables of the curation database.

What belongs here: columns, keys and indexes. Not here: creating them (`migrations/`; a test compares both), reading and
writing them (`reading.py`, `store.py`), the state after all events (`curation/replay.py`; no table stores it).

`event` is append-only. Numbers count within a category, so a category's events have the same order in every database.
"""

from sqlalchemy import (
    JSON,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

identity = Table(
    "identity", metadata, Column("id", String(40), primary_key=True)
)  # one row, written when the database is created

category = Table(
    "category",
    metadata,
    Column("slug", String(200), primary_key=True),
    Column("last_event", Integer, nullable=False),
)

event = Table(
    "event",
    metadata,
    Column("category", String(200), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", String(40), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("why", Text),
    Column("kind", String(40), nullable=False),
    Column("decision", JSON, nullable=False),
    Column("key", String(200)),
    Index("event_key", "category", "key", unique=True),
)

event_cluster = Table(
    "event_cluster",
    metadata,
    Column("category", String(200), primary_key=True),
    Column("cluster", String(80), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    ForeignKeyConstraint(["category", "number"], ["event.category", "event.number"]),
)

event_image = Table(
    "event_image",
    metadata,
    Column("category", String(200), primary_key=True),
    Column("image", String(128), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    ForeignKeyConstraint(["category", "number"], ["event.category", "event.number"]),
)

snapshot = Table(
    "snapshot",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("members", LargeBinary, nullable=False),
)

event_state = Table(
    "event_state",
    metadata,
    Column("category", String(200), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("cluster", String(80), primary_key=True),
    Column("name", Text),
    Column("description", Text),
    Column("status", String(20), nullable=False),
    Column("size", Integer, nullable=False),
    Column("snapshot", String(64), nullable=False),
    ForeignKeyConstraint(["category", "number"], ["event.category", "event.number"]),
    ForeignKeyConstraint(["snapshot"], ["snapshot.digest"]),
)

flag = Table(
    "flag",
    metadata,
    Column("category", String(200), primary_key=True),
    Column("cluster", String(80), primary_key=True),
    Column("kind", String(40), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("text", Text, nullable=False),
    Column("after_event", Integer, nullable=False),
    Column("raised_at", String(40), nullable=False),
)
