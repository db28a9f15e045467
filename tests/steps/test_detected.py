"""Objects that a model finds: which images it looks at, what it is not asked again, what is told."""

import errno
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipeline.errors import AllImagesRejectedError, UnknownNameError
from pipeline.stages.objects.boxes import Box, Found
from pipeline.stages.objects.contract import OBJECTS_SCHEMA
from pipeline.steps import detected
from pipeline.steps.doctor.checkup import examine
from pipeline.steps.project import Project
from tests.steps.objects_library import Bench, add_scene, box_of, objects_bench


class LoudestSquare:
    """A detector that finds the square that differs most from the corner of the picture; counts what it is asked."""

    name, device = "salient:", "CPU (test)"

    def __init__(self, fingerprint: str = "f1", score: float = 0.9) -> None:
        self.fingerprint, self.score, self.asked = fingerprint, score, 0

    def prepare(self, pixels: np.ndarray) -> np.ndarray:
        return pixels

    def detect(self, prepared: np.ndarray) -> list[Found]:
        self.asked += 1
        other = np.abs(prepared.astype(int) - prepared[0, 0].astype(int)).sum(2) > 90
        rows, columns = np.nonzero(other)
        if not len(rows):
            return []
        height, width = other.shape
        box = Box(
            columns.min() / width, rows.min() / height, (np.ptp(columns) + 1) / width, (np.ptp(rows) + 1) / height
        )
        return [Found(box, "square", self.score, self.name), Found(Box(0, 0, 0.3, 0.3), "corner", 0.2, self.name)]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = objects_bench(tmp_path, detector="salient:")
    for path in made.library.rglob("*.txt"):
        path.unlink()
    return made


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> LoudestSquare:
    made = LoudestSquare()
    monkeypatch.setattr(Project, "detector", property(lambda _: made))
    return made


def objects(bench: Bench) -> pl.DataFrame:
    return bench.project().store.require("posts", "objects").table("objects", OBJECTS_SCHEMA)


def test_what_a_model_finds_is_clustered_and_faint_boxes_are_rows_with_a_reason(
    bench: Bench, detector: LoudestSquare
) -> None:
    summary = bench.run()["posts"]
    assert (summary["images"], summary["objects"], summary["clusters"]) == (36, 36, 3)
    assert detector.asked == 36
    document = bench.document("posts")
    assert document["detector"] == "salient:"
    for cluster in document["clusters"]:
        assert len({int(image["identifier"][3:6]) % 3 for image in cluster["images"]}) == 1
    faint = objects(bench).filter(pl.col("label") == "corner")
    assert set(faint["status"]) == {"low_score"}
    assert [one.check for one in examine(bench.project()) if one.state != "ok"] == []


def test_a_second_run_asks_the_model_nothing_and_a_new_image_is_the_only_one_that_it_sees(
    bench: Bench, detector: LoudestSquare
) -> None:
    bench.run()
    assert bench.run()["posts"]["nothing_new"]
    assert detector.asked == 36
    add_scene(bench.library, "posts/de/de-900.png", ["red"], [box_of(900)], 900)
    assert bench.run()["posts"]["objects"] == 37
    assert detector.asked == 37


def test_another_score_that_boxes_must_have_asks_the_model_nothing(bench: Bench, detector: LoudestSquare) -> None:
    bench.run()
    bench.settings["objects"]["min_score"] = 0.1
    assert bench.run()["posts"]["objects"] == 72
    assert detector.asked == 36


def test_a_run_that_was_killed_while_it_looked_keeps_what_it_saw(
    bench: Bench, detector: LoudestSquare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detected, "SECONDS_PER_PART", -1.0)
    found = detector.detect

    def killed(prepared: np.ndarray) -> list[Found]:
        if detector.asked == 20:
            raise KeyboardInterrupt
        return found(prepared)

    monkeypatch.setattr(detector, "detect", killed)
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    monkeypatch.setattr(detector, "detect", found)
    assert bench.run()["posts"]["objects"] == 36
    assert detector.asked == 36


def test_what_a_lost_cache_held_is_found_again(bench: Bench, detector: LoudestSquare) -> None:
    bench.run()
    before = (bench.data / "published/posts/clusters.json").read_bytes()
    for path in (bench.data / "cache/detections").rglob("*.parquet"):
        path.write_bytes(b"noise")
    add_scene(bench.library, "posts/de/de-900.png", ["red"], [box_of(900)], 900)
    bench.run()
    (bench.library / "posts/de/de-900.png").unlink()
    bench.run()
    assert detector.asked == 36 + 37
    after = (bench.data / "published/posts/clusters.json").read_bytes()
    assert objects(bench).filter(pl.col("status") == "ok").height == 36
    assert before.count(b'"box"') == after.count(b'"box"')


def test_a_model_that_finds_nothing_anywhere_is_told_and_what_was_published_stays(
    bench: Bench, detector: LoudestSquare
) -> None:
    bench.run()
    before = (bench.data / "published/posts/clusters.json").read_bytes()
    detector.fingerprint, detector.score = "f2", 0.06
    bench.settings["objects"]["detector"] = "salient:efficientnet_lite1"
    with pytest.raises(AllImagesRejectedError, match="the detector looked at each"):
        bench.run()
    assert (bench.data / "published/posts/clusters.json").read_bytes() == before


def test_an_image_that_cannot_be_read_when_the_model_looks_is_told_and_looked_at_by_the_next_run(
    bench: Bench, detector: LoudestSquare, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, whole = list[str](), os.open

    def second_time_broken(path: str, *rest: int, **more: int) -> int:
        if str(path).endswith("de-005.png"):
            opened.append(path)
            if len(opened) > 1:  # it was read for `images`
                raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return whole(path, *rest, **more)

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.adapters.folder_entries.os.open", second_time_broken)
        summary = bench.run()["posts"]
    assert (summary["objects"], summary["set_aside"]) == (35, 1)
    assert bench.run()["posts"]["objects"] == 36
    assert detector.asked == 36


def test_an_unknown_detector_is_refused_with_those_that_there_are(bench: Bench) -> None:
    bench.settings["objects"]["detector"] = "yolo:posts.onnx"
    with pytest.raises(UnknownNameError, match=r"onnx:FILE"):
        bench.run()
