"""A published set appears as a whole: a reader never sees one companion newer than another."""

import json
import multiprocessing
import os
import random
import shutil
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.adapters.folder_bucket import FolderBucket
from pipeline.storage.history import Publication, number_of, read_history, write_history
from pipeline.storage.publications import (
    SETS_KEPT,
    drop_old_sets,
    linked_version,
    publish_to_bucket,
    publish_to_folder,
    stage_set,
    swing,
)


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


def test_a_copy_of_a_set_in_place_of_the_link_is_replaced_and_another_folder_is_not(tmp_path: Path) -> None:
    for version in ("v1", "v2"):
        publish_to_folder(tmp_path, "cars", version, files(int(version[1])))
    as_link_less_tools_copy = tmp_path / "copy"
    shutil.copytree(tmp_path, as_link_less_tools_copy)
    assert not (as_link_less_tools_copy / "cars").is_symlink()
    folder = publish_to_folder(as_link_less_tools_copy, "cars", "v3", files(3))
    assert linked_version(as_link_less_tools_copy, "cars") == "v3"
    assert (folder / "clusters.json").read_bytes() == b"3"
    assert sorted(path.name for path in as_link_less_tools_copy.iterdir()) == [".versions", "cars"]
    (as_link_less_tools_copy / "cars").unlink()
    shutil.copytree(as_link_less_tools_copy / ".versions" / "cars" / "v3", as_link_less_tools_copy / "cars")
    (as_link_less_tools_copy / "cars" / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="move it away"):
        publish_to_folder(as_link_less_tools_copy, "cars", "v4", files(4))
    assert (as_link_less_tools_copy / "cars" / "mine.txt").read_text() == "mine"
    assert sorted(path.name for path in as_link_less_tools_copy.iterdir()) == [".versions", "cars"]


def test_only_the_last_sets_are_kept(tmp_path: Path) -> None:
    for n in range(SETS_KEPT + 3):
        publish_to_folder(tmp_path, "cars", f"v{n}", files(n))
    assert len(list((tmp_path / ".versions" / "cars").iterdir())) == SETS_KEPT


def test_what_a_killed_process_left_is_swept_away(tmp_path: Path) -> None:
    publish_to_folder(tmp_path, "cars", "v1", files(1))
    half = tmp_path / ".versions" / "cars" / ".v2.0123abcd"
    half.mkdir()
    (half / "clusters.json").write_bytes(b"half")
    (tmp_path / ".cars.89abcdef").symlink_to("nowhere")
    (tmp_path / ".cars.notes").write_text("not ours")
    publish_to_folder(tmp_path, "cars", "v2", files(2))
    assert sorted(path.name for path in (tmp_path / ".versions" / "cars").iterdir()) == ["v1", "v2"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".cars.notes", ".versions", "cars"]


def test_a_bucket_gets_the_companions_first_and_only_what_it_lacks(tmp_path: Path) -> None:
    written: list[str] = []

    class Watched(FolderBucket):
        def write(self, key: str, data: bytes, *, content_type: str) -> None:
            written.append(key)
            super().write(key, data, content_type=content_type)

    bucket = Watched(tmp_path)
    version = "000001-0123456789ab"
    publish_to_bucket(bucket, "cars", version, files(1))
    assert written == [f"cars/versions/{version}/clusters.json", f"cars/versions/{version}/changes.json",
                       "cars/clusters.json"]  # fmt: skip
    written.clear()
    publish_to_bucket(bucket, "cars", version, files(1))
    assert written == ["cars/clusters.json"]  # what a rollback to a version that is still there costs


def test_a_bucket_keeps_the_newest_versions_and_what_is_not_ours(tmp_path: Path) -> None:
    bucket = FolderBucket(tmp_path)
    bucket.write("cars/versions/mine/notes.txt", b"x", content_type="text/plain")
    for n in range(1, SETS_KEPT + 4):
        publish_to_bucket(bucket, "cars", f"{n:06d}-0123456789ab", files(n))
    left = sorted(path.name for path in (tmp_path / "cars" / "versions").iterdir() if any(path.iterdir()))
    assert left == [*(f"{n:06d}-0123456789ab" for n in range(4, 9)), "mine"]
    publish_to_bucket(bucket, "cars", "000001-0123456789ab", files(1))
    assert bucket.read("cars/clusters.json") == b"1"
    assert bucket.head("cars/versions/000001-0123456789ab/changes.json") is not None


def _publish_for_ever(root: Path, outlet: Path, ready: Any) -> None:
    ready.set()
    while True:
        history = read_history(root, "cars")
        n = number_of(history.next_version(""))
        version = history.next_version(f"{n:012x}")
        made = {"clusters.json": document(n), "changes.json": document(n), "clusters.html": document(n) * 200}
        stage_set(root, "cars", version, made)
        swing(root, "cars", version)
        history.publications.append(Publication(version, "2026-11-21T03:00:00Z", "published", str(n)))
        history.publications = history.publications[-4:]
        write_history(root, "cars", history)
        drop_old_sets(root, "cars", history.versions())
        publish_to_folder(outlet, "cars", version, made)


def document(n: int) -> bytes:
    return json.dumps({"n": n, "generatedAt": "2026-11-21T03:00:00Z", "summary": {}}).encode()


@pytest.mark.slow
def test_a_process_killed_at_any_point_fifty_times_leaves_a_whole_set(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    root, outlet = tmp_path / "data", tmp_path / "outlet"
    for folder in (root, outlet):
        folder.mkdir()
    moments = random.Random(7)
    seen: set[int] = set()
    started = time.monotonic()
    publish_to_folder(tmp_path / "measured", "cars", "v1", files(1))
    one_takes = 4 * (time.monotonic() - started)  # two places and the record, on this machine as busy as it is
    for _ in range(50):
        ready = context.Event()
        process = context.Process(target=_publish_for_ever, args=(root, outlet, ready))
        process.start()
        assert ready.wait(60)
        time.sleep(2 * one_takes * moments.random())  # awaits nothing: it draws the moment of the kill
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        for place in (root, outlet):
            if (place / "cars").exists():
                found = {path.name: path.read_bytes() for path in (place / "cars").iterdir()}
                n = json.loads(found["clusters.json"])["n"]
                assert found == {
                    "clusters.json": document(n), "changes.json": document(n), "clusters.html": document(n) * 200,
                }  # fmt: skip
                seen.add(n)
        current = read_history(root, "cars").current
        assert current is None or current.version == linked_version(root, "cars")
    assert len(seen) >= 5, "the processes were killed before they did anything"
    publish_to_folder(outlet, "cars", "last", {"clusters.json": b"last"})
    assert [path.name for path in outlet.iterdir() if path.name.startswith(".cars")] == []
