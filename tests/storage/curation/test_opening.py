"""The file of decisions is read also where nothing can be written beside it, and never past what a writer left."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.errors import CurationDatabaseError
from pipeline.storage.curation.opening import check_file, open_to_read


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database as writers leave it. SQLite needs a file beside it, `-shm`, to share it with others."""
    made = tmp_path / "a.sqlite3"
    with closing(sqlite3.connect(made)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (x)")
        connection.execute("INSERT INTO t VALUES (7)")
        connection.commit()
    return made


def test_a_file_is_read_where_nothing_can_be_written_beside_it(file: Path) -> None:
    (file.parent / "a.sqlite3-shm").symlink_to("missing/shm")
    with closing(sqlite3.connect(file)) as plain, pytest.raises(sqlite3.OperationalError):
        plain.execute("SELECT x FROM t")
    with closing(open_to_read(file)) as connection:
        assert connection.execute("SELECT x FROM t").fetchall() == [(7,)]
    check_file(file)


def test_what_a_killed_writer_left_is_never_overlooked(file: Path) -> None:
    (file.parent / "a.sqlite3-shm").symlink_to("missing/shm")
    (file.parent / "a.sqlite3-wal").write_bytes(b"a decision")
    with pytest.raises(sqlite3.OperationalError):
        open_to_read(file)
    with pytest.raises(CurationDatabaseError, match="cannot be read"):
        check_file(file)
