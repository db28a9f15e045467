"""Objects in images, from the boxes beside them to clusters.json: what is embedded, what is kept, what is told."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.curation import decisions as d
from pipeline.errors import AllImagesRejectedError, UnknownNameError
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.objects.contract import OBJECTS_SCHEMA
from pipeline.steps.doctor.checkup import examine
from tests.fakes import MeanColourEncoder
from tests.steps.objects_library import SIDE, Bench, add_scene, box_of, coco, objects_bench, scene, yolo


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return objects_bench(tmp_path)


def objects(bench: Bench) -> pl.DataFrame:
    return bench.project().store.require("posts", "objects").table("objects", OBJECTS_SCHEMA)


def clusters_of(document: dict[str, Any]) -> dict[str, str]:
    """Key and box → cluster."""
    return {
        f"{image['key']} {list(image['box'].values())}": cluster["id"]
        for cluster in document["clusters"]
        for image in cluster["images"]
    }


def test_objects_are_clustered_by_what_they_are_and_not_by_their_backgrounds(bench: Bench) -> None:
    summary = bench.run()["posts"]
    assert (summary["images"], summary["objects"], summary["clusters"]) == (36, 36, 3)
    document = bench.document("posts")
    for cluster in document["clusters"]:
        assert len({int(image["identifier"][3:6]) % 3 for image in cluster["images"]}) == 1
    whole = Bench(bench.library, bench.data.with_name("whole"))
    assert whole.run()["posts"]["clusters"] != 3
    assert document["schemaVersion"] == 2
    assert (document["unit"], document["detector"]) == ("object", "annotations:")


def test_a_second_run_embeds_nothing_reads_nothing_and_changes_no_byte(bench: Bench) -> None:
    bench.run()
    before = {path: path.read_bytes() for path in (bench.data / "published/posts").iterdir()}
    bench.encoder.batches.clear()
    summary = bench.run()["posts"]
    assert summary["read"] == summary["embedded"] == bench.encoder.encoded == 0
    assert summary["nothing_new"]
    assert {path: path.read_bytes() for path in (bench.data / "published/posts").iterdir()} == before


def test_other_boxes_embed_only_those_that_differ(bench: Bench) -> None:
    bench.run()
    boxes = {f"posts/de/de-{seed:03d}.png": [box_of(seed)] for seed in range(36)}
    x, y, w, h = box_of(0)
    boxes["posts/de/de-000.png"] = [(x, y, w * 0.75, h)]  # overlaps by 0.75
    x, y, w, h = box_of(1)
    boxes["posts/de/de-001.png"] = [(x + 0.005, y, w, h)]  # the same outline, drawn again
    bench.settings["objects"]["detector"] = "annotations:coco"
    coco(bench.library, boxes)
    bench.encoder.batches.clear()
    assert bench.run()["posts"]["embedded"] == bench.encoder.encoded == 1


def test_an_object_whose_box_changed_keeps_its_id_its_cluster_and_its_decisions(bench: Bench) -> None:
    bench.run()
    first = objects(bench).filter(pl.col("key") == "posts/de/de-000.png").row(0, named=True)
    curation = bench.project().curation
    home = next(c for c in curation.curated("posts").clusters.values() if first["content_hash"] in c.members)
    curation.decide("posts", d.Rename(cluster=home.id, name="Red ones"), actor="ann")
    curation.decide("posts", d.Tag(images=(first["content_hash"],), tag="odd"), actor="ann")
    curation.close()
    x, y, w, h = box_of(0)
    (bench.library / "posts/de/de-000.txt").write_text(yolo([(x, y, w * 0.8, h * 0.8)]))
    bench.run()
    after = objects(bench).filter(pl.col("key") == "posts/de/de-000.png").row(0, named=True)
    assert (after["content_hash"], after["object_id"]) == (first["content_hash"], first["object_id"])
    assert after["w"] == pytest.approx(w * 0.8, abs=1e-4)
    snapshot = bench.project().curation.curated("posts")
    assert snapshot.tags[first["content_hash"]] == ("odd",)
    named = next(c for c in bench.document("posts")["clusters"] if c["name"] == "Red ones")
    assert named["id"] == home.id
    assert "posts/de/de-000.png" in [image["key"] for image in named["images"]]


def test_the_vector_of_a_changed_box_is_that_of_the_new_crop(bench: Bench) -> None:
    bench.run()
    (bench.library / "posts/de/de-000.txt").write_text(yolo([(*box_of(0)[:2], 0.25, 0.35)]))
    bench.run()
    fresh = Bench(bench.library, bench.data.with_name("fresh"), objects=bench.settings["objects"])
    fresh.run()
    vectors = []
    for one in (bench, fresh):
        row = objects(one).filter(pl.col("key") == "posts/de/de-000.png").row(0, named=True)
        project = one.project()
        stored = project.store.require("posts", "embeddings").folder / "embeddings.parquet"
        fingerprint = pl.read_parquet(stored)["fingerprint"][0]
        vectors.append(project.vectors(fingerprint).read([row["content_hash"]]))
    assert vectors[0].tolist() == vectors[1].tolist()


def test_an_image_with_two_objects_may_be_in_two_clusters_and_counts_once(bench: Bench) -> None:
    boxes = [(0.1, 0.1, 0.25, 0.25), (0.6, 0.6, 0.25, 0.25)]
    add_scene(bench.library, "posts/de/de-900.png", ["red", "blue"], boxes, 900)
    bench.run()
    document = bench.document("posts")
    homes = [c["id"] for c in document["clusters"] for image in c["images"] if image["key"] == "posts/de/de-900.png"]
    assert len(set(homes)) == 2
    summary = document["summary"]
    assert summary["images"] == summary["clustered"] + summary["unclustered"] + summary["rejected"] == 37
    counted = summary["objects"]
    assert counted["found"] == counted["clustered"] + counted["unclustered"] + counted["rejected"] == 38


def test_an_image_without_an_object_is_a_row_with_a_reason(bench: Bench) -> None:
    scene([], [], 901).save(bench.library / "posts/de/de-901.png")
    summary = bench.run()["posts"]
    assert (summary["images"], summary["set_aside"]) == (37, 1)
    rejected = bench.document("posts")["rejected"]
    assert rejected == [{"key": "posts/de/de-901.png", "reason": "no_object: no object found"}]


def test_a_bad_line_and_a_bad_file_are_rows_with_a_reason_and_lose_nothing(bench: Bench) -> None:
    beside = bench.library / "posts/de/de-000.txt"
    beside.write_text(f"{beside.read_text()}0 0.5 0.5 0 0.2\n0 half of it\n0 0.9 0.9 0.8 0.8\n")
    (bench.library / "posts/broken.json").write_text('{"images": [], "annotations": [')
    (bench.library / "posts/de/read me.txt").write_text("These are the posts.")
    summary = bench.run()["posts"]
    assert (summary["images"], summary["objects"], summary["set_aside"]) == (36, 36, 0)
    refused = objects(bench).filter(pl.col("status") != "ok")
    assert dict(refused.select("status", "reason").group_by("status").len().iter_rows()) == {
        "bad_box": 3,
        "bad_file": 1,
    }
    reasons = " ".join(refused["reason"].to_list())
    for words in (
        "it has no area",
        "line 3 is not `class x y width height`",
        "reaches outside",
        "cannot be read as COCO",
    ):
        assert words in reasons
    assert refused["key"].null_count() == 0


def test_boxes_of_a_picture_of_another_shape_are_refused_with_both_sizes(bench: Bench) -> None:
    boxes = {f"posts/de/de-{seed:03d}.png": [box_of(seed)] for seed in range(36)}
    coco(bench.library, boxes)
    path = bench.library / "posts/_annotations.coco.json"
    document = json.loads(path.read_text())
    document["images"][0] |= {"width": SIDE, "height": SIDE * 2}
    path.write_text(json.dumps(document))
    bench.settings["objects"]["detector"] = "annotations:coco"
    bench.run()
    reason = bench.document("posts")["rejected"][0]["reason"]
    assert "about 120 x 240 pixels, the upright image has 120 x 120" in reason


def test_the_manifest_of_the_bucket_may_hold_boxes(tmp_path: Path) -> None:
    bench = objects_bench(tmp_path)
    entries = []
    for seed in range(36):
        x, y, w, h = box_of(seed)
        (bench.library / f"posts/de/de-{seed:03d}.txt").unlink()
        variants = {"original": f"posts/de/de-{seed:03d}.png"}
        boxes = [{"x": x, "y": y, "w": w, "h": h, "label": "post"}]
        entries.append({"id": f"de-{seed:03d}", "category": "posts", "variants": variants, "boxes": boxes})
    (bench.library / "manifest.json").write_text(json.dumps({"version": "1", "entries": entries}))
    summary = bench.run()["posts"]
    assert (summary["objects"], summary["clusters"]) == (36, 3)
    assert set(objects(bench)["label"]) == {"post"}


def test_copies_of_an_image_share_vectors_and_not_rows(bench: Bench) -> None:
    for ending in ("png", "txt"):
        data = (bench.library / f"posts/de/de-000.{ending}").read_bytes()
        (bench.library / f"posts/de/de-700.{ending}").write_bytes(data)
    summary = bench.run()["posts"]
    assert (summary["objects"], summary["embedded"]) == (37, 36)


def test_without_any_box_the_run_says_what_it_looked_for(bench: Bench) -> None:
    for path in (bench.library / "posts/de").glob("*.txt"):
        path.unlink()
    told = (
        "No object was found in any of the 36 images of posts; no file of boxes was found in their folder, at the top"
    )
    with pytest.raises(AllImagesRejectedError, match=f"{told} of the source, or there in annotations/ or labels/"):
        bench.run()


def test_an_unknown_format_is_refused_with_the_known_ones(bench: Bench) -> None:
    bench.settings["objects"]["detector"] = "annotations:kitti"
    with pytest.raises(UnknownNameError, match="coco, yolo, voc, manifest"):
        bench.run()


def test_an_excluded_object_leaves_its_image_where_another_object_of_it_is(bench: Bench) -> None:
    boxes = [(0.1, 0.1, 0.25, 0.25), (0.6, 0.6, 0.25, 0.25)]
    add_scene(bench.library, "posts/de/de-900.png", ["red", "blue"], boxes, 900)
    bench.run()
    both = objects(bench).filter(pl.col("key") == "posts/de/de-900.png")["content_hash"].to_list()
    curation = bench.project().curation
    curation.decide("posts", d.Exclude(images=(both[0],)), actor="ann", why="not a post")
    curation.close()
    bench.run()
    document = bench.document("posts")
    assert document["summary"]["rejected"] == 0
    assert document["summary"]["objects"]["rejected"] == 1
    (left_out,) = document["rejected"]
    assert left_out["reason"].startswith("excluded by ann")
    assert set(left_out["box"]) == set("xywh")


def test_back_to_whole_images_everything_is_as_it_was(bench: Bench) -> None:
    del bench.settings["objects"]
    bench.run()
    before = bench.document("posts")
    bench.settings["objects"] = {"unit": "object", "margin": 0.0}
    bench.settings["published"] = {"guard": {"enabled": False}}
    bench.run()
    assert bench.document("posts")["schemaVersion"] == 2
    del bench.settings["objects"]
    bench.run()
    after = bench.document("posts")
    assert after["schemaVersion"] == 1
    assert after["summary"]["images"] == before["summary"]["images"]


def test_a_run_that_was_killed_while_it_embedded_goes_on_where_it_stopped(bench: Bench) -> None:
    def fail(batch: Any) -> None:
        if bench.encoder.encoded >= 16:
            raise RuntimeError("killed")

    bench.settings["encoder"] = {"batch_size": 8, "chunk_size": 8, "decode_threads": 1}
    bench.encoder = MeanColourEncoder(before=fail)
    with pytest.raises(RuntimeError, match="killed"):
        bench.run()
    bench.encoder = MeanColourEncoder()
    bench.run()
    assert 0 < bench.encoder.encoded < 36


def test_a_wider_margin_embeds_every_crop_again(bench: Bench) -> None:
    bench.run()
    bench.settings["objects"] = {"unit": "object", "margin": 0.3}
    assert bench.run()["posts"]["embedded"] == 36


def test_whole_images_make_no_objects(tmp_path: Path) -> None:
    bench = objects_bench(tmp_path)
    del bench.settings["objects"]
    bench.run()
    assert bench.project().store.current("posts", "objects") is None
    document = bench.document("posts")
    assert document["schemaVersion"] == 1
    assert "unit" not in document
    assert "objects" not in document["settings"]


def test_the_table_of_images_of_objects_has_a_row_per_unit(bench: Bench) -> None:
    scene([], [], 901).save(bench.library / "posts/de/de-901.png")
    bench.run()
    units = bench.project().store.require("posts", "objects").table("images", IMAGES_SCHEMA)
    assert dict(units.group_by("status").len().iter_rows()) == {"ok": 36, "no_object": 1}
    assert units["image_id"].n_unique() == 37


def faults(bench: Bench, *, repair: bool = False) -> list[str]:
    return [one.check for one in examine(bench.project(), repair=repair) if one.state != "ok"]


def test_the_check_of_a_data_directory_of_objects_finds_nothing_to_mend_also_after_boxes_changed(bench: Bench) -> None:
    bench.run()
    assert not faults(bench)
    (bench.library / "posts/de/de-000.txt").write_text(yolo([(*box_of(0)[:2], 0.25, 0.35)]))
    bench.run()
    assert not faults(bench)


def test_a_lost_thumbnail_of_a_crop_is_cut_again_after_a_repair_and_never_becomes_the_whole_image(bench: Bench) -> None:
    bench.run()
    name = objects(bench)["content_hash"][0]
    before = bench.project().thumbnails.read(name)
    bench.project().thumbnails.path(name).unlink()
    assert faults(bench, repair=True) == ["thumbnails"]
    bench.run()
    assert bench.project().thumbnails.read(name) == before
    assert not faults(bench)


def test_damaged_objects_go_back_to_the_last_whole_version_so_that_ids_last(bench: Bench) -> None:
    bench.run()
    (bench.library / "posts/de/de-000.txt").write_text(yolo([(*box_of(0)[:2], 0.25, 0.35)]))
    bench.run()
    before = objects(bench)
    folder = bench.project().store.require("posts", "objects").folder
    (folder / "known.parquet").write_bytes(b"damaged")
    (bench.library / "posts/de/de-001.txt").write_text(yolo([(*box_of(1)[:2], 0.25, 0.35)]))
    bench.run()
    assert set(objects(bench)["content_hash"]) == set(before["content_hash"])
