"""The address of the curation database, and its connections by SQLAlchemy.

What belongs here: which database it is, and how SQLite begins a transaction. Not here: what is written (`store.py`),
connections that only read a SQLite file (`opening.py`).
"""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy import event as listen
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import NoSuchModuleError

from pipeline.errors import SettingsError
from pipeline.storage.curation.opening import BUSY_SECONDS


def database_url(file: Path, configured: str | None) -> str:
    """The address of the database: the configured one, else the SQLite file."""
    return configured or URL.create("sqlite", database=str(file)).render_as_string()


def parse_url(url: str) -> URL:
    """The address for SQLAlchemy. Raises `SettingsError` if it is none, or of another kind of database."""
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


def open_engine(url: URL) -> Engine:
    """The engine of a database; does not connect yet. Raises `SettingsError` if the driver is not installed.

    A connection with the execution option `writing` waits for other writers before it reads.
    """
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
