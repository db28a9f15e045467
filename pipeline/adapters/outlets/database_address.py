"""The address of a database outlet: what SQLAlchemy and the driver make of it.

What belongs here: parsing an address, TLS, and where the password comes from. Not here: connecting and writing
(`database.py`), the database of decisions (`storage/curation/engine.py`).
"""

import os
import ssl
from typing import Any

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from pipeline.errors import SettingsError

ANSWER_SECONDS = 60
BUSY_SECONDS = 30  # how long SQLite waits for another writer


def parse_address(url: str, shown: str) -> tuple[URL, dict[str, Any]]:
    """The address for SQLAlchemy, and the arguments for the driver. `shown` is the address without its password.

    Raises `SettingsError`.
    """
    try:
        made = make_url(url)
        if made.get_backend_name() in ("postgres", "postgresql"):
            return _postgresql(made, shown)
        made.get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise SettingsError(
            f"{shown!r} is not a database address. Write sqlite:///file.db or postgresql://user@host/database "
            "(a password with @ : / or # in it needs percent escapes, or the variable PGPASSWORD)."
        ) from None
    if not made.database:
        raise SettingsError(f"{shown!r} names no file. Three slashes and a path, as in sqlite:///library.db.")
    return made, {"timeout": BUSY_SECONDS}


def _postgresql(made: URL, shown: str) -> tuple[URL, dict[str, Any]]:
    if made.drivername not in ("postgres", "postgresql", "postgresql+pg8000"):
        raise SettingsError(f"{shown!r} asks for a driver that is not included. Write postgresql://.")
    try:
        import pg8000  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError:
        raise SettingsError(f"{shown!r} needs the PostgreSQL driver: pip install 'image-cluster[postgres]'.") from None
    query = dict(made.query)
    arguments: dict[str, Any] = {"timeout": ANSWER_SECONDS, "application_name": "image-cluster"}
    mode = str(query.pop("sslmode", "prefer"))
    if mode in ("require", "verify-ca", "verify-full"):
        arguments["ssl_context"] = _tls(verify=mode != "require", host=mode == "verify-full")
    query.pop("channel_binding", None)
    folder = str(query.pop("host", ""))
    if folder.startswith("/"):
        arguments["unix_sock"] = f"{folder}/.s.PGSQL.{made.port or 5432}"
    if query:
        raise SettingsError(f"{shown!r} has unknown query values: {', '.join(sorted(query))}. Known: sslmode, host.")
    password = made.password or os.environ.get("PGPASSWORD")
    return made.set(drivername="postgresql+pg8000", query={}, password=password), arguments


def _tls(*, verify: bool, host: bool) -> ssl.SSLContext:
    """The TLS context for libpq's sslmode: require does not check certificates, verify-ca and verify-full do."""
    context = ssl.create_default_context()
    context.check_hostname = host
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    return context
