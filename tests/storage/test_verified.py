"""A stored file is compared with its digest when it is read, and again only when it changed."""

import os
from pathlib import Path

import pytest

from pipeline.storage import verified
from pipeline.storage.files import file_digest
from pipeline.storage.verified import Remembered, is_as_written


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "table.parquet"
    path.write_bytes(b"as it was written")
    return path


def change(path: Path) -> None:
    """Other bytes, as many, and a later time, as a program that writes leaves it."""
    written = path.stat().st_mtime_ns
    path.write_bytes(b"as it was writteN")
    os.utime(path, ns=(written + 1, written + 1))


def test_a_file_whose_bytes_are_others_is_not_as_it_was_written(file: Path) -> None:
    digest = file_digest(file)
    assert is_as_written(file, digest)
    change(file)
    assert not is_as_written(file, digest)
    assert is_as_written(file, file_digest(file)[:16])


def test_a_file_is_read_once_until_it_changes(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    monkeypatch.setattr(verified, "file_digest", lambda path: read.append(path) or file_digest(path))
    digest = file_digest(file)
    for _ in range(3):
        assert is_as_written(file, digest)
    assert read == [file]


def test_large_files_are_remembered_by_the_next_process(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    monkeypatch.setattr(verified, "file_digest", lambda path: read.append(path) or file_digest(path))
    compared, digests = file.parent / "cache" / "compared.json", {file: file_digest(file), file.with_name("gone"): "0"}
    for _ in range(2):
        assert Remembered(file.parent, compared).differing(digests) == []
        monkeypatch.setattr(verified, "_compared", {})
    assert read == [file]
    change(file)
    assert Remembered(file.parent, compared).differing(digests) == [file]
    assert Remembered(file.parent, None).differing(digests) == [file]


def test_a_damaged_memory_only_means_that_files_are_read_again(file: Path) -> None:
    compared = file.with_name("compared.json")
    compared.write_bytes(b"\xff{")
    assert Remembered(file.parent, compared).differing({file: file_digest(file)}) == []
