"""The drawn demo library: the same from the same seed, complete, growing, and never half written.

Pictures are judged by eye and by how well they cluster; here is only what must hold of keys, truth and bytes.
"""

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.demo.bollards import (
    MARKER,
    TRUTH,
    DemoLibraryMismatchError,
    PlannedImage,
    draw,
    plan_library,
    write_boxes,
    write_library,
)
from pipeline.demo.compare import agreement, print_comparison

BOLLARD_KEY = re.compile(r"bollards/(?P<country>[a-z]{2})/(?P=country)-\d{3,}-800w\.(webp|jpg)")
CAR_KEY = re.compile(r"follow-cars/[a-z]{2}/[0-9a-f]{8}-800w\.(webp|jpg)")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A written library of eight bollards and a car, read only."""
    return write_library(tmp_path_factory.mktemp("library"), images=8, cars=1, seed=3, workers=1)


def bollards(plan: list[PlannedImage]) -> list[PlannedImage]:
    return [p for p in plan if p.category == "bollards"]


def images_under(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def truth_of(root: Path) -> dict[str, str | None]:
    return json.loads((root / TRUTH).read_text("utf-8"))["images"]


def test_the_same_seed_draws_the_same_bytes(library: Path, tmp_path: Path) -> None:
    again = images_under(write_library(tmp_path, images=3, cars=1, seed=3, workers=1))
    there = images_under(library)
    assert again
    assert {key: there[key] for key in again} == again


def test_another_seed_draws_another_picture() -> None:
    one, other = plan_library(images=1, cars=0, seed=0)[0], plan_library(images=1, cars=0, seed=1)[0]
    assert draw(one, 400).tobytes() != draw(other, 400).tobytes()


def test_a_picture_does_not_depend_on_what_was_drawn_before_it() -> None:
    first, second = plan_library(images=2, cars=0, seed=5)
    alone = draw(second, 400).tobytes()
    draw(first, 400)
    assert draw(second, 400).tobytes() == alone


@pytest.mark.parametrize("seed", range(6))
def test_a_longer_plan_begins_with_the_shorter_one(seed: int) -> None:
    short = plan_library(images=40, cars=8, seed=seed)
    long = plan_library(images=300, cars=50, seed=seed)
    assert long[:40] == short[:40]
    assert [p for p in long if p.category == "follow-cars"][:8] == short[40:]


@pytest.mark.parametrize("seed", range(6))
def test_every_kind_appears_at_least_four_times_among_160(seed: int) -> None:
    kinds = Counter(p.kind for p in bollards(plan_library(seed=seed)))
    assert len(kinds) == 13  # twelve kinds, and pictures without a post
    assert min(kinds.values()) >= 4
    assert max(kinds.values()) >= 20


@pytest.mark.parametrize("seed", range(6))
def test_more_than_forty_countries_some_with_many_images_some_with_one(seed: int) -> None:
    groups = Counter(p.group for p in bollards(plan_library(seed=seed)))
    assert len(groups) > 40
    assert min(groups.values()) == 1
    assert max(groups.values()) >= 7


def test_every_kind_recurs_in_several_countries() -> None:
    plan = bollards(plan_library())
    for kind in {p.kind for p in plan}:
        assert len({p.group for p in plan if p.kind == kind}) >= 3, kind


def test_keys_follow_the_layout_and_are_unique() -> None:
    plan = plan_library(images=400, cars=60)
    for planned in plan:
        pattern = BOLLARD_KEY if planned.category == "bollards" else CAR_KEY
        assert pattern.fullmatch(planned.key), planned.key
    assert len({p.truth_key for p in plan}) == len(plan)
    assert {p.suffix for p in plan} == {".webp", ".jpg"}


def test_about_a_quarter_of_the_images_have_variants_and_all_have_800() -> None:
    plan = plan_library(images=400, cars=0)
    assert all(800 in p.widths for p in plan)
    assert 0.15 < sum(p.widths == (400, 800, 1200) for p in plan) / len(plan) < 0.35


def test_variants_are_the_same_picture() -> None:
    planned = plan_library(images=1, cars=0)[0]
    large = draw(planned, 1200)
    for width in (400, 800):
        small = draw(planned, width)
        assert small.size[0] == width
        assert small.mode == "RGB"
        shrunk = [np.asarray(p.resize((96, 72), Image.Resampling.BOX), np.float64).ravel() for p in (large, small)]
        assert np.corrcoef(shrunk[0], shrunk[1])[0, 1] > 0.999


def test_the_truth_covers_every_image_and_every_image_has_its_files(library: Path) -> None:
    plan = plan_library(images=8, cars=1, seed=3)
    assert truth_of(library) == {p.truth_key: p.kind for p in plan}
    assert set(images_under(library)) == {p.variant(width) for p in plan for width in p.widths}
    for planned in plan:
        with Image.open(library / planned.key) as picture:
            picture.load()
            assert picture.width == 800
            assert 1.3 < picture.width / picture.height < 1.55


def test_writing_again_writes_nothing(library: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in library.rglob("*")}
    write_library(library, images=8, cars=1, seed=3, workers=1)
    assert {path: path.stat().st_mtime_ns for path in library.rglob("*")} == before


def test_an_interrupted_library_is_completed_and_the_rest_left_alone(tmp_path: Path) -> None:
    write_library(tmp_path, images=4, cars=0, workers=1)
    whole = images_under(tmp_path)
    lost = tmp_path / plan_library(images=4, cars=0)[2].key
    lost.unlink()
    (lost.parent / f".{lost.name}.4242.tmp").write_bytes(b"half a pict")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*") if path.is_file()}
    reports: list[tuple[int, int]] = []
    write_library(tmp_path, images=4, cars=0, workers=1, progress=lambda done, total: reports.append((done, total)))
    assert images_under(tmp_path) == whole
    assert reports == [(3, 4), (4, 4)]
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_library_grows_and_its_truth_never_shrinks(tmp_path: Path) -> None:
    write_library(tmp_path, images=2, cars=0, workers=1)
    write_library(tmp_path, images=3, cars=0, workers=1)
    assert len(truth_of(tmp_path)) == 3
    write_library(tmp_path, images=2, cars=0, workers=1)
    assert len(truth_of(tmp_path)) == 3
    assert json.loads((tmp_path / MARKER).read_text("utf-8"))["seed"] == 0


def test_two_seeds_do_not_share_a_folder(tmp_path: Path) -> None:
    write_library(tmp_path, images=0, cars=0, seed=0)
    with pytest.raises(DemoLibraryMismatchError, match="seed 0, not 1"):
        write_library(tmp_path, images=0, cars=0, seed=1)


def test_a_process_pool_draws_the_same_bytes_as_one_process(library: Path, tmp_path: Path) -> None:
    pooled = images_under(write_library(tmp_path, images=8, cars=0, seed=3, workers=2))
    there = images_under(library)
    assert {key: there[key] for key in pooled} == pooled


def test_the_true_boxes_stand_beside_the_pictures_and_lie_in_them(tmp_path: Path) -> None:
    root = write_library(tmp_path, images=6, cars=0, workers=1)
    document = json.loads(write_boxes(root, images=6).read_text())
    kinds = {planned.key.removeprefix("bollards/"): planned.kind for planned in plan_library(images=6, cars=0)}
    assert {image["file_name"] for image in document["images"]} == set(kinds)
    assert len(document["annotations"]) == sum(kind is not None for kind in kinds.values())
    sizes = {image["id"]: (image["width"], image["height"]) for image in document["images"]}
    for annotation in document["annotations"]:
        x, y, w, h = annotation["bbox"]
        width, height = sizes[annotation["image_id"]]
        assert 0 <= x < x + w <= width
        assert 0 <= y < y + h <= height
        assert 0.1 < h / height < 0.95


def test_agreement_counts_pictures_with_a_post_and_an_image_with_two_objects_once() -> None:
    first, second, third = ({"key": f"bollards/de/de-00{number}-800w.webp"} for number in (1, 2, 3))
    clusters = [{"id": "a", "images": [first, first]}, {"id": "b", "images": [second]}]
    document = {"clusters": clusters, "unclustered": [first, third]}
    truth = {"bollards/de/de-001": "stone", "bollards/de/de-002": "pole", "bollards/de/de-003": None}
    assert agreement(document, truth) == (1.0, 2)


def test_the_demo_of_objects_says_how_both_ways_did_and_why_they_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / TRUTH).write_text(json.dumps({"images": {"a/1": "x", "a/2": "y"}}))

    def document(name: str, *boxes: dict[str, float] | None) -> Path:
        images = [{"key": f"a/{number}-800w.webp", **({"box": box} if box else {})}
                  for number, box in enumerate(boxes, start=1)]  # fmt: skip
        clusters = [{"id": f"c-{image['key']}", "images": [image]} for image in images]
        path = tmp_path / name
        path.write_text(json.dumps({"clusters": clusters, "unclustered": []}))
        return path

    box = {"x": 0.1, "y": 0.1, "w": 0.1, "h": 0.5}
    print_comparison(tmp_path, {"whole pictures": document("w", None, None), "objects": document("o", box, box)})
    shown = capsys.readouterr().out
    assert re.search(r"whole pictures +1\.000 +2 clusters", shown)
    assert re.search(r"objects +1\.000 +2 clusters", shown)
    assert "A post fills 5 % of its picture" in shown
