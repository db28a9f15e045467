"""Boxes reach the images that they are about, however the tools that wrote them lay out their folders."""

import json
import re
from pathlib import Path

import polars as pl
import pytest

from pipeline.errors import AllImagesRejectedError
from pipeline.stages.objects.contract import OBJECTS_SCHEMA
from tests.steps.objects_library import SIDE, Bench, Box, box_of, scene, yolo
from tests.steps.test_run import KINDS

FIRST, SECOND = (0.1, 0.1, 0.3, 0.3), (0.5, 0.5, 0.4, 0.4)


def add_image(root: Path, key: str, box: Box, seed: int = 0) -> None:
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    scene([list(KINDS)[seed % 3]], [box], seed).save(path)


def add_boxes(root: Path, key: str, *boxes: Box) -> None:
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yolo(boxes))


def coco_file(root: Path, key: str, boxes: dict[str, Box]) -> None:
    """A COCO file of one box for each `file_name`."""
    images = [{"id": n, "file_name": name, "width": SIDE, "height": SIDE} for n, name in enumerate(boxes)]
    annotations = [{"id": n, "image_id": n, "category_id": 1, "bbox": [side * SIDE for side in box]}
                   for n, box in enumerate(boxes.values())]  # fmt: skip
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": []}))


def bench_of(root: Path, **source: object) -> Bench:
    return Bench(root, root.with_name("data"), objects={"unit": "object", "margin": 0.0}, source=source)


def found(bench: Bench, category: str) -> dict[str, list[tuple[float, ...]]]:
    """Key → boxes as the run stored them."""
    bench.run(category)
    table = bench.project().store.require(bench.project().slug_of(category), "objects").table("objects", OBJECTS_SCHEMA)
    usable = table.filter(pl.col("status") == "ok").group_by("key", maintain_order=True).agg("x", "y", "w", "h")
    return {key: list(zip(*sides, strict=True)) for key, *sides in usable.iter_rows()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "library"


@pytest.mark.parametrize(
    ("images", "labels", "category"),
    [("images", "labels", "images"), ("JPEGImages", "Annotations", "JPEGImages"), (".", "labels", "root")],
)
def test_a_folder_of_boxes_beside_the_folder_of_images_is_read(
    root: Path, images: str, labels: str, category: str
) -> None:
    for seed in range(4):
        add_image(root, f"{images}/{seed}.png", box_of(seed), seed)
        add_boxes(root, f"{labels}/{seed}.txt", box_of(seed))
    assert len(found(bench_of(root), category)) == 4


def test_images_of_equal_names_in_the_folders_of_a_split_get_their_own_boxes(root: Path) -> None:
    for part, box in (("train", FIRST), ("valid", SECOND)):
        add_image(root, f"{part}/images/1.png", box)
        add_boxes(root, f"{part}/labels/1.txt", box)
        add_image(root, f"{part}/2.png", box, 1)
        coco_file(root, f"{part}/_annotations.coco.json", {"2.png": box})
    boxes = found(bench_of(root, categories="single"), "all")
    for part, box in (("train", FIRST), ("valid", SECOND)):
        assert boxes[f"{part}/images/1.png"] == boxes[f"{part}/2.png"] == [pytest.approx(box)]


def test_boxes_of_an_image_that_is_set_aside_or_gone_go_to_no_other_image(root: Path) -> None:
    add_image(root, "posts/images/val/1.png", FIRST)
    add_image(root, "posts/images/train/2.png", FIRST)
    (root / "posts/images/train/1.png").write_bytes(b"\x89PNG\r\n\x1a\n half of it")
    for key in ("train/1", "val/2", "train/2"):
        add_boxes(root, f"posts/labels/{key}.txt", SECOND)
    assert list(found(bench_of(root), "posts")) == ["posts/images/train/2.png"]


def test_boxes_of_another_category_go_to_no_image_of_the_same_name(root: Path) -> None:
    for category in ("cars", "posts"):
        add_image(root, f"{category}/1.png", FIRST)
        add_image(root, f"{category}/2.png", FIRST, 1)
    coco_file(root, "annotations/all.json", {"cars/1.png": FIRST, "cars/2.png": FIRST, "posts/2.png": SECOND})
    assert found(bench_of(root), "posts") == {"posts/2.png": [pytest.approx(SECOND)]}


def test_names_of_classes_that_cannot_be_read_are_a_row_and_stop_nothing(root: Path) -> None:
    add_image(root, "posts/1.png", FIRST)
    add_boxes(root, "posts/1.txt", FIRST)
    (root / "posts/data.yaml").write_text("names: {post: 0}")
    bench = bench_of(root)
    assert list(found(bench, "posts")) == ["posts/1.png"]
    table = bench.project().store.require("posts", "objects").table("objects", OBJECTS_SCHEMA)
    assert table.filter(pl.col("status") == "bad_file").select("key", "reason").rows() == [
        ("posts/data.yaml", "its names of classes cannot be read: its `names` are neither a list nor `number: name`")
    ]


def test_a_run_without_an_object_says_what_is_wrong_with_the_files_of_boxes(root: Path) -> None:
    add_image(root, "posts/a/1.png", FIRST)
    add_image(root, "posts/b/1.png", FIRST)
    add_boxes(root, "annotations/1.txt", FIRST)
    coco_file(root, "annotations/old.json", {"before/9.png": FIRST, "before/10.png": FIRST})
    told = (
        "2 files of boxes were read, with boxes of 2 images that are not here, such as 'annotations/before/9.png'; 1 "
        "cannot be used, the first is annotations/1.txt: 'annotations/1.txt' may be 2 images, the first posts/a/1.png"
    )
    with pytest.raises(AllImagesRejectedError, match=re.escape(told)):
        bench_of(root).run("posts")
