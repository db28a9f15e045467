"""One object that cannot be read is a row with a reason; a bucket that fails ends its category, and nothing is gone."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.adapters import patience
from pipeline.errors import BucketError, BucketUnreachableError, ObjectMissingError
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.steps.download import download
from pipeline.steps.export import select_images, write_folders
from pipeline.steps.library_view.listing import read_snapshot
from pipeline.steps.reading import LEAST, UNDECIDED, read_objects
from pipeline.steps.run import run
from tests.fake_s3 import FakeS3, Refusal, fake_s3
from tests.steps.named_library import Bench, bench, names
from tests.steps.objects_library import objects_bench, yolo
from tests.steps.test_run import KINDS, add, picture

__all__ = ["bench"]

Fails = Callable[[str], int]
TROUBLE = [errno.EIO, errno.EACCES, errno.ESTALE, errno.ENOTCONN]


def a_disk_that(fails: Fails, patch: pytest.MonkeyPatch) -> None:
    """A disk that opens the files for which `fails` is 0, and gives this error for others. Only a broken disk does."""
    whole = os.open

    def opened(path: str, *rest: int, **more: int) -> int:
        number = fails(str(path)) if Path(path).suffix == ".png" else 0
        if number:
            raise OSError(number, os.strerror(number), str(path))
        return whole(path, *rest, **more)

    patch.setattr("pipeline.adapters.folder_entries.os.open", opened)


def set_aside(bench: Bench) -> dict[str, str]:
    rows = bench.project().store.require("posts", "images").table("images", IMAGES_SCHEMA)
    return {row["key"]: row["reason"] for row in rows.to_dicts() if row["status"] != "ok"}


def add_new(bench: Bench, count: int) -> None:
    for seed in range(300, 300 + count):
        add(bench.library, f"posts/de/{seed}-800w.png", list(KINDS)[seed % 3], seed)


@pytest.mark.parametrize("number", TROUBLE)
def test_a_file_that_the_disk_cannot_read_is_a_row_and_is_read_when_it_can_be(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    add_new(bench, 6)
    with monkeypatch.context() as patch:
        a_disk_that(lambda path: number if "/302-" in path else 0, patch)
        summary = bench.run()["posts"]
        assert (summary["images"], summary["set_aside"]) == (42, 1)
        assert os.strerror(number) in set_aside(bench)["posts/de/302-800w.png"]
    assert bench.run()["posts"]["set_aside"] == 0
    assert names(bench) == ["Kind 0", "Kind 1", "Kind 2"]


def test_one_file_alone_that_is_new_and_unreadable_stops_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    add_new(bench, 1)
    a_disk_that(lambda path: errno.EIO if "/300-" in path else 0, monkeypatch)
    for _ in range(2):
        assert bench.run()["posts"]["set_aside"] == 1


def test_one_new_box_on_an_image_that_cannot_be_read_any_more_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = objects_bench(tmp_path)
    made.run()
    (made.library / "posts/de/de-000.txt").write_text(yolo([(0.1, 0.1, 0.3, 0.3)]))
    a_disk_that(lambda path: errno.EIO if "de-000" in path else 0, monkeypatch)
    assert made.run()["posts"]["set_aside"] == 1
    assert [row["key"] for row in made.document("posts")["rejected"]] == ["posts/de/de-000.png"]


def test_an_export_and_a_download_of_one_image_that_cannot_be_read_say_that_it_is_missing(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = bench.project()
    images = select_images(read_snapshot(project, "posts"))[:1]
    download(project, [], tmp_path / "originals")
    key = images["key"][0]
    (tmp_path / "originals" / key).unlink()
    a_disk_that(lambda path: errno.EIO if Path(path).name == Path(key).name else 0, monkeypatch)
    rows = {row["key"]: row["status"] for row in download(project, [], tmp_path / "originals")}
    assert (rows.pop(key), set(rows.values())) == ("missing", {"there"})
    assert write_folders(project, images, tmp_path / "to").missing == (key,)


def test_one_image_alone_that_cannot_be_read_again_to_know_its_contents_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Bench(tmp_path / "library", tmp_path / "data")
    for seeds in (range(12), range(12, 13)):
        for seed in seeds:
            add(made.library, f"posts/de/{seed:03d}-800w.png", "red", seed)
        made.run()
    newest = max((made.data / "contents/posts").glob("*.parquet"), key=lambda path: path.stat().st_mtime_ns)
    newest.unlink()
    a_disk_that(lambda path: errno.EIO if "/012-" in path else 0, monkeypatch)
    assert made.run()["posts"]["images"] == 13


def test_unreadable_files_in_a_row_stop_nothing_if_the_others_can_be_read(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_new(bench, 30)
    a_disk_that(lambda path: errno.EIO if "/3" in path else 0, monkeypatch)
    assert bench.run()["posts"]["set_aside"] == 30


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ENOTCONN])
def test_a_disk_that_fails_as_a_whole_ends_the_category_and_nothing_is_taken_for_gone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    add_new(bench, 30)
    before = bench.document("posts")
    with monkeypatch.context() as patch:
        opened: list[str] = []
        a_disk_that(lambda path: number if opened.append(path) or len(opened) > 10 else 0, patch)
        (failure,) = run(bench.project()).failures
    assert os.strerror(number) in str(failure.error)
    assert bench.document("posts") == before
    summary = bench.run()["posts"]
    assert (summary["images"], summary["set_aside"]) == (66, 0)


def test_a_first_run_of_which_nothing_can_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Bench(tmp_path / "library", tmp_path / "data")
    for seed in range(12):
        add(made.library, f"posts/de/{seed:03d}-800w.png", "red", seed)
    with monkeypatch.context() as patch:
        a_disk_that(lambda _: errno.EIO, patch)
        (failure,) = run(made.project()).failures
    assert "Input/output error" in str(failure.error)
    assert made.run()["posts"]["set_aside"] == 0


@pytest.mark.parametrize(
    "fault", [Refusal(403, "AccessDenied"), Refusal(500, "InternalError")], ids=lambda one: one.code
)
def test_an_object_that_the_server_always_refuses_is_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Refusal
) -> None:
    monkeypatch.setattr(patience, "FIRST_PAUSE_SECONDS", 0.001)
    made = Bench(tmp_path / "library", tmp_path / "data")
    objects = dict[str, bytes]()
    for seed in range(12):
        path = tmp_path / f"{seed}.jpg"
        picture(KINDS[("red", "blue")[seed % 2]], seed).save(path)
        objects[f"posts/{seed:03d}.jpg"] = path.read_bytes()
    with fake_s3(objects) as server:
        for name, value in server.server.environment.items():
            monkeypatch.setenv(name, value)
        made.settings["source"] = {
            "url": "s3://pics", "endpoint_url": server.server.endpoint, "retries": 1, "retry_seconds": 0.1,
        }  # fmt: skip
        server.refused["posts/003.jpg"] = fault
        assert made.run()["posts"]["set_aside"] == 1
        assert fault.code in set_aside(made)["posts/003.jpg"]
        server.refused.clear()
        assert made.run()["posts"]["set_aside"] == 0
        expire_in_the_middle(made, server)


def expire_in_the_middle(made: Bench, server: FakeS3) -> None:
    """Credentials that expire while objects are read end the category; nothing is published of what was read."""
    for seed in range(20, 32):
        server.objects[f"posts/{seed:03d}.jpg"] = server.objects["posts/000.jpg"] + bytes([seed])
    before, first = made.document("posts"), server.counts["get"]
    server.fault = lambda kind, count: Refusal(400, "ExpiredToken") if kind == "get" and count > first + 4 else None
    (failure,) = run(made.project()).failures
    assert isinstance(failure.error, BucketError)
    assert "expired" in str(failure.error)
    assert made.document("posts") == before
    server.fault = lambda _kind, _count: None
    assert made.run()["posts"]["images"] == 24


class Objects:
    """A bucket of which some objects cannot be read."""

    def __init__(self, bad: Callable[[str], bool]) -> None:
        self.bad, self.probed = bad, list[str]()

    def read_many(self, keys: list[str], *, most: int | None = None) -> object:
        assert most is None
        return ((key, BucketUnreachableError(f"no {key}") if self.bad(key) else b"x") for key in keys)

    def probe(self, key: str) -> None:
        self.probed.append(key)
        if self.bad(key):
            raise BucketUnreachableError(f"no {key}")


def read(bad: Callable[[str], bool], count: int, readable: list[str], others: int = 0) -> list[object]:
    bucket = Objects(bad)
    return [
        value for _, value in read_objects(bucket, [f"{n:04d}" for n in range(count)], readable=readable, others=others)
    ]  # type: ignore[arg-type]


def test_nearly_all_unreadable_is_the_trouble_of_the_bucket_and_a_few_are_not() -> None:
    assert len(read(lambda key: key < "0010", 100, ["0099"])) == 100
    with pytest.raises(BucketUnreachableError, match="95 of 100 images cannot be read"):
        read(lambda key: key < "0095", 100, ["0099"])
    assert len(read(lambda key: key != "old", LEAST - 1, ["old"])) == LEAST - 1
    assert len(read(lambda key: key != "old", 50, ["old"], others=1000)) == 50


def test_without_one_object_that_was_ever_readable_reading_ends_soon() -> None:
    with pytest.raises(BucketUnreachableError, match="no 0000"):
        read(lambda _: True, 5, [])
    with pytest.raises(BucketUnreachableError, match=f"no {UNDECIDED - 1:04d}"):
        read(lambda _: True, 100_000, [])
    assert isinstance(read(lambda key: key < "0003", 10, [])[0], ObjectMissingError)
