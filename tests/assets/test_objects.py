"""Objects through Dagster: what their asset shows, and that its checks fail when they should."""

import json

import numpy as np
import polars as pl
import pytest

from tests.assets.bench import Bench, materializations, spoil, table
from tests.steps.objects_library import box_of, yolo


@pytest.fixture
def done(bench: Bench) -> Bench:
    """The category with a box beside each picture, run with objects as the unit."""
    for number, key in enumerate(bench.keys("bollards")):
        bench.put(key.replace(".png", ".txt"), yolo([box_of(number)]).encode())
    bench.put("bollards/de/de-000-800w.txt", b"")
    bench.write_settings(objects={"unit": "object", "min_side": 4})
    return bench


def test_the_asset_shows_boxes_on_images_and_every_check_passes(done: Bench) -> None:
    result = done.run("bollards")
    made = materializations(result)
    assert (made["objects"]["objects"], made["objects"]["without"]) == (23, 1)
    assert made["objects"]["contact_sheet"].startswith("![23 images](data:image/webp;base64,")
    assert made["embeddings"]["embedded"] == 23
    assert made["published"]["objects_found"] == 23
    assert [check.check_name for check in result.get_asset_check_evaluations() if not check.passed] == []
    document = json.loads((done.data / "published/bollards/clusters.json").read_bytes())
    assert document["summary"]["images"] == 24


def test_whole_images_have_an_asset_that_says_so(bench: Bench) -> None:
    made = materializations(bench.run("bollards"))
    assert made["objects"]["state"] == "unchanged: whole images are the unit (objects.unit)"


def test_a_box_outside_and_a_lost_image_are_seen(done: Bench) -> None:
    assert done.run("bollards").success
    usable = pl.col("status") == "ok"
    spoil(table(done, "objects", "objects"), lambda frame: frame.with_columns(x=pl.when(usable).then(pl.lit(0.99))))
    spoil(table(done, "objects", "images"), lambda frame: frame.filter(usable))
    found = done.checks("objects", "bollards")
    assert found["every_box_lies_in_its_image"].metadata["outside"].value == 23
    assert found["every_image_has_an_object_or_a_reason"].metadata["lost"].value == 1
    assert not found["every_box_lies_in_its_image"].passed
    assert not found["every_image_has_an_object_or_a_reason"].passed


def test_most_images_without_an_object_are_a_warning_with_the_share(done: Bench) -> None:
    for key in done.keys("bollards")[:20]:
        done.put(key.replace(".png", ".txt"), b"")
    assert done.run("bollards").success
    found = done.checks("objects", "bollards")["most_images_have_an_object"]
    assert not found.passed
    assert found.metadata["share"].value == pytest.approx(np.round(20 / 24, 4))
