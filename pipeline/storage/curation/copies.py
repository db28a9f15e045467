"""Copies of the decisions: SQLite files for every kind of database, each verified after writing.

What belongs here: making and verifying copies, and which old ones to remove. Not here: when to make a copy
(`steps/decision_guard.py`), restoring one (`restoring.py`).

A copy is `decisions-TIME-EVENTS.sqlite3` and, written after it, a `.json` of the same name with SHA-256, size, and the
number of events of each category with their digest. SQLite is copied by its backup interface, which is safe beside
writers. PostgreSQL is read in one transaction and written as a SQLite file with the same tables.
"""

import hashlib
import json
import os
import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import BackupError, CurationDatabaseError, DamagedDatabaseError
from pipeline.storage.curation.opening import check_file, open_to_read
from pipeline.storage.curation.reading import Reader, SqliteFile
from pipeline.storage.files import sync_directory, temporary_beside, write_atomically
from pipeline.storage.full_disk import raise_if_full

if TYPE_CHECKING:
    from pipeline.storage.curation.store import CurationStore

COPIES = "decisions-*.json"
NEWEST_KEPT = 10
DAYS_KEPT, WEEKS_KEPT = 14, 8  # one a day, then one a week; after that one a month, forever


@dataclass(frozen=True)
class CategoryEvents:
    """The number of events of one category in a database, and their digest."""

    events: int
    digest: str


@dataclass(frozen=True)
class Copy:
    """One copy, made at `at`; `database` is the identity of its source.

    `number` counts the copies of a folder, because clocks are set back; 0 for copies of earlier versions.
    """

    file: Path
    at: str
    bytes: int
    sha256: str
    database: str | None
    categories: Mapping[str, CategoryEvents]
    number: int = 0

    @property
    def events(self) -> int:
        return sum(category.events for category in self.categories.values())


def contents(log: Reader) -> dict[str, CategoryEvents]:
    """The events of each category in a database."""
    return {slug: CategoryEvents(last, log.digest(slug, last)) for slug, last in sorted(log.counts().items()) if last}


def make_copy(log: Reader, target: Path, at: str) -> Copy:
    """Copy a database to the file `target` and verify it. Raises `BackupError` and then leaves no `target`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = temporary_beside(target)
    before = contents(log)
    try:
        if log.file is not None:
            _copy_file(log.file, staged)
        else:
            _export(log, staged)  # pyright: ignore[reportArgumentType]  # the store is the only reader without a file
        copied = read_copy(staged, at)
        short = [slug for slug, category in before.items() if count(copied, slug) < category.events]
        if short:
            raise BackupError(f"The copy {target} holds fewer decisions than its source in {', '.join(short)}.")
        _sync(staged)
        staged.replace(target)
        sync_directory(target.parent)
    except (sqlite3.Error, DamagedDatabaseError, CurationDatabaseError) as error:
        raise_if_full(error, target, f"The decisions could not be copied to {target}")
        raise BackupError(f"The decisions could not be copied to {target}: {error}") from error
    finally:
        staged.unlink(missing_ok=True)
    return replace(copied, file=target)


def read_copy(file: Path, at: str = "") -> Copy:
    """The copy in a file, read from the file itself. Raises `BackupError` if it is missing or damaged."""
    if not file.is_file():
        raise BackupError(f"There is no copy {file}.")
    try:
        check_file(file)
        reader = SqliteFile(file)
        categories = contents(reader)
        for slug in categories:
            reader.events(slug)  # raises if an event cannot be read
        identity = reader.identity() if file.stat().st_size else None
    except (DamagedDatabaseError, CurationDatabaseError) as error:
        raise BackupError(f"{file} is no usable copy of decisions: {error}") from error
    if not file.stat().st_size:
        raise BackupError(f"{file} is empty.")
    return Copy(file, at, file.stat().st_size, _sha256(file), identity, categories)


def keep_copy(log: Reader, folder: Path, at: str) -> Copy | None:
    """Copy the decisions into `folder` and thin out old copies. Returns None if the newest copy is equal.

    Raises `BackupError`.
    """
    categories = contents(log)
    newest = next(iter(newest_first(folder)), None)
    if not categories or (newest is not None and dict(newest.categories) == categories):
        return None
    moment = at.replace("-", "").replace(":", "")
    name = f"decisions-{moment}-{sum(category.events for category in categories.values()):06d}"
    file = folder / f"{name}.sqlite3"
    while file.exists():
        file = folder / f"{name}-{secrets.token_hex(3)}.sqlite3"
    number = 1 + max((copy.number for copy in newest_first(folder)), default=0)
    made = replace(make_copy(log, file, at), number=number)
    write_atomically(file.with_suffix(".json"), json.dumps(_record(made), indent=1).encode() + b"\n")
    thin_out(folder, at)
    return made


def newest_first(folder: Path) -> list[Copy]:
    """The copies in a folder according to their records; does not verify the files."""
    copies: list[Copy] = []
    for path in folder.glob(COPIES):
        try:
            values: dict[str, Any] = json.loads(path.read_bytes())
            categories = {slug: CategoryEvents(**entry) for slug, entry in values.pop("categories").items()}
            copies.append(Copy(file=path.with_suffix(".sqlite3"), categories=categories, **values))
        except (ValueError, TypeError, KeyError, AttributeError):  # a truncated record, or a file of somebody else
            continue
    return sorted(copies, key=lambda copy: (copy.number, copy.at, copy.events), reverse=True)


def is_good(copy: Copy) -> bool:
    """Whether the file is unchanged since it was written."""
    return copy.file.is_file() and copy.file.stat().st_size == copy.bytes and _sha256(copy.file) == copy.sha256


def thin_out(folder: Path, now: str) -> None:
    """Remove old copies whose decisions are in newer copies too."""
    copies = newest_first(folder)
    kept = kept_of([copy.at for copy in copies], now)
    for place, (copy, keep) in enumerate(zip(copies, kept, strict=True)):
        if not keep and any(_replaces(newer, copy) for newer in copies[:place]):
            copy.file.with_suffix(".json").unlink(missing_ok=True)
            copy.file.unlink(missing_ok=True)


def kept_of(moments: list[str], now: str) -> list[bool]:
    """Which of the copies made at these times (newest first) to keep.

    The newest ten, then the newest of each day for two weeks, of each week for eight weeks, and of each month forever.
    """
    today, seen, kept = _time(now), set[str](), list[bool]()
    for place, moment in enumerate(moments):
        made = _time(moment)
        age = today - made
        if age <= timedelta(days=DAYS_KEPT):
            bucket = f"{made:%Y-%m-%d}"
        elif age <= timedelta(weeks=WEEKS_KEPT):
            bucket = f"{made:%G-W%V}"
        else:
            bucket = f"{made:%Y-%m}"
        kept.append(place < NEWEST_KEPT or bucket not in seen)
        seen.add(bucket)
    return kept


def _replaces(newer: Copy, older: Copy) -> bool:
    """Whether a newer copy of the same database holds as many decisions of every category."""
    return newer.database == older.database and all(
        count(newer, slug) >= category.events for slug, category in older.categories.items()
    )


def count(copy: Copy, slug: str) -> int:
    """How many events of a category a copy holds."""
    return copy.categories[slug].events if slug in copy.categories else 0


def _copy_file(source: Path, target: Path) -> None:
    with (
        closing(open_to_read(source)) as origin,
        closing(sqlite3.connect(target)) as copy,
    ):
        origin.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # a single file, without -wal and -shm


def _export(store: "CurationStore", target: Path) -> None:
    """Write all rows of another database to a SQLite file, from one consistent snapshot."""
    from sqlalchemy import create_engine, select, text

    from pipeline.storage.curation import tables as t
    from pipeline.storage.curation.reading import HEAD

    copy = create_engine(f"sqlite:///{target}")
    try:
        with (
            store.engine.connect().execution_options(isolation_level="REPEATABLE READ") as origin,
            copy.begin() as writing,
        ):
            t.metadata.create_all(writing)
            writing.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
            writing.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
            for table in t.metadata.sorted_tables:
                for rows in origin.execute(select(table)).mappings().partitions(1000):
                    writing.execute(table.insert(), [dict(row) for row in rows])
    finally:
        copy.dispose()


def _record(copy: Copy) -> dict[str, Any]:
    values = asdict(copy)
    del values["file"]
    return values


def _sync(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _time(moment: str) -> datetime:
    return datetime.fromisoformat(moment).astimezone(UTC)


def best(copies: Iterable[Copy]) -> Copy | None:
    """The newest copy that is undamaged."""
    return next((copy for copy in copies if is_good(copy)), None)
