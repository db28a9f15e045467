"""Opening the SQLite file of decisions to read it, and checking that it is whole.

What belongs here: connections that never write. Not here: the queries (`reading.py`), writing (`store.py`).
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from pipeline.errors import CurationDatabaseError, DamagedDatabaseError
from pipeline.storage.full_disk import is_damage, raise_if_full

BUSY_SECONDS = 60.0


def open_to_read(file: Path) -> sqlite3.Connection:
    """A connection in a transaction that reads, so that all queries see the same state.

    To share the file with writers, SQLite needs a little space beside it, even to read. Where it gets none (a full
    disk, a folder that may not be written), the file is read without sharing, unless a writer left it open.
    """
    address = file.resolve().as_uri()
    try:
        return _begun(f"{address}?mode=rw")  # mode=ro fails for a file that a killed writer left open
    except sqlite3.OperationalError as error:
        log = file.with_name(f"{file.name}-wal")
        if is_damage(error) or (log.exists() and log.stat().st_size):
            raise
        return _begun(f"{address}?mode=ro&immutable=1")


def _begun(address: str) -> sqlite3.Connection:
    connection = sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        connection.execute("BEGIN")
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def check_file(file: Path) -> None:
    """Let SQLite check a file, without writing to it. A missing or empty file passes.

    Raises `DamagedDatabaseError`.
    """
    if not file.exists() or not file.stat().st_size:
        return
    try:
        with closing(open_to_read(file)) as connection:
            problems = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
    except sqlite3.DatabaseError as error:
        raise_if_full(error, file, f"The curation database {file} cannot be read")
        if not is_damage(error):
            raise CurationDatabaseError(f"The curation database {file} cannot be read: {error}.") from error
        problems = [str(error)]
    if problems != ["ok"]:
        problem_text = "; ".join(" ".join(line.split()) for line in problems)
        raise DamagedDatabaseError(f"The curation database {file} is damaged, and was left as it is: {problem_text}.")
