"""The curation store: appends events, reads them back, keeps flags. Many processes use it at once.

What belongs here: connections, transactions, rows ↔ events. Not here: what events mean (`curation/`), checking that ids
exist and taking the state (`steps/curation.py`).

SQLite, beside everything else in the data directory, unless the settings name PostgreSQL. Writers of a category queue
up (SQLite: one writer at a time; PostgreSQL: a lock on the category's row), so events have one order without gaps, and
what was read inside a transaction still holds when it ends. An event may carry a key: the same key is stored once.
"""

import hashlib
import zlib
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, insert, select, text, update
from sqlalchemy import event as listen
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, OperationalError

from pipeline.curation.decisions import ClusterState, Decision, Event, Undo, is_undone, parse_decision
from pipeline.curation.review import Flag
from pipeline.errors import ConflictError, CurationDatabaseError, NewerSchemaError, SettingsError
from pipeline.storage.curation import tables as t
from pipeline.storage.curation.derived import apply_event, rebuild

HEAD = "0001"  # the newest migration; a test holds it against the files
WITH_MEMBERS = ("rename", "review", "merge")  # the kinds whose state the replay looks at
BUSY_SECONDS = 60.0


@dataclass
class _Log:
    """Events of a category as read so far; they never change, so only newer ones are read again."""

    events: list[Event] = field(default_factory=list[Event])


class CurationStore:
    """The events of one data directory, or of a database that several share."""

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        """Open (and, if need be, make or migrate) the database. Raises `CurationDatabaseError`, `SettingsError`."""
        self.url = _parse(url)
        self.read_only = read_only
        self._logs: dict[str, _Log] = {}
        self._snapshots: dict[str, frozenset[str]] = {}
        self._lock = Lock()
        self.engine = _engine(self.url)
        try:
            self._migrate()
        except DBAPIError as error:
            raise CurationDatabaseError(
                f"The curation database {self.name} does not open: {_first_line(error)}. Check curation.database_url "
                "and that its server runs; what people decided is kept there, so nothing goes on without it."
            ) from error

    @property
    def name(self) -> str:
        """The address without its password."""
        return self.url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def last(self, category: str) -> int:
        """The number of a category's last event; 0 before the first."""
        with self._reading() as connection:
            return _last(connection, category)

    def events(self, category: str) -> Sequence[Event]:
        """All events of a category, in their order."""
        with self._reading() as connection:
            return self._refresh(connection, category)

    def touching(
        self, category: str, *, cluster: str | None = None, image: str | None = None, limit: int = 1000
    ) -> list[Event]:
        """The last `limit` events of one cluster, one image or the whole category, the newest first."""
        table = t.event_cluster if cluster is not None else t.event_image
        column = t.event_cluster.c.cluster if cluster is not None else t.event_image.c.image
        with self._reading() as connection:
            events = self._refresh(connection, category)
            if cluster is None and image is None:
                return list(reversed(events[-limit:]))
            query = select(table.c.number).where(
                table.c.category == category, column == (image if cluster is None else cluster)
            )
            numbers = set(connection.scalars(query))
        return [events[number - 1] for number in sorted(_with_undos(numbers, events), reverse=True)[:limit]]

    def revision(self, category: str, cluster: str) -> int:
        """The number of the last event that touched a cluster, undos included; 0 when there is none."""
        touching = self.touching(category, cluster=cluster, limit=1)
        return touching[0].number if touching else 0

    def excluded(self, category: str) -> dict[str, int]:
        """Content hashes that people left out, with the number of the event."""
        table = t.image_exclusion
        with self._reading() as connection:
            rows = connection.execute(select(table.c.image, table.c.number).where(table.c.category == category))
            return {row.image: row.number for row in rows}

    def flags(self, category: str) -> list[Flag]:
        """Every flag that was ever raised; `curation/review.py` knows which of them still hold."""
        with self._reading() as connection:
            rows = connection.execute(
                select(t.flag).where(t.flag.c.category == category).order_by(t.flag.c.cluster, t.flag.c.raised_at)
            )
            return [Flag(row.cluster, row.kind, row.text, row.key, row.after_event) for row in rows]

    def raise_flags(self, category: str, flags: Sequence[Flag], *, at: str) -> None:
        """Keep the flags of a run; one that is there already stays as it is."""
        if not flags:
            return
        with self.transaction(category) as tx:
            after = tx.last
            for flag in flags:
                key = (t.flag.c.category == category) & (t.flag.c.cluster == flag.cluster) & (
                    t.flag.c.kind == flag.kind) & (t.flag.c.key == flag.key)  # fmt: skip
                if tx.connection.execute(select(t.flag.c.key).where(key)).first() is None:
                    tx.connection.execute(
                        insert(t.flag).values(category=category, cluster=flag.cluster, kind=flag.kind, key=flag.key,
                                              text=flag.text, after_event=after, raised_at=at)
                    )  # fmt: skip

    @contextmanager
    def transaction(self, category: str) -> Generator["Transaction"]:
        """Write events of a category; all of them are stored at the end, or none. Others wait meanwhile."""
        if self.read_only:
            raise CurationDatabaseError("This is a read-only view: nothing can be decided here.")
        try:
            with self.engine.connect().execution_options(writing=True) as connection, connection.begin():
                last = _last(connection, category, lock=True)
                yield Transaction(connection, category, last, list(self._refresh(connection, category)))
        except OperationalError as error:
            raise CurationDatabaseError(
                f"The curation database {self.name} did not take a decision: {_first_line(error)}. Nothing was "
                "stored; try again."
            ) from error

    def rebuild_derived(self, category: str) -> None:
        """Make the derived tables of a category anew from its events."""
        with self.transaction(category) as tx:
            rebuild(tx.connection, category, tx.events)

    @contextmanager
    def _reading(self) -> Generator[Connection]:
        with self.engine.connect() as connection:
            yield connection

    def _refresh(self, connection: Connection, category: str) -> Sequence[Event]:
        with self._lock:
            log = self._logs.setdefault(category, _Log())
            known = len(log.events)
            rows = connection.execute(
                select(t.event).where(t.event.c.category == category, t.event.c.number > known)
                .order_by(t.event.c.number)
            ).all()  # fmt: skip
            if rows:
                states = self._states(connection, category, known)
                # a new list: what was handed out before does not grow under its reader
                log.events = log.events + [_event(row, states.get(row.number, {})) for row in rows]
            return log.events

    def _states(self, connection: Connection, category: str, after: int) -> dict[int, dict[str, ClusterState]]:
        query = (
            select(t.event_state, t.event.c.kind)
            .join(t.event, (t.event.c.category == t.event_state.c.category)
                  & (t.event.c.number == t.event_state.c.number))
            .where(t.event_state.c.category == category, t.event_state.c.number > after)
        )  # fmt: skip
        rows = connection.execute(query).all()
        wanted = sorted({row.snapshot for row in rows if row.kind in WITH_MEMBERS} - self._snapshots.keys())
        for start in range(0, len(wanted), 500):
            found = connection.execute(
                select(t.snapshot).where(t.snapshot.c.digest.in_(wanted[start : start + 500]))
            )  # fmt: skip
            self._snapshots |= {row.digest: _unpack(row.members) for row in found}
        result: dict[int, dict[str, ClusterState]] = {}
        for row in rows:
            members = self._snapshots.get(row.snapshot, frozenset())
            state = ClusterState(row.name, row.status, members, row.description)
            result.setdefault(row.number, {})[row.cluster] = state
        return result

    def _migrate(self) -> None:
        with self._reading() as connection:
            found = _version(connection)
        if found == HEAD:
            return
        if found is not None and found > HEAD:
            raise NewerSchemaError(
                f"The curation database {self.name} has schema {found}; this program knows {HEAD}. "
                "Upgrade image-cluster."
            )
        if self.read_only:
            raise CurationDatabaseError(
                f"The curation database {self.name} has to be brought to schema {HEAD} first: run any command that "
                "is not read-only."
            )
        from alembic import command
        from alembic.config import Config

        with self.engine.connect().execution_options(writing=True) as connection, connection.begin():
            if self.url.get_backend_name() == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(7253911)"))  # two first starts at once
            if _version(connection) != HEAD:
                config = Config()
                config.set_main_option(
                    "script_location", str(resources.files("pipeline.storage.curation") / "migrations")
                )
                config.attributes["connection"] = connection
                command.upgrade(config, "head")


@dataclass
class Transaction:
    """One writer of one category. `events` are all of its events, those of this transaction included."""

    connection: Connection
    category: str
    last: int
    events: list[Event]

    def with_key(self, key: str) -> Event | None:
        """The event that was stored with this key."""
        number = self.connection.scalar(
            select(t.event.c.number).where(t.event.c.category == self.category, t.event.c.key == key)
        )
        return None if number is None else self.events[number - 1]

    def revision(self, cluster: str) -> int:
        """As `CurationStore.revision`, as seen here."""
        numbers = set(
            self.connection.scalars(
                select(t.event_cluster.c.number).where(
                    t.event_cluster.c.category == self.category, t.event_cluster.c.cluster == cluster
                )
            )
        )
        return max(_with_undos(numbers, self.events), default=0)

    def append(
        self,
        decision: Decision,
        *,
        at: str,
        actor: str,
        why: str | None = None,
        key: str | None = None,
        state: Mapping[str, ClusterState] | None = None,
    ) -> Event:
        """Store one event. Raises `ConflictError` for an undo of what is not there or is undone already."""
        if isinstance(decision, Undo):
            _check_undo(decision, self.events)
        number = self.last + 1
        made = Event(number, at, actor, decision, why, state or {})
        value = decision.model_dump(mode="json")
        row = {"category": self.category, "number": number, "at": at, "actor": actor, "why": why,
               "kind": value["kind"], "decision": value, "key": key}  # fmt: skip
        self.connection.execute(insert(t.event).values(row))
        self._touch(t.event_cluster, "cluster", decision.clusters_touched(), number)
        self._touch(t.event_image, "image", decision.images_touched(), number)
        for cluster, held in (state or {}).items():
            self._keep_state(number, cluster, held)
        changed = update(t.category).where(t.category.c.slug == self.category).values(last_event=number)
        self.connection.execute(changed)
        self.last = number
        self.events.append(made)
        if isinstance(decision, Undo):
            rebuild(self.connection, self.category, self.events)
        else:
            apply_event(self.connection, self.category, made)
        return made

    def _touch(self, table: Any, column: str, values: Sequence[str], number: int) -> None:
        rows = [{"category": self.category, column: value, "number": number} for value in dict.fromkeys(values)]
        if rows:
            self.connection.execute(insert(table), rows)

    def _keep_state(self, number: int, cluster: str, held: ClusterState) -> None:
        data = "\n".join(sorted(held.members)).encode()
        digest = hashlib.blake2b(data, digest_size=20).hexdigest()
        if self.connection.execute(select(t.snapshot.c.digest).where(t.snapshot.c.digest == digest)).first() is None:
            self.connection.execute(insert(t.snapshot).values(digest=digest, members=zlib.compress(data, 6)))
        self.connection.execute(
            insert(t.event_state).values(
                category=self.category, number=number, cluster=cluster, name=held.name, description=held.description,
                status=held.status, size=len(held.members), snapshot=digest,
            )
        )  # fmt: skip


def database_url(file: Path, configured: str | None) -> str:
    """Where decisions are kept: what is configured, else that SQLite file."""
    return configured or URL.create("sqlite", database=str(file)).render_as_string()


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except Exception as error:  # noqa: BLE001  # the text of make_url's error may hold the password
        raise SettingsError(
            f"curation.database_url is not an address of a database ({type(error).__name__}). "
            "Write sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE."
        ) from None
    backend = parsed.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise SettingsError(f"curation.database_url names {backend}; decisions are kept in sqlite or postgresql.")
    return parsed.set(drivername="postgresql+pg8000") if parsed.drivername == "postgresql" else parsed


def _engine(url: URL) -> Engine:
    try:
        if url.get_backend_name() != "sqlite":
            return create_engine(url, pool_pre_ping=True)
        if url.database and url.database != ":memory:":
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise SettingsError(
            f"The driver of {url.render_as_string(hide_password=True)} is not installed ({error}). "
            "Install image-cluster[postgres]."
        ) from error
    listen.listen(engine, "connect", _sqlite_connected)
    listen.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_connected(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # the driver starts no transactions by itself; `_sqlite_begin` does
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    # a transaction that reads first and writes later would fail when another one wrote in between
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _version(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _last(connection: Connection, category: str, *, lock: bool = False) -> int:
    query = select(t.category.c.last_event).where(t.category.c.slug == category)
    found = connection.scalar(query.with_for_update() if lock else query)
    if found is not None or not lock:
        return found or 0
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as insert_or_leave

        connection.execute(insert_or_leave(t.category).values(slug=category, last_event=0).on_conflict_do_nothing())
        return connection.scalar(query.with_for_update()) or 0
    connection.execute(insert(t.category).values(slug=category, last_event=0))
    return 0


def _event(row: Any, states: Mapping[str, ClusterState]) -> Event:
    return Event(row.number, row.at, row.actor, parse_decision(row.decision), row.why, states)


def _with_undos(numbers: set[int], events: Sequence[Event]) -> set[int]:
    """The numbers, and those of the undos of them, of the undos of these, and so on."""
    found = set(numbers)
    for one in events:
        if isinstance(one.decision, Undo) and one.decision.event in found:
            found.add(one.number)
    return found


def _check_undo(undo: Undo, events: Sequence[Event]) -> None:
    if undo.event > len(events):
        raise ConflictError(f"There is no event {undo.event} to undo; the last one is {len(events)}.")
    if is_undone(events, undo.event):
        raise ConflictError(f"Event {undo.event} is undone already. To make it hold again, undo its undo.")


def _unpack(data: bytes) -> frozenset[str]:
    plain = zlib.decompress(data).decode()
    return frozenset(plain.split("\n")) if plain else frozenset()


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).splitlines()[0] if str(error.orig) else type(error.orig).__name__
