"""A published set appears as a whole: a reader never sees one companion newer than another."""

import threading
from pathlib import Path

import pytest

from pipeline.storage.publications import SETS_KEPT, publish_to_folder


def files(n: int) -> dict[str, bytes]:
    return {"clusters.json": str(n).encode(), "changes.json": str(n).encode()}


def test_a_new_set_replaces_the_old_one_in_one_step(tmp_path: Path) -> None:
    publish_to_folder(tmp_path, "cars", "v1", files(1))
    folder = publish_to_folder(tmp_path, "cars", "v2", files(2))
    assert (folder / "clusters.json").read_bytes() == (folder / "changes.json").read_bytes() == b"2"


def test_a_set_that_was_published_before_can_come_back(tmp_path: Path) -> None:
    for version in ("v1", "v2", "v1"):
        publish_to_folder(tmp_path, "cars", version, files(int(version[1])))
    assert (tmp_path / "cars" / "clusters.json").read_bytes() == b"1"


def test_a_failure_half_way_leaves_the_last_set_and_no_rubbish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_to_folder(tmp_path, "cars", "v1", files(1))
    calls: list[Path] = []

    def second_fails(path: Path, data: bytes) -> None:
        calls.append(path)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        path.write_bytes(data)

    monkeypatch.setattr("pipeline.storage.publications.write_atomically", second_fails)
    with pytest.raises(OSError, match="No space"):
        publish_to_folder(tmp_path, "cars", "v2", files(2))
    assert (tmp_path / "cars" / "changes.json").read_bytes() == b"1"
    assert [path.name for path in (tmp_path / ".versions" / "cars").iterdir()] == ["v1"]


def test_a_reader_that_follows_the_link_once_sees_one_set_while_others_are_published(tmp_path: Path) -> None:
    publish_to_folder(tmp_path, "cars", "v0", files(0))
    seen: list[tuple[bytes, bytes]] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            folder = (tmp_path / "cars").resolve()
            seen.append(((folder / "clusters.json").read_bytes(), (folder / "changes.json").read_bytes()))

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(1, SETS_KEPT):
        publish_to_folder(tmp_path, "cars", f"v{n}", files(n))
    stop.set()
    reader.join()
    assert seen
    assert all(one == other for one, other in seen)


def test_only_the_last_sets_are_kept(tmp_path: Path) -> None:
    for n in range(SETS_KEPT + 3):
        publish_to_folder(tmp_path, "cars", f"v{n}", files(n))
    assert len(list((tmp_path / ".versions" / "cars").iterdir())) == SETS_KEPT
