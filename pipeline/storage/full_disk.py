"""Telling a full disk from damage and from bugs.

What belongs here: recognising errors of the operating system and of SQLite that mean that there is no space left. Not
here: writing (`files.py`), the decisions (`curation/`).

SQLite reports a disk without space as "disk I/O error" as soon as it needs a block for its shared memory, which also
reading does. That must not be taken for a damaged database.
"""

import errno
import shutil
import sqlite3
from pathlib import Path

from pipeline.errors import FullDiskError

LITTLE = 1_000_000  # bytes; SQLite needs 32 kB for its shared memory, and the blocks of the transaction
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_DAMAGE = ("SQLITE_IOERR_SHORT_READ", "SQLITE_IOERR_CORRUPTFS")


def is_full(error: OSError) -> bool:
    """Whether a write failed because the disk, or the user's share of it, is full."""
    return error.errno in _NO_SPACE


def raise_if_full(error: BaseException, file: Path | None, what: str) -> None:
    """Raise `FullDiskError` if an error of SQLite about `file` means that there is no space; `what` was tried."""
    name = getattr(error, "sqlite_errorname", "")
    if name != "SQLITE_FULL" and (not name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN")) or _space(file) > LITTLE):
        return
    where = file.parent if file is not None else "its server"
    raise FullDiskError(
        f"{what}, because the disk of {where} is full. Nothing was stored. Free some space, then try again."
    )


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite says that the contents of a file are wrong, not that the machine refused to read it."""
    name = error.sqlite_errorname
    return name in (*_DAMAGE, "SQLITE_NOTADB") or name.startswith("SQLITE_CORRUPT")


def _space(file: Path | None) -> float:
    try:
        return shutil.disk_usage(file.parent).free if file is not None else float("inf")
    except OSError:
        return float("inf")
