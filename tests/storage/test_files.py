"""A file is the old one or the new one: whatever stops a write leaves neither half a file nor a remnant."""

import os
from pathlib import Path

import pytest

from pipeline.storage.files import temporary_beside, write_atomically
from pipeline.storage.leftovers import is_temporary


def test_a_file_is_made_with_its_folders_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.json"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert [one.name for one in path.parent.iterdir()] == ["file.json"]


@pytest.mark.parametrize("name", ["L" * 255, "ü" * 127, "🦊" * 63])
def test_a_name_may_be_as_long_as_a_file_systems_names_are(tmp_path: Path, name: str) -> None:
    write_atomically(tmp_path / name, b"new")
    assert [one.name for one in tmp_path.iterdir()] == [name]
    temporary = temporary_beside(tmp_path / name)
    assert len(temporary.name.encode()) <= 143  # what an encrypted home directory takes
    assert is_temporary(temporary)


@pytest.mark.parametrize("stopped", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_is_stopped_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped: BaseException
) -> None:
    path = tmp_path / "file.json"
    write_atomically(path, b"old")

    def stop(_: int) -> None:
        raise stopped

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(type(stopped)):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["file.json"]
