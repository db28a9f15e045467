"""The curation store: creates and migrates the database, appends events, keeps flags. Safe for many processes.

What belongs here: transactions, events → rows, migrating. Not here: the address of the database and its connections
(`engine.py`), rows → events (`reading.py`), the meaning of events (`curation/`), checking ids and recording the state
of clusters (`steps/curation.py`).

The database is SQLite in the data directory unless the settings name PostgreSQL. Writers of a category wait for each
other (SQLite: one writer at a time; PostgreSQL: a lock on the category's row). So the numbers of events have no gaps,
and data read in a transaction is still current at its end. An event may have a key; a key is stored only once.
"""

import hashlib
import zlib
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy import event as listen
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError

from pipeline.curation.decisions import Decision, Undo
from pipeline.curation.events import ClusterState, Event, is_undone
from pipeline.curation.review import Flag
from pipeline.errors import ConflictError, CurationDatabaseError, NewerSchemaError
from pipeline.storage.curation import tables as t
from pipeline.storage.curation.engine import open_engine, parse_url
from pipeline.storage.curation.opening import check_file
from pipeline.storage.curation.reading import HEAD, READABLE, Ask, Reader, with_undos
from pipeline.storage.full_disk import raise_if_full


class CurationStore(Reader):
    """The events of one data directory, or of a database that several share."""

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        """Open the database; create or migrate it if needed.

        Raises `CurationDatabaseError`, `DamagedDatabaseError`, `SettingsError`.
        """
        super().__init__()
        self.url = parse_url(url)
        self.read_only = read_only
        if self.url.get_backend_name() == "sqlite" and self.url.database and self.url.database != ":memory:":
            self.file = Path(self.url.database)
            check_file(self.file)
        self.engine = open_engine(self.url)
        if self.file is not None:
            listen.listen(self.engine, "checkout", self._check_same_file)
        try:
            self._migrate()
        except DBAPIError as error:
            self._raise_if_full(error, "does not open")
            if self.file is not None:
                raise CurationDatabaseError(
                    f"The decisions in {self.file} cannot be opened to write: {_first_line(error)}. Give this user the "
                    "right to write that file and its folder; reading works without."
                ) from error
            raise CurationDatabaseError(
                f"The curation database {self.name} does not open: {_first_line(error)}. Check curation.database_url "
                "and that its server runs; people's decisions are stored there, so nothing can continue without it."
            ) from error

    @property
    def name(self) -> str:
        """The address without its password."""
        return self.url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def raise_flags(self, category: str, flags: Sequence[Flag], *, at: str) -> None:
        """Store the flags of a run; existing flags do not change."""
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
        """Write events of a category in one transaction. Other writers of the category wait."""
        with self.transactions([category]) as writing:
            yield writing[category]

    @contextmanager
    def transactions(self, categories: Sequence[str]) -> Generator[dict[str, "Transaction"]]:
        """Write events of several categories in one transaction of the database, like `transaction`."""
        if self.read_only:
            raise CurationDatabaseError("This view is read-only: no decisions can be stored.")
        try:
            with self.engine.connect().execution_options(writing=True) as connection, connection.begin():
                writing: dict[str, Transaction] = {}
                for category in sorted(set(categories)):  # sorted, so that no two writers deadlock
                    last = _last(connection, category, lock=True)
                    events = list(self._refresh(_ask_through(connection), category))
                    writing[category] = Transaction(connection, category, last, events)
                yield writing
        except OperationalError as error:
            self._raise_if_full(error, "could not store a decision")
            raise CurationDatabaseError(
                f"The curation database {self.name} could not store a decision: {_first_line(error)}. Nothing was "
                "stored; try again."
            ) from error

    @contextmanager
    def _reading(self) -> Generator[Ask]:
        try:
            with self.engine.connect() as connection:
                yield _ask_through(connection)
        except DBAPIError as error:
            self._raise_if_full(error, "cannot be read")
            raise CurationDatabaseError(
                f"The curation database {self.name} cannot be read: {_first_line(error)}."
            ) from error

    def _raise_if_full(self, error: DBAPIError, failed: str) -> None:
        if error.orig is not None:
            raise_if_full(error.orig, self.file, f"The curation database {self.name} {failed}")

    def _check_same_file(self, _: Any, record: Any, __: Any) -> None:
        """Refuse a connection to a file that was deleted or replaced: its writes would be lost."""
        file = Path(str(self.file))
        if not file.exists():
            raise CurationDatabaseError(
                f"The curation database {file} is gone. Put it back, or bring back a copy: image-cluster restore latest"
            )
        inode = file.stat().st_ino
        if record.info.setdefault("inode", inode) != inode:
            self.forget()
            raise DisconnectionError  # makes SQLAlchemy open the present file

    def _migrate(self) -> None:
        with self.engine.connect() as connection:
            version = _version(connection)
        if version == HEAD or (self.read_only and version in READABLE):
            return
        if version is not None and version > HEAD:
            raise NewerSchemaError(
                f"The curation database {self.name} has schema {version}; this program knows {HEAD}. "
                "Upgrade image-cluster."
            )
        if self.read_only:
            raise CurationDatabaseError(
                f"The curation database {self.name} must first be migrated to schema {HEAD}: run any command that is "
                "not read-only."
            )
        with self.engine.connect().execution_options(writing=True) as connection, connection.begin():
            if self.url.get_backend_name() == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(7253911)"))  # two first starts at once
            if _version(connection) != HEAD:
                migrate(connection, HEAD)


@dataclass
class Transaction:
    """One writer of one category. `events` are all events of the category, including those of this transaction."""

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
        """`CurationStore.revision` within this transaction."""
        numbers = set(
            self.connection.scalars(
                select(t.event_cluster.c.number).where(
                    t.event_cluster.c.category == self.category, t.event_cluster.c.cluster == cluster
                )
            )
        )
        return max(with_undos(numbers, self.events), default=0)

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
        """Store one event. Raises `ConflictError` for an undo of an event that does not exist or is already undone."""
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
        for cluster, cluster_state in (state or {}).items():
            self._keep_state(number, cluster, cluster_state)
        changed = update(t.category).where(t.category.c.slug == self.category).values(last_event=number)
        self.connection.execute(changed)
        self.last = number
        self.events.append(made)
        return made

    def _touch(self, table: Any, column: str, values: Sequence[str], number: int) -> None:
        rows = [{"category": self.category, column: value, "number": number} for value in dict.fromkeys(values)]
        if rows:
            self.connection.execute(insert(table), rows)

    def _keep_state(self, number: int, cluster: str, state: ClusterState) -> None:
        data = "\n".join(sorted(state.members)).encode()
        digest = hashlib.blake2b(data, digest_size=20).hexdigest()
        if self.connection.execute(select(t.snapshot.c.digest).where(t.snapshot.c.digest == digest)).first() is None:
            self.connection.execute(insert(t.snapshot).values(digest=digest, members=zlib.compress(data, 6)))
        self.connection.execute(
            insert(t.event_state).values(
                category=self.category, number=number, cluster=cluster, name=state.name, description=state.description,
                status=state.status, size=len(state.members), snapshot=digest,
            )
        )  # fmt: skip


def migrate(connection: Connection, revision: str) -> None:
    """Migrate the database to a schema, up or down, within the connection's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(resources.files("pipeline.storage.curation") / "migrations"))
    config.attributes["connection"] = connection
    step = command.downgrade if (_version(connection) or "") > revision else command.upgrade
    step(config, revision)


def _ask_through(connection: Connection) -> Ask:
    return lambda sql, values: connection.execute(text(sql), values).all()


def _version(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _last(connection: Connection, category: str, *, lock: bool = False) -> int:
    query = select(t.category.c.last_event).where(t.category.c.slug == category)
    number = connection.scalar(query.with_for_update() if lock else query)
    if number is not None or not lock:
        return number or 0
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as insert_or_leave

        connection.execute(insert_or_leave(t.category).values(slug=category, last_event=0).on_conflict_do_nothing())
        return connection.scalar(query.with_for_update()) or 0
    connection.execute(insert(t.category).values(slug=category, last_event=0))
    return 0


def _check_undo(undo: Undo, events: Sequence[Event]) -> None:
    if undo.event > len(events):
        raise ConflictError(f"There is no event {undo.event} to undo; the last one is {len(events)}.", exit_code=2)
    if is_undone(events, undo.event):
        raise ConflictError(f"Event {undo.event} is already undone. To restore it, undo its undo.")


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).splitlines()[0] if str(error.orig) else type(error.orig).__name__
