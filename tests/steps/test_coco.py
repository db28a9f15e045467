"""COCO documents of a real data directory: images, boxes and clusters as categories."""

import json
from pathlib import Path

import pytest

from pipeline.curation import decisions as d
from pipeline.steps.coco import coco_bytes, coco_document
from pipeline.steps.export import select_images
from pipeline.steps.library_view.listing import read_snapshot
from tests.steps.objects_library import SIDE, box_of, objects_bench
from tests.steps.test_run import Bench, add


def test_a_cluster_is_a_category_and_a_whole_image_its_own_box(tmp_path: Path) -> None:
    for seed in range(24):
        add(tmp_path / "library", f"posts/de/{seed:03d}.png", ["red", "green"][seed % 2], seed)
    bench = Bench(tmp_path / "library", tmp_path / "data")
    bench.run()
    project = bench.project()
    cluster = next(iter(read_snapshot(project, "posts").rows_by_cluster))
    project.curation.decide("posts", d.Rename(cluster=cluster, name="Réd"), actor="ann")
    snapshot = read_snapshot(project, "posts")
    document = json.loads(coco_bytes(coco_document(project, snapshot, select_images(snapshot))))
    assert [one["name"] for one in document["categories"] if one["cluster"] == cluster] == ["Réd"]
    assert len(document["images"]) == len(document["annotations"]) == 24
    number = {one["cluster"]: one["id"] for one in document["categories"]}
    key = {one["id"]: one for one in document["images"]}
    for one in document["annotations"]:
        image = key[one["image_id"]]
        assert one["bbox"] == [0, 0, image["width"], image["height"]]
    members = {snapshot.frame["key"][row] for row in snapshot.rows_by_cluster[cluster]}
    assert {key[one["image_id"]]["file_name"] for one in document["annotations"]
            if one["category_id"] == number[cluster]} == members  # fmt: skip


def test_objects_are_boxes_in_pixels_of_their_image(tmp_path: Path) -> None:
    bench = objects_bench(tmp_path)
    bench.run()
    project = bench.project()
    snapshot = read_snapshot(project, "posts")
    table = select_images(snapshot, states=["clustered", "unclustered"])
    document = coco_document(project, snapshot, table)
    assert {(one["width"], one["height"]) for one in document["images"]} == {(SIDE, SIDE)}
    assert len(document["annotations"]) == table["cluster_id"].is_not_null().sum() > 0
    name_of = {one["id"]: one["file_name"] for one in document["images"]}
    for one in document["annotations"]:
        seed = int(name_of[one["image_id"]][-7:-4])
        assert one["bbox"] == pytest.approx([value * SIDE for value in box_of(seed)], abs=1)
        assert one["area"] == pytest.approx(one["bbox"][2] * one["bbox"][3], abs=0.01)
