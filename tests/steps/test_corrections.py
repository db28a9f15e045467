"""Decisions about boxes, from the decision to the next run and to a better detector."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.curation import decisions as d
from pipeline.errors import DecisionError, UnknownNameError
from pipeline.stages.objects.contract import OBJECTS_SCHEMA
from pipeline.steps.corrections import Waiting, add_box, waiting, wrong_box
from tests.steps.objects_library import Bench, add_scene, objects_bench, yolo
from tests.steps.test_run import Bench as AnyBench

RED, BLUE = (0.1, 0.1, 0.25, 0.25), (0.6, 0.6, 0.25, 0.25)
BOTH = "posts/de/de-900.png"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """One picture has two things, of which the file of boxes has the first and a piece of the background."""
    made = objects_bench(tmp_path)
    add_scene(Path(made.library), BOTH, ["red", "blue"], [RED, BLUE], 900)
    beside(made).write_text(yolo([RED, (0.1, 0.7, 0.2, 0.2)]))
    made.run()
    return made


def beside(bench: Bench) -> Path:
    return Path(bench.library) / BOTH.replace(".png", ".txt")


def objects(bench: Bench, status: str = "ok") -> list[dict[str, Any]]:
    table = bench.project().store.require("posts", "objects").table("objects", OBJECTS_SCHEMA)
    return table.filter(pl.col("key") == BOTH, pl.col("status") == status).sort("x", "y").to_dicts()


def decide(bench: Bench, decision: d.Decision) -> int:
    return bench.project().curation.decide("posts", decision, actor="ann").number


def background(bench: Bench) -> dict[str, Any]:
    return next(row for row in objects(bench) if row["y"] > 0.5)


def test_a_wrong_box_leaves_the_published_files_at_once_and_is_no_object_after_the_next_run(bench: Bench) -> None:
    project, row = bench.project(), background(bench)
    number = decide(bench, wrong_box(project, "posts", row["object_id"]))
    assert waiting(project, "posts") == Waiting(removed=1)
    assert bench.project().curation.curated("posts").excluded == {row["content_hash"]}
    bench.encoder.batches.clear()
    summary = bench.run()["posts"]
    assert (summary["images"], summary["objects"], bench.encoder.encoded) == (37, 37, 0)
    assert waiting(bench.project(), "posts") == Waiting()
    (refused,) = objects(bench, "wrong_box")
    assert f"event {number}" in refused["reason"]
    assert row["object_id"] not in json.dumps(bench.document("posts"))


def test_an_added_box_is_embedded_by_the_next_run_and_lands_with_its_kind(bench: Bench) -> None:
    project = bench.project()
    decide(bench, add_box(project, "posts", BOTH, BLUE, "post"))
    assert waiting(project, "posts") == Waiting(added=1)
    bench.encoder.batches.clear()
    summary = bench.run()["posts"]
    assert (summary["images"], summary["objects"], bench.encoder.encoded) == (37, 39, 1)
    (made,) = (row for row in objects(bench) if row["x"] == 0.6)
    assert (made["label"], made["score"], made["source"]) == ("post", None, "people")
    (home,) = (
        cluster for cluster in bench.document("posts")["clusters"]
        if any(image["key"] == BOTH and image["box"]["x"] == 0.6 for image in cluster["images"])
    )  # fmt: skip
    assert {int(image["identifier"][3:6]) % 3 for image in home["images"] if image["key"] != BOTH} == {2}


def test_a_better_detector_brings_no_refused_box_back_and_doubles_no_drawn_one(bench: Bench) -> None:
    project = bench.project()
    decide(bench, wrong_box(project, "posts", background(bench)["object_id"]))
    decide(bench, add_box(project, "posts", BOTH, BLUE))
    bench.run()
    before = {row["content_hash"] for row in objects(bench)}
    beside(bench).write_text(yolo([(0.11, 0.1, 0.25, 0.25), (0.11, 0.71, 0.2, 0.2), (0.58, 0.6, 0.26, 0.26)]))
    bench.encoder.batches.clear()
    bench.run()
    assert {row["content_hash"] for row in objects(bench)} == before
    assert len(objects(bench, "wrong_box")) == len(objects(bench, "replaced")) == 1


def test_an_undone_decision_brings_the_object_back_with_its_id_and_without_embedding(bench: Bench) -> None:
    row = background(bench)
    number = decide(bench, wrong_box(bench.project(), "posts", row["object_id"]))
    bench.run()
    bench.project().curation.undo("posts", number, actor="ann")
    assert waiting(bench.project(), "posts") == Waiting(undone=1)
    bench.encoder.batches.clear()
    bench.run()
    assert background(bench)["object_id"] == row["object_id"]
    assert bench.encoder.encoded == 0


def test_a_run_after_a_run_with_decisions_has_nothing_to_do(bench: Bench) -> None:
    decide(bench, add_box(bench.project(), "posts", BOTH, BLUE))
    bench.run()
    assert bench.run()["posts"]["nothing_new"]


def test_a_decision_about_a_box_that_changes_no_object_is_not_waiting_after_the_next_run(bench: Bench) -> None:
    decision = wrong_box(bench.project(), "posts", background(bench)["object_id"])
    beside(bench).write_text(yolo([RED]))
    decide(bench, decision)
    bench.run()
    assert waiting(bench.project(), "posts") == Waiting()


def test_a_box_on_an_image_without_any_makes_it_a_part_of_the_library(bench: Bench) -> None:
    beside(bench).write_text("")
    bench.run()
    assert not objects(bench)
    decide(bench, add_box(bench.project(), "posts", BOTH, RED))
    bench.run()
    assert len(objects(bench)) == 1


def test_boxes_mean_nothing_where_whole_images_are_clustered(tmp_path: Path) -> None:
    objects_bench(tmp_path)
    whole = AnyBench(tmp_path / "library", tmp_path / "whole")
    whole.run()
    with pytest.raises(DecisionError, match=r"objects\.unit: object"):
        add_box(whole.project(), "posts", "posts/de/de-000.png", RED)


def test_unknown_names_are_refused(bench: Bench) -> None:
    with pytest.raises(UnknownNameError, match="no object nothing"):
        wrong_box(bench.project(), "posts", "nothing")
    with pytest.raises(UnknownNameError, match="no image nothing"):
        add_box(bench.project(), "posts", "nothing", RED)
