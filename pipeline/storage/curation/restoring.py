"""Restores a copy of the decisions into the database in one step; the old database is kept aside.

What belongs here: replacing a SQLite file, and the rows of another database. Not here: making copies (`copies.py`),
choosing the copy and deciding whether it may replace the present decisions (`steps/backup.py`).
"""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, delete, insert, select

from pipeline.errors import CurationDatabaseError, DamagedDatabaseError
from pipeline.storage.curation import tables as t
from pipeline.storage.curation.opening import check_file
from pipeline.storage.files import sync_directory, temporary_beside

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from pipeline.storage.curation.store import CurationStore

BESIDE = ("-wal", "-shm", "-journal")
_OF_A_CATEGORY = (
    t.event_cluster,
    t.event_image,
    t.event_state,
    t.flag,
    t.event,
    t.category,
)  # in an order that foreign keys allow for deletion


def set_aside(file: Path, target: Path) -> Path:
    """Copy a database file to `target`, damaged or not, with the files that SQLite keeps beside it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for ending in ("", *BESIDE):
        if Path(f"{file}{ending}").exists():
            shutil.copy2(f"{file}{ending}", f"{target}{ending}")
    return target


def replace_file(copy: Path, file: Path) -> None:
    """Replace a database file with a copy. Processes with the old file open switch to the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    staged = temporary_beside(file)
    try:
        shutil.copyfile(copy, staged)
        check_file(staged)
        with staged.open("rb") as opened:
            os.fsync(opened.fileno())
        for ending in BESIDE:  # these belong to the old file and would damage the new one
            Path(f"{file}{ending}").unlink(missing_ok=True)
        staged.replace(file)
        sync_directory(file.parent)
    finally:
        staged.unlink(missing_ok=True)


def replace_rows(copy: Path, store: "CurationStore", categories: list[str]) -> None:
    """Replace the events of these categories in another database with those of a copy, in one transaction."""
    from pipeline.storage.curation.store import CurationStore as Store

    migrated = temporary_beside(copy)
    shutil.copyfile(copy, migrated)
    try:
        Store(f"sqlite:///{migrated}").close()  # brings an older schema up to date
        source = create_engine(f"sqlite:///{migrated}")
        with source.connect() as reading, store.engine.begin() as writing:
            for table in _OF_A_CATEGORY:
                column = table.c.slug if table is t.category else table.c.category
                writing.execute(delete(table).where(column.in_(categories)))
            _insert_snapshots(reading, writing)
            for table in reversed(_OF_A_CATEGORY):
                column = table.c.slug if table is t.category else table.c.category
                rows = [dict(row) for row in reading.execute(select(table).where(column.in_(categories))).mappings()]
                if rows:
                    writing.execute(insert(table), rows)
        source.dispose()
        store.forget()
    finally:
        for ending in ("", *BESIDE):
            Path(f"{migrated}{ending}").unlink(missing_ok=True)


def is_damaged(file: Path) -> bool:
    """Whether a database file exists but cannot be read."""
    try:
        check_file(file)
    except (DamagedDatabaseError, CurationDatabaseError):
        return True
    return False


def _insert_snapshots(reading: "Connection", writing: "Connection") -> None:
    there = set(writing.scalars(select(t.snapshot.c.digest)))
    rows: list[dict[str, Any]] = [
        dict(row) for row in reading.execute(select(t.snapshot)).mappings() if row["digest"] not in there
    ]
    if rows:
        writing.execute(insert(t.snapshot), rows)
