"""Reading the curation database: rows → events and flags.

What belongs here: the queries, in SQL that SQLite and PostgreSQL share, and reading a SQLite file directly. Not here:
creating, migrating and writing the database (`store.py`), the meaning of events (`curation/`).

Read-only commands use the SQLite driver of the standard library, because importing SQLAlchemy takes longer than all
their other work.
"""

import hashlib
import json
import sqlite3
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from pydantic import ValidationError

from pipeline.curation.decisions import Undo, kinds_of, parse_decision
from pipeline.curation.events import ClusterState, Event
from pipeline.curation.fold import ReadsMembers, fold
from pipeline.curation.review import Flag
from pipeline.errors import CurationDatabaseError, DamagedDatabaseError
from pipeline.storage.curation.opening import check_file, open_to_read
from pipeline.storage.full_disk import raise_if_full

HEAD = "0003"  # the newest migration; a test holds it against the files
READABLE = ("0001", "0002", HEAD)  # schemas that the queries of this module work with
WITHOUT_IDENTITY = ("0001", "0002")

Ask = Callable[[str, Mapping[str, Any]], Sequence[Any]]  # SQL and its named values → rows

_EVENTS = """
SELECT number, at, actor, why, decision FROM event
WHERE category = :category AND number > :after ORDER BY number"""
_STATES = """
SELECT s.number, s.cluster, s.name, s.description, s.status, s.snapshot FROM event_state s
WHERE s.category = :category AND s.number > :after"""
_WITH_MEMBERS = ", ".join(f"'{kind}'" for kind in kinds_of(ReadsMembers))
_SNAPSHOTS = f"""
SELECT digest, members FROM snapshot WHERE digest IN (
  SELECT s.snapshot FROM event_state s JOIN event e ON e.category = s.category AND e.number = s.number
  WHERE s.category = :category AND s.number > :after AND e.kind IN ({_WITH_MEMBERS}))"""  # noqa: S608  # names of our own
_RAW = """
SELECT number, at, actor, why, decision FROM event
WHERE category = :category AND number <= :upto ORDER BY number"""
_FLAGS = """
SELECT cluster, kind, text, key, after_event FROM flag
WHERE category = :category ORDER BY cluster, raised_at"""


@dataclass
class _Log:
    """The events of a category read so far. Events never change, so only newer ones are read later."""

    events: list[Event] = field(default_factory=list[Event])


class Reader(ABC):
    """Read access to the decisions. Thread-safe."""

    file: Path | None = None  # where the decisions are, if they are in a SQLite file
    generation = 0  # counts how often that file was replaced by another one under this reader

    def __init__(self) -> None:
        self._logs: dict[str, _Log] = {}
        self._snapshots: dict[str, frozenset[str]] = {}
        self._lock = Lock()

    def forget(self) -> None:
        """Drop what was read, because the file was replaced."""
        with self._lock:
            self._logs.clear()
            self.generation += 1

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Ask]:
        """A consistent snapshot of the database, for several queries."""

    def last(self, category: str) -> int:
        """The number of a category's last event; 0 if there is none."""
        with self._reading() as ask:
            rows = ask("SELECT last_event FROM category WHERE slug = :category", {"category": category})
            return rows[0][0] if rows else 0

    def identity(self) -> str | None:
        """The unique id of this database; None if it does not exist yet or its schema has no ids."""
        with self._reading() as ask:
            rows = ask("SELECT version_num FROM alembic_version", {})
            if not rows or rows[0][0] in WITHOUT_IDENTITY:
                return None
            return str(ask("SELECT id FROM identity", {})[0][0])

    def counts(self) -> dict[str, int]:
        """The number of the last event of every category."""
        with self._reading() as ask:
            return {str(slug): int(last) for slug, last in ask("SELECT slug, last_event FROM category", {})}

    def digest(self, category: str, upto: int) -> str:
        """A digest of the first `upto` events of a category, the same in SQLite and PostgreSQL."""
        hasher = hashlib.blake2b(digest_size=16)
        with self._reading() as ask:
            for number, at, actor, why, decision in ask(_RAW, {"category": category, "upto": upto}):
                row = [number, at, actor, why, _decode(_json, decision)]
                hasher.update(json.dumps(row, sort_keys=True, separators=(",", ":")).encode() + b"\n")
        return hasher.hexdigest()

    def events(self, category: str) -> Sequence[Event]:
        """All events of a category, oldest first."""
        with self._reading() as ask:
            return self._refresh(ask, category)

    def touching(
        self, category: str, *, cluster: str | None = None, image: str | None = None, limit: int = 1000
    ) -> list[Event]:
        """The last `limit` events of one cluster, one image or the whole category, newest first."""
        with self._reading() as ask:
            events = self._refresh(ask, category)
            if cluster is not None:
                rows = ask("SELECT number FROM event_cluster WHERE category = :category AND cluster = :name",
                           {"category": category, "name": cluster})  # fmt: skip
            elif image is not None:
                rows = ask("SELECT number FROM event_image WHERE category = :category AND image = :name",
                           {"category": category, "name": image})  # fmt: skip
            else:
                return list(reversed(events[-limit:]))
        numbers = with_undos({row[0] for row in rows}, events)
        return [events[number - 1] for number in sorted(numbers, reverse=True)[:limit]]

    def revision(self, category: str, cluster: str) -> int:
        """The number of the last event that touched a cluster, undos included; 0 when there is none."""
        touching = self.touching(category, cluster=cluster, limit=1)
        return touching[0].number if touching else 0

    def revisions(self, category: str) -> dict[str, int]:
        """`revision` of every cluster that an event ever touched, in one pass."""
        with self._reading() as ask:
            events = self._refresh(ask, category)
            rows = ask("SELECT number, cluster FROM event_cluster WHERE category = :category", {"category": category})
        touched: dict[int, list[str]] = {}
        for number, cluster in rows:
            touched.setdefault(number, []).append(cluster)
        last: dict[str, int] = {}
        for event in events:
            if isinstance(event.decision, Undo):
                touched.setdefault(event.number, []).extend(touched.get(event.decision.event, ()))
            last |= dict.fromkeys(touched.get(event.number, ()), event.number)
        return last

    def excluded(self, category: str) -> dict[str, int]:
        """Content hashes that people excluded, with the number of the event."""
        return fold(self.events(category)).excluded

    def flags(self, category: str) -> list[Flag]:
        """Every flag ever raised; `curation/review.py` decides which are still open."""
        with self._reading() as ask:
            return [Flag(*row) for row in ask(_FLAGS, {"category": category})]

    def _refresh(self, ask: Ask, category: str) -> Sequence[Event]:
        with self._lock:
            log = self._logs.setdefault(category, _Log())
            newer = {"category": category, "after": len(log.events)}
            rows = ask(_EVENTS, newer)
            if rows:
                states = self._states(ask, newer)
                # a new list: lists that callers already have must not grow
                log.events = log.events + [
                    Event(number, at, actor, _decode(_decision, decision), why, states.get(number, {}))
                    for number, at, actor, why, decision in rows
                ]
            return log.events

    def _states(self, ask: Ask, newer: Mapping[str, Any]) -> dict[int, dict[str, ClusterState]]:
        self._snapshots |= {name: _decode(_unpack, members) for name, members in ask(_SNAPSHOTS, newer)}
        result: dict[int, dict[str, ClusterState]] = {}
        for number, cluster, name, description, status, snapshot in ask(_STATES, newer):
            members = self._snapshots.get(snapshot, frozenset())
            result.setdefault(number, {})[cluster] = ClusterState(name, status, members, description)
        return result


class SqliteFile(Reader):
    """The decisions in a SQLite file. A file that does not exist counts as empty and is not created."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = self._file = file
        self._inode: int | None = None

    def is_current(self) -> bool:
        """Whether the file can be read without migration: it does not exist, or has a readable schema.

        Raises `DamagedDatabaseError`.
        """
        check_file(self._file)
        try:
            with self._reading() as ask:
                return all(row[0] in READABLE for row in ask("SELECT version_num FROM alembic_version", {}))
        except CurationDatabaseError:  # no such table or no database: the store migrates it, or raises a clear error
            return False

    @contextmanager
    def _reading(self) -> Generator[Ask]:
        if not self._file.exists():
            yield lambda _sql, _values: []
            return
        inode = self._file.stat().st_ino
        if inode != self._inode:
            if self._inode is not None:
                self.forget()
            self._inode = inode
        try:
            with closing(open_to_read(self._file)) as connection:
                if connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None:
                    yield lambda _sql, _values: []  # another process is creating it right now
                else:
                    yield lambda sql, values: connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise_if_full(error, self._file, f"The curation database {self._file} cannot be read")
            raise CurationDatabaseError(f"The curation database {self._file} cannot be read: {error}.") from error


def with_undos(numbers: set[int], events: Sequence[Event]) -> set[int]:
    """These event numbers and those of their undos, of the undos of these, and so on."""
    result = set(numbers)
    for event in events:
        if isinstance(event.decision, Undo) and event.decision.event in result:
            result.add(event.number)
    return result


def _decode(decode: Callable[[Any], Any], stored: Any) -> Any:
    """Decode a stored value. Raises `DamagedDatabaseError` for an invalid one."""
    try:
        return decode(stored)
    except (zlib.error, UnicodeDecodeError, json.JSONDecodeError, ValidationError, TypeError) as error:
        raise DamagedDatabaseError(
            f"The curation database is damaged: {type(error).__name__} while reading a decision. "
            "`image-cluster restore latest` brings back the newest good copy."
        ) from error


def _decision(value: Any) -> Any:
    return parse_decision(_json(value))


def _json(value: Any) -> Any:
    """PostgreSQL returns JSON as values, SQLite as text."""
    return json.loads(value) if isinstance(value, str) else value


def _unpack(data: bytes) -> frozenset[str]:
    plain = zlib.decompress(data).decode()
    return frozenset(plain.split("\n")) if plain else frozenset()
