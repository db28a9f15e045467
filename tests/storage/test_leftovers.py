"""What a stopped process left is told by its name; what is in use, or a user's own, is not."""

import os
from pathlib import Path

import pytest

from pipeline.storage import leftovers
from pipeline.storage.files import write_atomically
from pipeline.storage.history import History
from pipeline.storage.layout import Layout, open_layout

HEX = "0a1b2c3d"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return open_layout(tmp_path / "data")


def made(path: Path, *, age: float = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


def found(layout: Layout) -> list[str]:
    return [str(path.relative_to(layout.root)) for path in leftovers.of_category(layout, "cars", History())]


@pytest.mark.parametrize(
    "name",
    [
        f"categories/cars/labels/.current.json.{HEX}.tmp",
        f"categories/cars/images/journal/.000003-{HEX}.parquet",
        "vectors/f/cars/.part-000001-aa.tmp.hashes.npy",
        "vectors/f/cars/part-000001-aa.npy",
        f"contents/cars/.part-000001-{HEX}.parquet.{HEX}.tmp",
        f"published/.cars.{HEX}",
        f"published/.history/.cars.json.{HEX}.tmp",
        f"published/.versions/cars/.000001-abc.{HEX}",
        "published/.versions/cars/000001-abc",
        f"cache/published/.cars.json.{HEX}.tmp",
    ],
)
def test_what_was_never_finished_is_left_over(layout: Layout, name: str) -> None:
    made(layout.root / name)
    assert found(layout) == [name]


@pytest.mark.parametrize(
    "name",
    [
        "categories/cars/.lock",
        "categories/cars/images/journal/000003-0a1b2c3d.parquet",
        "categories/cars/.DS_Store",
        "categories/cars/labels/000009/labels.parquet",  # nothing is current yet: no version is after it
        "vectors/f/cars/part-000001-aa.parquet",
        f"published/.other.{HEX}",
    ],
)
def test_what_is_in_use_or_of_others_is_not(layout: Layout, name: str) -> None:
    made(layout.root / name)
    assert found(layout) == []


def test_versions_after_the_current_one_were_never_made_current(layout: Layout) -> None:
    folder = layout.artifact("cars", "labels")
    write_atomically(folder / "current.json", b'{"version": "000002"}')
    for version in ("000001", "000002", "000003"):
        (folder / version).mkdir()
    assert found(layout) == ["categories/cars/labels/000003"]
    assert leftovers.remove(leftovers.of_category(layout, "cars", History())) == 1
    assert found(layout) == []


def test_what_no_lock_protects_is_left_over_after_an_hour(layout: Layout) -> None:
    old = made(layout.root / "thumbnails" / "ab" / f".{'ab' * 16}.{HEX}", age=7200)
    made(layout.root / f".categories.json.{HEX}.tmp", age=60)
    assert leftovers.shared(layout, 1e9) == [old]
    assert not leftovers.is_old(layout.root / "gone", 1e9)
