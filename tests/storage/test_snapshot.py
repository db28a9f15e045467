"""A snapshot lists what makes a library, notices every change, and never names a file outside of it."""

import json
from gzip import compress, decompress
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import DamagedFileError
from pipeline.storage.curation.copies import CategoryEvents
from pipeline.storage.files import file_digest
from pipeline.storage.layout import Layout
from pipeline.storage.snapshot import Entry, Snapshot, decode, order, take, with_decisions

AT = "2026-11-28T02:00:00Z"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    files = [
        "image-cluster.json", "categories.json", "categories/posts/labels/current.json", "categories/posts/.lock",
        "categories/posts/labels/000001/labels.parquet", "thumbnails/ab/abcd", "thumbnails/ab/.abcd.0a1b2c3d.tmp",
        "published/.versions/posts/v1/clusters.json", "cache/neighbours/x.npz", "service/service.sqlite3",
        "originals/a.jpg", "curation.sqlite3", "curation.sqlite3-wal", "copied.json", "copying/in/x", "holiday.jpg",
        "backups/decisions/decisions-1.sqlite3", "backups/decisions/replaced-1.sqlite3",
    ]  # fmt: skip
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "published" / "posts").symlink_to(".versions/posts/v1")
    return Layout(tmp_path)


def taken(layout: Layout) -> Snapshot:
    return take(layout, AT, lambda done, total: None)


def test_the_library_is_listed_without_caches_locks_runs_and_files_of_others(layout: Layout) -> None:
    one = taken(layout)
    assert set(one.files) == {
        "image-cluster.json", "categories.json", "categories/posts/labels/current.json",
        "categories/posts/labels/000001/labels.parquet", "thumbnails/ab/abcd",
        "published/.versions/posts/v1/clusters.json", "backups/decisions/decisions-1.sqlite3",
    }  # fmt: skip
    assert one.links == {"published/posts": ".versions/posts/v1"}
    assert one.files["thumbnails/ab/abcd"] == Entry(file_digest(layout.thumbnails / "ab" / "abcd"), 18)


def test_a_file_that_changed_is_read_again_and_others_are_not(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    before = taken(layout)
    (layout.thumbnails / "ab" / "abcd").write_text("other bytes")
    read: list[str] = []

    def counting(path: Path) -> str:
        read.append(path.name)
        return file_digest(path)

    monkeypatch.setattr("pipeline.storage.snapshot.file_digest", counting)
    assert taken(layout).differs(before) == ["thumbnails/ab/abcd"]
    assert read == ["abcd"]
    layout.copied_digests.write_text("{")
    taken(layout)
    assert len(read) == 1 + len(before.files), "a damaged cache is no cache"


def test_it_comes_back_from_its_bytes(layout: Layout) -> None:
    one = with_decisions(taken(layout), Entry("ab" * 16, 7), {"posts": CategoryEvents(3, "cd")})
    assert decode(one.encode(), "here") == one
    assert one.encode() == decode(one.encode(), "here").encode()
    assert one.size == sum(entry.size for entry in one.files.values())


def test_decisions_differ_by_their_events_and_not_by_the_bytes_of_their_file(layout: Layout) -> None:
    events = {"posts": CategoryEvents(3, "cd")}
    one = with_decisions(taken(layout), Entry("ab" * 16, 7), events)
    assert one.differs(with_decisions(taken(layout), Entry("ff" * 16, 9), events)) == []
    more = with_decisions(taken(layout), Entry("ab" * 16, 7), {"posts": CategoryEvents(4, "ee")})
    assert one.differs(more) == ["curation.sqlite3"]


def test_what_points_at_other_files_is_put_in_place_last() -> None:
    files = [
        "categories/p/labels/current.json",
        "categories.json",
        "thumbnails/ab/x",
        "categories/p/labels/1/a.parquet",
    ]
    assert sorted(files, key=order)[:2] == ["categories/p/labels/1/a.parquet", "thumbnails/ab/x"]


@pytest.mark.parametrize(
    "change",
    [
        {"files": {"../../etc/passwd": ["ab", 1]}},
        {"files": {"/etc/passwd": ["ab", 1]}},
        {"files": {"thumbnails//x": ["ab", 1]}},
        {"files": {"cache/x": ["ab", 1]}},
        {"files": {"holiday.jpg": ["ab", 1]}},
        {"links": {"published/posts": "../../elsewhere"}},
        {"links": {"published/posts": "/etc"}},
        {"files": {"thumbnails/ab/x": ["ab"]}},
        {"schemaVersion": 2},
    ],
)
def test_a_list_that_leads_out_of_the_directory_or_is_not_whole_is_refused(
    layout: Layout, change: dict[str, Any]
) -> None:
    values = json.loads(decompress(taken(layout).encode())) | change
    with pytest.raises(DamagedFileError, match="the list of the bucket"):
        decode(compress(json.dumps(values).encode()), "the list of the bucket")
    with pytest.raises(DamagedFileError, match="is damaged"):
        decode(b"noise", "the list of the bucket")
