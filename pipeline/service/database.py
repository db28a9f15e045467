"""The service's own small database: runs, the queue, and used signatures.

What belongs here: tables, the connection, the schema's version. Not here: people's decisions, which have their own
database (`storage/curation/`), and the meaning of the rows (`runs.py`, `queue.py`). The file may be deleted while
nothing runs; that loses waiting uploads and the list of runs.
"""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
)
from sqlalchemy.pool import StaticPool

from pipeline.errors import NewerSchemaError

VERSION = 1
BUSY_SECONDS = 30.0

metadata = MetaData()

run_table = Table(
    "run",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("kind", String(20), nullable=False),  # pipeline, clustering, tuning, vectors or dagster
    Column("category", Text),
    Column("slug", String(200)),
    Column("state", String(20), nullable=False),  # queued, running, succeeded, failed, died or cancelled
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("ended_at", Float),
    Column("pid", Integer),
    Column("settings", JSON, nullable=False),
    Column("phase", Text),
    Column("done", Integer),
    Column("total", Integer),
    Column("message", Text),
    Column("error", Text),
    Column("result", JSON),
    Column("elsewhere", String(200)),  # the run's id in Dagster
    Index("run_by_time", "created_at"),
)

queue_table = Table(
    "queue",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("slug", String(200), nullable=False),
    Column("key", Text, nullable=False),
    Column("source", String(20), nullable=False),  # upload or notification
    Column("state", String(20), nullable=False),  # waiting, working, done or failed
    Column("added_at", Float, nullable=False),
    Column("not_before", Float, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("ended_at", Float),
    Column("message", Text),
    Index("queue_by_state", "state", "slug"),
)

signature_table = Table(
    "signature",
    metadata,
    Column("signature", String(100), primary_key=True),
    Column("seen_at", Float, nullable=False),
)


class ServiceDatabase:
    """The database file of one data directory; a read-only service never creates it."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open it. Raises `NewerSchemaError` if a newer version of this program made it."""
        self.path, self.read_only = path, read_only
        if read_only:
            url = f"sqlite:///file:{path}?mode=ro&uri=true" if path.exists() else "sqlite://"
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            url = f"sqlite:///{path}"
        # a database in memory lives as long as its one connection, which all threads share
        pool: dict[str, Any] = {"poolclass": StaticPool} if url == "sqlite://" else {}
        arguments = {"timeout": BUSY_SECONDS, "check_same_thread": False}
        self.engine: Engine = create_engine(url, connect_args=arguments, **pool)
        if not read_only:
            event.listen(self.engine, "connect", _set_pragmas)
        self._check()

    @contextmanager
    def begin(self) -> Generator[Connection]:
        """One transaction."""
        with self.engine.begin() as connection:
            yield connection

    def close(self) -> None:
        self.engine.dispose()

    def _check(self) -> None:
        with self.engine.begin() as connection:
            stored = int(connection.exec_driver_sql("PRAGMA user_version").scalar() or 0)
            if stored > VERSION:
                raise NewerSchemaError(
                    f"{self.path} has schema version {stored}; this program knows {VERSION}. Upgrade image-cluster."
                )
            if stored == 0 and (not self.read_only or not self.path.exists()):
                metadata.create_all(connection)
                connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")


def moment(seconds: float | None) -> str | None:
    """Seconds since 1970 as ISO 8601 in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _set_pragmas(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
