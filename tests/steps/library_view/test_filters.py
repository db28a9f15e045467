"""Filters of images that hold together, and their order."""

import shutil
from datetime import datetime
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from pipeline.curation import decisions as d
from pipeline.steps.library_view.filters import ImageFilter, Order, fitting, in_order
from pipeline.steps.library_view.listing import read_snapshot
from pipeline.steps.library_view.snapshot import Snapshot
from pipeline.steps.library_view.words import Texts
from pipeline.steps.project import Project
from tests.steps.test_run import Bench, add

KINDS = ["red", "green", "blue"]
CAMERAS = [("Canon", "Canon EOS R6"), ("Google", "Pixel 8")]


def photograph(path: Path, number: int) -> None:
    """Give a picture what a camera records, with a day of its own."""
    with Image.open(path) as image:
        exif = image.getexif()
        exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = CAMERAS[number % 2]
        exif[ExifTags.Base.DateTimeOriginal] = f"2024:03:{number + 1:02d} 10:00:00"
        image.save(path, exif=exif)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    root = tmp_path_factory.mktemp("filters")
    for number in range(24):
        group = ["de", "at"][number % 2]
        name = f"bollards/{group}/Post-{number:03d}-800w.png"
        add(root / "library", name, KINDS[number % 3], number)
        if number < 12:
            photograph(root / "library" / name, number)
    bench = Bench(root / "library", root / "data")
    bench.run()
    return bench


@pytest.fixture
def project(ran: Bench, tmp_path: Path) -> Project:
    shutil.copytree(ran.data, tmp_path / "data", symlinks=True)
    return Bench(ran.library, tmp_path / "data").project()


def numbers(snapshot: Snapshot, rows: list[int]) -> list[int]:
    return [int(str(snapshot.frame["key"][row]).rpartition("Post-")[2][:3]) for row in rows]


def found(project: Project, order: Order = "name", **wanted: object) -> list[int]:
    snapshot = read_snapshot(project, "bollards")
    mask = fitting(snapshot, Texts(project), ImageFilter(**wanted))  # type: ignore[arg-type]
    return numbers(snapshot, in_order(snapshot, mask.nonzero()[0], order))


def test_the_camera_is_recorded_when_an_image_is_read_and_counted(project: Project) -> None:
    assert read_snapshot(project, "bollards").base.cameras == [("Canon EOS R6", 6), ("Google Pixel 8", 6)]
    assert sorted(found(project, cameras=["Google Pixel 8"])) == [1, 3, 5, 7, 9, 11]


def test_date_camera_group_and_words_hold_together(project: Project) -> None:
    may = {"since": datetime(2024, 3, 3), "until": datetime(2024, 3, 8, 23, 59)}  # noqa: DTZ001
    assert sorted(found(project, **may)) == [2, 3, 4, 5, 6, 7]
    assert found(project, **may, cameras=["Canon EOS R6"]) == [2, 4, 6]
    assert found(project, **may, cameras=["Canon EOS R6"], words="post-004") == [4]
    assert found(project, **may, cameras=["Canon EOS R6"], groups=["at"]) == []


def test_a_tag_and_the_status_of_a_cluster_are_filters_too(project: Project) -> None:
    snapshot = read_snapshot(project, "bollards")
    cluster, rows = next(iter(snapshot.rows_by_cluster.items()))
    project.curation.decide("bollards", d.Rename(cluster=cluster, name="First"), actor="ann")
    tagged = [snapshot.frame["content_hash"][row] for row in rows[:2]]
    project.curation.decide("bollards", d.Tag(images=tuple(tagged), tag="wet"), actor="ann")
    assert sorted(found(project, statuses=["named"])) == sorted(numbers(snapshot, rows))
    assert len(found(project, statuses=["unnamed", "unclustered"])) == 24 - len(rows)
    assert sorted(found(project, tags=["wet"], statuses=["named"])) == sorted(numbers(snapshot, rows[:2]))
    assert found(project, tags=["wet"], statuses=["unnamed"]) == []
    assert found(project, statuses=["rejected"]) == []


def test_images_are_in_order_of_typicality_date_and_name(project: Project) -> None:
    snapshot = read_snapshot(project, "bollards")
    cluster, rows = next(iter(snapshot.rows_by_cluster.items()))
    assert found(project, "typical", clusters=[cluster]) == numbers(snapshot, rows)
    assert found(project, "edge", clusters=[cluster]) == numbers(snapshot, rows[::-1])
    assert found(project, "date", cameras=["Canon EOS R6"]) == [0, 2, 4, 6, 8, 10]
    assert found(project, "-date", cameras=["Canon EOS R6"]) == [10, 8, 6, 4, 2, 0]
    assert found(project, "-name")[0] == 22
