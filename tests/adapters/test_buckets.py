"""Folders as buckets, the look-ahead, and what a URL and the environment must say."""

import errno
import logging
import os
import resource
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.adapters.buckets import open_bucket
from pipeline.adapters.folder_bucket import FolderBucket
from pipeline.adapters.read_ahead import read_ahead
from pipeline.adapters.s3_bucket import ObstoreBucket
from pipeline.adapters.s3_store import Credentials
from pipeline.errors import (
    BucketError,
    BucketUnreachableError,
    ObjectMissingError,
    ObjectTooLargeError,
    ObjectUnusableError,
    SettingsError,
)
from pipeline.stages.manifest.bucket import Bucket
from pipeline.stages.manifest.keys import sort_of
from pipeline.storage.layout import open_layout
from tests.servers import free_port

ODD_NAMES = [
    "a b.webp", "ü/é 1.webp", "日本/東.webp", "x#1.webp", "100%.webp", "a%20b.webp", "a+b.webp", "q?x=1&y.webp",
    "..x.webp", "a..b/c.webp", "[1].webp", "~t.webp", "tab\tq.webp", "new\nline.webp", "back\\slash.webp",
    "q'\"<>|*.webp", "\\xe9.webp", "e\u0301.webp", "-rf", "no-extension",
]  # fmt: skip
SECRET = "s3cr3t-that-must-never-be-seen"
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET}


def fill(root: Path, *keys: str) -> FolderBucket:
    for key in keys:
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(key.encode())
    return FolderBucket(root)


def keys_of(bucket: Bucket, prefix: str = "", after: str | None = None, *, recursive: bool = True) -> list[str]:
    return [info.key for page in bucket.pages(prefix, after=after, recursive=recursive) for info in page]


# --- folders ----------------------------------------------------------------------------------------------------------


def test_a_path_and_a_file_url_open_the_same_folder(tmp_path: Path) -> None:
    root = tmp_path / "my images #1 100%"
    fill(root, "a/1.png")
    quoted = str(root).replace("%", "%25").replace(" ", "%20")
    for url in (str(root), f"file://{quoted}", f"file://localhost{quoted}"):
        assert keys_of(open_bucket(url)) == ["a/1.png"]


def test_file_names_of_every_kind_come_back_as_they_are(tmp_path: Path) -> None:
    bucket = fill(tmp_path, *ODD_NAMES)
    assert keys_of(bucket) == sorted(ODD_NAMES)
    for key, data in bucket.read_many(ODD_NAMES):
        assert data == key.encode()
        found = bucket.head(key)
        assert found is not None
        assert (found.key, found.size) == (key, len(key.encode()))


def test_a_name_that_is_not_utf8_is_listed_storable_and_readable(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(b"latin")
    bucket = FolderBucket(tmp_path)
    (key,) = keys_of(bucket)
    assert key == "caf\\xe9.png"
    assert bucket.read(key.encode().decode()) == b"latin"


def test_keys_ascend_over_folders_as_they_do_in_s3(tmp_path: Path) -> None:
    bucket = fill(tmp_path, "a/2.png", "a-b/1.png", "a.png", "a/10.png", "b/c/d.png", "a0/1.png", "Z/1.png")
    assert keys_of(bucket) == ["Z/1.png", "a-b/1.png", "a.png", "a/10.png", "a/2.png", "a0/1.png", "b/c/d.png"]
    assert keys_of(bucket) == sorted(keys_of(bucket))


def test_a_listing_goes_on_after_any_key(tmp_path: Path) -> None:
    bucket = fill(tmp_path, "a/2.png", "a-b/1.png", "a.png", "a/10.png", "b/c/d.png", "a0/1.png")
    every = keys_of(bucket)
    for position in [*every, "a/", "a/1", "a/zzz", "", "zzz", "b/c"]:
        assert keys_of(bucket, after=position) == [key for key in every if key > position]


def test_pages_hold_a_thousand_objects_and_come_one_by_one(tmp_path: Path) -> None:
    bucket = fill(tmp_path, *(f"a/{i:05d}.png" for i in range(2101)))
    assert [len(page) for page in bucket.pages("a/")] == [1000, 1000, 101]


def test_a_prefix_is_a_folder_and_not_the_beginning_of_a_name(tmp_path: Path) -> None:
    bucket = fill(tmp_path, "a/1.png", "ab/1.png", "1.png")
    assert keys_of(bucket, "a") == keys_of(bucket, "a/") == ["a/1.png"]
    assert keys_of(bucket, recursive=False) == ["1.png"]


def test_folders_leave_out_files_and_hidden_ones(tmp_path: Path) -> None:
    assert fill(tmp_path, "b/1", "a/1", ".git/1", "_x/1", "__MACOSX/1", "top.png").folders() == ["_x", "a", "b"]


def test_top_folders_without_a_file_are_left_out_and_told_in_one_line(tmp_path: Path) -> None:
    said: list[str] = []
    fill(tmp_path, "a/b/c/1.png", "with/.DS_Store", "with/@eaDir/1.png/thumb.jpg")
    for number in range(30):
        (tmp_path / f"empty{number:02d}" / "deeper").mkdir(parents=True)
    (tmp_path / "empty00" / "round").symlink_to(tmp_path / "empty00")
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "1.png").symlink_to(tmp_path / "nothing")
    assert FolderBucket(tmp_path, notice=said.append).folders() == ["a", "z"]
    assert said == [f"Skipped in {tmp_path}, without a file: empty00, empty01, empty02, empty03, empty04 and 26 more."]


def test_a_category_that_is_not_there_is_empty_but_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    assert keys_of(fill(tmp_path, "a/1.png"), "nope") == []
    missing = FolderBucket(tmp_path / "nope")
    for act in (missing.check, missing.folders, lambda: keys_of(missing), lambda: keys_of(missing, "a")):
        with pytest.raises(BucketError, match="nope"):
            act()
    with pytest.raises(BucketError):  # an unplugged disk must not look like images that were deleted
        missing.read("a/1.png")
    with pytest.raises(BucketError):
        FolderBucket(tmp_path / "a" / "1.png").folders()


def images_of(bucket: Bucket) -> list[str]:
    found = (info for page in bucket.pages() for info in page)
    return [info.key for info in found if sort_of(info.key, info.size) == "image"]


def troubles_of(bucket: Bucket, prefix: str = "") -> dict[str, str]:
    return {info.key: info.trouble for page in bucket.pages(prefix) for info in page if info.trouble}


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, int], None]:
    """Makes one folder fail to be listed, also for root, who may read every folder."""
    scandir = os.scandir

    def close(folder: Path, number: int) -> None:
        def refuse(path: Any) -> Any:
            if os.fspath(path) == str(folder):
                raise OSError(number, os.strerror(number), str(path))
            return scandir(path)

        monkeypatch.setattr(os, "scandir", refuse)

    return close


def test_a_link_from_a_category_to_the_source_around_it_lists_no_image_twice(tmp_path: Path) -> None:
    bucket = fill(tmp_path, "a/1.png", "a/b/2.png", "c/3.png")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "b" / "out").symlink_to(tmp_path)
    assert [info.key for page in bucket.pages("a") for info in page] == ["a/1.png", "a/b/2.png"]
    assert [info.key for page in bucket.pages("a/b") for info in page] == ["a/b/2.png"]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE, errno.ELOOP])
def test_a_folder_that_cannot_be_listed_is_told_and_the_others_are_listed(
    tmp_path: Path, closed: Callable[[Path, int], None], number: int
) -> None:
    said: list[str] = []
    fill(tmp_path, "a/1.png", "b/1.png", "b/in/2.png", "b/z.png")
    bucket = FolderBucket(tmp_path, notice=said.append)
    closed(tmp_path / "b" / "in", number)
    assert keys_of(bucket) == ["a/1.png", "b/1.png", "b/in/", "b/z.png"]
    assert troubles_of(bucket) == troubles_of(bucket, "b") == {"b/in/": os.strerror(number)}
    closed(tmp_path / "a", number)
    assert bucket.folders() == ["b"]
    assert len(said) == 1
    assert os.strerror(number) in said[0]
    assert troubles_of(bucket, "a") == {"a/": os.strerror(number)}


def nest(folder: Path, name: str, levels: int) -> None:
    """Folders of one name inside each other; the innermost may have a longer path than the system takes."""
    descriptor = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=descriptor)
        above, descriptor = descriptor, os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.close(above)
    os.close(descriptor)


def test_folders_inside_each_other_beyond_what_calls_or_a_path_can_hold_cost_no_other_file(tmp_path: Path) -> None:
    bucket = fill(tmp_path, "a/1.png", "z/2.png")
    nested = "d/" * 1500
    nest(tmp_path / "a", "d", 1500)
    (tmp_path / "a" / nested / "3.png").write_bytes(b"3")
    (tmp_path / "b").mkdir()
    nest(tmp_path / "b", "e" * 90, 60)
    assert [key for key in keys_of(bucket) if not key.startswith("b/")] == ["a/1.png", f"a/{nested}3.png", "z/2.png"]
    assert list(troubles_of(bucket).values()) == [os.strerror(errno.ENAMETOOLONG)]
    assert keys_of(bucket, after=f"a/{nested}2.png")[0] == f"a/{nested}3.png"
    assert bucket.read(f"a/{nested}3.png") == b"3"
    subprocess.run(["rm", "-rf", tmp_path / "a", tmp_path / "b"], check=True)  # pytest cannot


@pytest.fixture
def in_memory(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system that takes times of any year, where there is one."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder)


@pytest.mark.parametrize("seconds", [0, -1, -(2**35), -(2**40), 2**32 + 5, 2**38, 2**40])
def test_a_file_of_any_time_is_listed_and_its_time_can_be_stored(in_memory: Path, seconds: int) -> None:
    bucket = fill(in_memory, "a/1.png", "a/2.png")
    os.utime(in_memory / "a" / "1.png", (seconds, seconds))
    first = next(bucket.pages())[0]
    assert keys_of(bucket) == ["a/1.png", "a/2.png"]
    assert pl.Series([first.last_modified], dtype=pl.Datetime("us", "UTC"))[0] == first.last_modified
    assert first.last_modified.astimezone(timezone(timedelta(hours=14))).year


def test_a_source_that_cannot_be_listed_at_all_is_an_error(tmp_path: Path, closed: Callable[[Path, int], None]) -> None:
    bucket = fill(tmp_path, "a/1.png")
    closed(tmp_path, errno.EACCES)
    for act in (bucket.check, bucket.folders, lambda: keys_of(bucket)):
        with pytest.raises(BucketError, match="Permission"):
            act()


def test_a_folder_that_is_deleted_while_it_is_listed_is_gone(
    tmp_path: Path, closed: Callable[[Path, int], None]
) -> None:
    bucket = fill(tmp_path, "a/1.png", "b/1.png")
    closed(tmp_path / "a", errno.ENOENT)
    assert keys_of(bucket) == ["b/1.png"]


def test_a_file_of_which_nothing_can_be_told_is_no_file_that_was_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = fill(tmp_path, "a/1.png", "a/2.png")
    lstat = os.lstat

    def refuse(path: Any, **more: Any) -> os.stat_result:
        if str(path).endswith("a/2.png"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return lstat(path, **more)

    monkeypatch.setattr(os, "lstat", refuse)
    assert troubles_of(bucket) == {"a/2.png": "Permission denied"}


def test_nothing_but_regular_files_is_opened(tmp_path: Path) -> None:
    bucket = fill(tmp_path, "a/1.png")
    os.mkfifo(tmp_path / "a" / "pipe.png")
    (tmp_path / "a" / "null.png").symlink_to("/dev/null")
    (tmp_path / "a" / "piped.png").symlink_to("pipe.png")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "a" / "s.png"))
        assert keys_of(bucket) == ["a/1.png", "a/null.png", "a/pipe.png", "a/piped.png", "a/s.png"]
        results = dict(bucket.read_many(keys_of(bucket)))
        assert bucket.head("a/pipe.png") is None
    assert results.pop("a/1.png") == b"a/1.png"
    kinds = {
        "a/null.png": "a device",
        "a/pipe.png": "a named pipe",
        "a/piped.png": "a named pipe",
        "a/s.png": "a socket",
    }
    for key, kind in kinds.items():
        assert isinstance(results[key], ObjectUnusableError)
        assert kind in str(results[key])


def test_a_link_that_ends_in_itself_costs_no_other_file(tmp_path: Path) -> None:
    bucket = fill(tmp_path, "a/1.png", "a/2.png")
    (tmp_path / "a" / "loop.png").symlink_to("round.png")
    (tmp_path / "a" / "round.png").symlink_to("loop.png")
    results = dict(bucket.read_many(keys_of(bucket)))
    assert results["a/1.png"] == b"a/1.png"
    assert results["a/2.png"] == b"a/2.png"
    for key in ("a/loop.png", "a/round.png"):
        assert isinstance(results[key], ObjectUnusableError)
        assert "a link that ends in itself" in str(results[key])


def test_a_part_of_a_file_is_read_alone(tmp_path: Path) -> None:
    bucket = fill(tmp_path, "a.png")
    assert bucket.read_part("a.png", 2, 2) == b"pn"
    assert bucket.read_part("a.png", 4, 100) == b"g"
    with pytest.raises(ObjectMissingError):
        bucket.read_part("b.png", 0, 3)


def test_a_file_that_is_larger_than_may_be_read_is_not_read(tmp_path: Path) -> None:
    bucket = fill(tmp_path, "a.png")
    with (tmp_path / "sparse.png").open("wb") as file:
        file.truncate(1 << 40)  # a terabyte that takes no room
    results = dict(bucket.read_many(["a.png", "sparse.png"], most=1000))
    assert results["a.png"] == b"a.png"
    assert isinstance(results["sparse.png"], ObjectTooLargeError)
    assert "1,099,511.6 MB" in str(results["sparse.png"])


def test_a_link_that_leads_out_of_the_source_is_told_and_not_read(tmp_path: Path) -> None:
    fill(tmp_path / "elsewhere", "secret.png", "in/secret.png")
    root, said = tmp_path / "root", list[str]()
    fill(root, "a/1.png", "b/2.png")
    (root / "a" / "file.png").symlink_to(tmp_path / "elsewhere" / "secret.png")
    (root / "a" / "folder").symlink_to(tmp_path / "elsewhere" / "in")
    (root / "a" / "inside.png").symlink_to(root / "b" / "2.png")
    (root / "top").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "link").symlink_to(root)
    bucket = FolderBucket(tmp_path / "link", follow_links="inside", notice=said.append)
    assert keys_of(bucket) == ["a/1.png", "a/file.png", "a/folder/", "a/inside.png", "b/2.png", "top/"]
    assert list(troubles_of(bucket)) == ["a/folder/", "top/"]
    assert list(troubles_of(bucket, "top")) == ["top/"]
    assert bucket.folders() == ["a", "b"]
    assert "leads out of the source" in said[0]
    assert bucket.read("a/inside.png") == b"b/2.png"
    for key in ("a/file.png", "a/folder/secret.png", "top/secret.png"):
        with pytest.raises(ObjectUnusableError, match="leads out"):
            bucket.read(key)
    every = FolderBucket(root, follow_links="all")
    assert not troubles_of(every)
    assert every.read("a/file.png") == b"secret.png"


def test_folders_of_systems_are_not_walked_and_a_setting_says_which(tmp_path: Path) -> None:
    said: list[str] = []
    names = ["@eaDir", "#recycle", "LOST+FOUND", ".thumbnails", "__MACOSX", "$RECYCLE.BIN", "@GMT-2026.01.02-03.04.05"]
    fill(tmp_path, "a/1.png", *(f"a/{name}/x.png" for name in names), *(f"{name}/y.png" for name in names))
    bucket = FolderBucket(tmp_path, notice=said.append)
    assert [key for key in keys_of(bucket, "a") if not key.endswith("/")] == ["a/1.png"]
    assert [key for key in keys_of(bucket, "a") if key.endswith("/")] == sorted(f"a/{name}/" for name in names)
    assert bucket.folders() == ["a"]
    assert len(said) == len(names)
    every = FolderBucket(tmp_path, skip_names=["x*"])
    assert len(every.folders()) == len(names) + 1
    assert len(keys_of(every)) == 1 + 2 * len(names)


def test_our_own_data_directory_is_never_read_wherever_it_lies(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.png", "data/thumbnails/ab/abcd", "data/published/a/clusters.html", "a/old/vectors/x.npy")
    fill(tmp_path, "mixed/2.png", "mixed/thumbnails/cd/cdef", "mixed/curation.sqlite3-wal")
    for folder in ("data", "a/old", "mixed"):
        open_layout(tmp_path / folder)
    fill(tmp_path / "far", "thumbnails/x")
    bucket = FolderBucket(tmp_path)
    assert bucket.folders() == ["a", "far", "mixed"]
    images = images_of(bucket)
    assert images == ["a/1.png", "far/thumbnails/x", "mixed/2.png"]
    with pytest.raises(BucketError, match="data directory"):
        FolderBucket(tmp_path / "data" / "thumbnails").check()
    assert keys_of(fill(tmp_path / "data" / "originals", "a/1.png")) == ["a/1.png"]
    open_layout(tmp_path)
    fill(tmp_path, "thumbnails/ef/ef01")
    assert images_of(bucket) == images


def test_links_are_followed_but_never_in_a_circle(tmp_path: Path) -> None:
    fill(tmp_path / "elsewhere", "1.png")
    bucket = fill(tmp_path / "root", "a/2.png")
    (tmp_path / "root" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root" / "a" / "up").symlink_to(tmp_path / "root")
    (tmp_path / "root" / "a" / "gone.png").symlink_to(tmp_path / "nothing.png")
    assert keys_of(bucket) == ["a/2.png", "a/gone.png", "linked/1.png"]
    assert bucket.folders() == ["a", "linked"]
    with pytest.raises(ObjectMissingError):
        bucket.read("a/gone.png")


@pytest.mark.parametrize("key", ["../secret", "a/../../secret", "/etc/passwd", "", "a//b", "./a", "a/.", "nul\0"])
def test_no_key_leaves_the_folder(tmp_path: Path, key: str) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    bucket = fill(tmp_path / "root", "a/1.png")
    acts = (lambda: bucket.read(key), lambda: bucket.head(key), lambda: bucket.delete(key))
    for act in (*acts, lambda: bucket.write(key, b"", content_type="image/png")):
        with pytest.raises(BucketError):
            act()
    ((_, trouble),) = bucket.read_many([key])
    assert isinstance(trouble, ObjectMissingError)


def test_an_etag_changes_when_a_file_is_overwritten_with_as_many_bytes(tmp_path: Path) -> None:
    bucket = fill(tmp_path, "a.png")
    before = bucket.head("a.png")
    time.sleep(0.02)
    (tmp_path / "a.png").write_bytes(b"12345")
    after = bucket.head("a.png")
    assert before is not None
    assert after is not None
    assert (before.size, before.etag != after.etag) == (after.size, True)
    assert [info for page in bucket.pages() for info in page] == [after]


def test_a_write_makes_folders_leaves_nothing_behind_and_can_be_read_by_others(tmp_path: Path) -> None:
    bucket = FolderBucket(tmp_path / "new")
    for data in (b"one", b"two"):
        bucket.write("a/b/c.json", data, content_type="application/json")
        assert bucket.read("a/b/c.json") == data
    assert keys_of(bucket) == ["a/b/c.json"]
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "new/a/b/c.json").stat().st_mode & 0o777 == 0o666 & ~umask
    bucket.delete("a/b/c.json")
    bucket.delete("a/b/c.json")
    assert bucket.head("a/b/c.json") is None


def test_a_write_for_which_there_is_no_room_leaves_the_old_object(tmp_path: Path) -> None:
    bucket = fill(tmp_path, "a.json")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(BucketError, match=r"a\.json"):
            bucket.write("a.json", b"x" * 100_000, content_type="application/json")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert bucket.read("a.json") == b"a.json"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_file_that_is_gone_or_is_a_folder_is_that_files_trouble(tmp_path: Path) -> None:
    bucket = fill(tmp_path, "a/1.png", "a/2.png", "a/3.png")
    (tmp_path / "a" / "2.png").unlink()
    results = list(bucket.read_many(["a/1.png", "a/2.png", "a", "a/1.png/x", "a/3.png"]))
    kinds = [type(data).__name__ for _, data in results]
    assert kinds == ["bytes", "ObjectMissingError", "ObjectMissingError", "ObjectMissingError", "bytes"]
    assert [key for key, _ in results] == ["a/1.png", "a/2.png", "a", "a/1.png/x", "a/3.png"]
    assert bucket.head("a") is None


# --- the look-ahead ---------------------------------------------------------------------------------------------------


def test_reading_ahead_keeps_the_order_and_is_bounded() -> None:
    pulled, taken, most = 0, 0, 0
    lock = threading.Lock()
    reading: set[str] = set()
    widest = 0

    def keys() -> Iterator[str]:
        nonlocal pulled, most
        for number in range(200):
            pulled += 1
            most = max(most, pulled - taken)
            yield str(number)

    def read(key: str) -> bytes:
        nonlocal widest
        with lock:
            reading.add(key)
            widest = max(widest, len(reading))
        time.sleep(0.003 if int(key) % 7 else 0.01)
        with lock:
            reading.discard(key)
        return key.encode()

    for key, data in read_ahead(read, keys(), 8):
        assert data == key.encode() == str(taken).encode()
        taken += 1
    assert taken == 200
    assert most <= 8
    assert 2 <= widest <= 8


def test_a_reader_that_stops_early_leaves_the_rest_unread() -> None:
    read: list[str] = []
    results = read_ahead(lambda key: read.append(key) or b"", map(str, range(1000)), 4)
    assert next(iter(results))[0] == "0"
    results.close()  # type: ignore[attr-defined]
    assert len(read) <= 5


def test_trouble_is_a_value_in_the_place_of_its_object() -> None:
    def read(key: str) -> bytes:
        match key:
            case "missing":
                raise ObjectMissingError("gone")
            case "slow":
                raise BucketUnreachableError("later")
            case "forbidden":
                raise BucketError("no")
            case _:
                return b"ok"

    kinds = [type(data).__name__ for _, data in read_ahead(read, ["a", "missing", "b", "slow", "forbidden"], 2)]
    assert kinds == ["bytes", "ObjectMissingError", "bytes", "BucketUnreachableError", "BucketError"]


# --- URLs and credentials ---------------------------------------------------------------------------------------------


def test_r2_needs_an_endpoint_and_the_error_shows_one() -> None:
    with pytest.raises(SettingsError, match=r"ACCOUNT_ID\.r2\.cloudflarestorage\.com"):
        open_bucket("r2://images", environment=ENVIRONMENT)


def test_aws_without_an_endpoint_needs_a_region_from_somewhere() -> None:
    with pytest.raises(SettingsError, match="region"):
        open_bucket("s3://images", environment=ENVIRONMENT)
    assert "eu-west-1" in repr(open_bucket("s3://images", environment={**ENVIRONMENT, "AWS_REGION": "eu-west-1"}))
    assert "us-east-2" in repr(open_bucket("s3://images", region="us-east-2", environment=ENVIRONMENT))


@pytest.mark.parametrize("url", ["ftp://host/x", "s3://", "s3:///prefix", "s3://key:secret@bucket", "file://host/x"])
def test_a_url_that_names_no_place_is_refused(url: str) -> None:
    with pytest.raises(SettingsError):
        open_bucket(url, endpoint_url="https://example.org", environment=ENVIRONMENT)


@pytest.mark.parametrize("endpoint", ["example.org", "ftp://example.org", "https://", "https://key:secret@example.org"])
def test_an_endpoint_that_cannot_be_is_refused(endpoint: str) -> None:
    with pytest.raises(SettingsError) as told:
        open_bucket("s3://images", endpoint_url=endpoint, environment=ENVIRONMENT)
    assert "key:secret" not in str(told.value)


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        (f"https://key:{SECRET}@example.org/library", None),
        (f"S3://key:{SECRET}@bucket/library", None),
        (f"s3://key:{SECRET}@bucket/library", None),
        (f"s3://bucket/library?X-Amz-Security-Token={SECRET}", None),
        (f"file://key:{SECRET}@host/library", None),
        ("s3://bucket/library", f"ftp://key:{SECRET}@example.org"),
        ("s3://bucket/library", f"key:{SECRET}@example.org"),
        ("s3://bucket/library", f"https://example.org/?token={SECRET}"),
    ],
)
def test_an_address_that_holds_a_secret_is_refused_without_showing_it(url: str, endpoint: str | None) -> None:
    with pytest.raises(SettingsError) as told:
        open_bucket(url, endpoint_url=endpoint, region="eu-west-1", environment=ENVIRONMENT)
    assert SECRET not in str(told.value)


@pytest.mark.parametrize(
    ("url", "environment", "named"),
    [
        ("s3://b", {}, ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]),
        ("r2://b", {}, ["R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"]),
        ("s3://b", {"AWS_ACCESS_KEY_ID": "k"}, ["AWS_SECRET_ACCESS_KEY is not"]),
        ("r2://b", {"R2_SECRET_ACCESS_KEY": SECRET}, ["R2_ACCESS_KEY_ID is not"]),
    ],
)
def test_without_credentials_the_error_names_the_variables(
    url: str, environment: dict[str, str], named: list[str]
) -> None:
    with pytest.raises(BucketError) as told:
        open_bucket(url, endpoint_url="https://example.org", environment=environment)
    assert all(name in str(told.value) for name in named)
    assert SECRET not in str(told.value)


def test_no_secret_is_shown_by_anything_that_prints_a_bucket(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    credentials = Credentials("AKIAEXAMPLE", SECRET, "token-" + SECRET)
    endpoint = f"http://127.0.0.1:{free_port()}"
    bucket = open_bucket("s3://images", endpoint_url=endpoint, credentials=credentials, retries=0)
    assert isinstance(bucket, ObstoreBucket)
    with pytest.raises(BucketUnreachableError) as told:
        bucket.check()
    logging.getLogger("test").error("%s %r %s", bucket, bucket, told.value, exc_info=told.value)
    shown = [repr(bucket), str(bucket), bucket.url, repr(credentials), str(told.value), repr(told.value), caplog.text]
    assert told.value.__cause__ is None
    assert all(SECRET not in text for text in shown)
    assert endpoint in str(told.value)
