"""Telling a full disk from damage and from bugs.

What belongs here: recognising errors of the operating system, of SQLite, and of the libraries that write tables and
arrays, that mean that there is no space left, and saying so. Not here: writing (`files.py`), decisions (`curation/`).

SQLite reports a disk without space as "disk I/O error" as soon as it needs a block for its shared memory, which also
reading does. That must not be taken for a damaged database.
"""

import errno
import os
import re
import shutil
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from pipeline.errors import FullDiskError

LITTLE = 1_000_000  # bytes; SQLite needs 32 kB for its shared memory, and the blocks of the transaction
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_OS_ERROR = re.compile(r"\(os error (\d+)\)")  # how Polars, which is written in Rust, passes them on
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")  # all that NumPy says
_DAMAGE = ("SQLITE_IOERR_SHORT_READ", "SQLITE_IOERR_CORRUPTFS")


def is_full(error: OSError) -> bool:
    """Whether a write failed because the disk, or the user's share of it, is full."""
    return error.errno in _NO_SPACE


def is_refused(error: OSError) -> bool:
    """Whether a write failed because this user, or nobody, may write there."""
    return error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)


def trouble_text(error: OSError) -> str:
    """What the operating system refused, in a sentence; for a full disk with figures and what to do."""
    reason, path = error.strerror or str(error), error.filename
    if path is None:
        return f"{reason}."
    if is_refused(error):
        return (
            f"{reason}: {path}{_owner(path)}. Give this user the right to write there, or name another data directory "
            "with --out."
        )
    if not is_full(error):
        return f"{reason}: {path}."
    quota = error.errno == errno.EDQUOT
    why = "your share of the disk (quota) is used up" if quota else f"the disk is full{_left(path)}"
    return (
        f"{path} could not be written, because {why}. Free some space, then run the same command again: what is "
        "finished is kept."
    )


@contextmanager
def writing(path: Path) -> Generator[None]:
    """Errors while Polars or NumPy write `path` become `OSError` with their number and this path."""
    try:
        yield
    except OSError as error:
        number = error.errno
        if number is None and _SHORT_WRITE.search(str(error)):
            number = errno.ENOSPC if _space(path) < LITTLE else errno.EIO
        if number is None or error.filename is not None:
            raise
        raise OSError(number, os.strerror(number), str(path)) from error
    except pl.exceptions.ComputeError as error:
        found = _OS_ERROR.search(str(error))
        if found is None:
            raise
        raise OSError(int(found[1]), os.strerror(int(found[1])), str(path)) from error


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


def _owner(path: str) -> str:
    """In brackets the owner of the nearest existing folder; empty if that is this user."""
    if not hasattr(os, "geteuid"):
        return ""
    here = Path(path)
    folder = next((one for one in (here, *here.parents) if os.access(one, os.F_OK)), Path("/"))
    owner, user = folder.stat().st_uid, os.geteuid()
    return "" if owner == user else f" ({folder} is of user {_user(owner)}, and this runs as {_user(user)})"


def _user(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _left(path: str) -> str:
    """What is left where `path` should be written, in brackets: bytes, or files where these ran out first."""
    here = Path(path)
    folder = next((one for one in (here, *here.parents) if one.is_dir()), Path("/"))
    if not hasattr(os, "statvfs"):
        return ""
    state = os.statvfs(folder)
    if state.f_files and not state.f_favail:
        return f" (no more files fit: all {state.f_files:,} are used)"
    return f" ({state.f_bavail * state.f_frsize:,} of {state.f_blocks * state.f_frsize:,} bytes are free)"
