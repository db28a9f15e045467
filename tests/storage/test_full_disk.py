"""A full disk is told from a damaged file and from other trouble."""

import errno
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.errors import FullDiskError
from pipeline.storage.full_disk import is_damage, is_full, raise_if_full, trouble_text


def sqlite_error(file: Path, *statements: str) -> sqlite3.Error:
    *before, failing = statements
    with closing(sqlite3.connect(file)) as connection:
        for statement in before:
            connection.execute(statement)
        with pytest.raises(sqlite3.Error) as caught:
            connection.execute(failing)
    return caught.value


def test_no_space_and_no_quota_are_a_full_disk() -> None:
    assert [is_full(OSError(code, "")) for code in (errno.ENOSPC, errno.EDQUOT, errno.EACCES)] == [True, True, False]


def test_what_a_user_may_not_write_is_told_with_its_owner_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "data" / ".lock"))
    assert trouble_text(error).startswith(f"Permission denied: {tmp_path}/data/.lock. Give this user the right")
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    assert f"({tmp_path} is of user " in trouble_text(error)
    assert "and this runs as 54321). Give this user the right to write there, or" in trouble_text(error)


def test_a_database_that_may_not_grow_is_a_full_disk_and_no_damage(tmp_path: Path) -> None:
    file = tmp_path / "a.sqlite3"
    error = sqlite_error(
        file, "CREATE TABLE t (x)", "PRAGMA max_page_count = 3", "INSERT INTO t VALUES (zeroblob(99999))"
    )
    assert not is_damage(error)
    with pytest.raises(FullDiskError, match=r"Nothing fits, because the disk of .* is full. Nothing was stored."):
        raise_if_full(error, file, "Nothing fits")


def test_noise_is_damage_and_no_full_disk(tmp_path: Path) -> None:
    file = tmp_path / "a.sqlite3"
    file.write_bytes(b"noise" * 2000)
    error = sqlite_error(file, "SELECT * FROM sqlite_master")
    assert is_damage(error)
    raise_if_full(error, file, "Nothing fits")


def test_a_folder_that_is_missing_is_neither(tmp_path: Path) -> None:
    file = tmp_path / "missing" / "a.sqlite3"
    error = sqlite_error(tmp_path / "b.sqlite3", f"ATTACH '{file}' AS other")
    assert not is_damage(error)
    raise_if_full(error, file, "Nothing fits")
