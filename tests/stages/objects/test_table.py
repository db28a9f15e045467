"""The tables of objects: nothing is lost between images and the rows that later links work on."""

from typing import Any

import polars as pl

from pipeline.settings import ObjectParams
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.objects.boxes import Box, Found
from pipeline.stages.objects.table import Objects, count, examples, known_of, renamed_crops

BOX, OTHER = Box(0.1, 0.1, 0.4, 0.4), Box(0.6, 0.6, 0.3, 0.3)


def image(name: str, **fields: Any) -> dict[str, Any]:
    empty = dict.fromkeys(IMAGES_SCHEMA)
    return {**empty, "image_id": name, "key": f"{name}.jpg", "status": "ok", "content_hash": f"{name:0>32}",
            "width": 100, "height": 200, "size": 9, **fields}  # fmt: skip


def made(*boxes: Box, known: pl.DataFrame | None = None) -> dict[str, pl.DataFrame]:
    objects = Objects(ObjectParams(), known_of(known) if known is not None else {})
    objects.add(image("1"), [Found(box) for box in boxes])
    return {name: frame for name, (frame, _) in objects.tables().items()}


def test_an_object_is_a_row_with_the_place_of_its_image_and_the_size_of_its_box() -> None:
    tables = made(BOX, OTHER)
    units = tables["images"]
    assert units.height == 2
    assert set(units["key"]) == {"1.jpg"}
    assert sorted(units.select("width", "height").iter_rows()) == [(30, 60), (40, 80)]
    assert set(units["image_id"]) == set(tables["objects"]["object_id"])
    assert set(units["content_hash"]) == set(tables["known"]["content_hash"])


def test_images_without_an_object_and_unusable_ones_are_set_aside() -> None:
    objects = Objects(ObjectParams())
    objects.add(image("1"), [])
    objects.add(image("2"), [Found(Box(0, 0, 0.01, 0.01)), Found(Box(0, 0, 0.02, 0.02))])
    objects.add(image("3", status="broken", reason="cut off", width=None), [Found(BOX)])
    objects.add_bad_file("a.json", "cannot be read")
    tables = objects.tables()
    units = tables["images"][0].sort("key")
    assert units["status"].to_list() == ["no_object", "no_object", "broken"]
    assert units["reason"][0] == "no object found"
    assert units["reason"][1].startswith("no object found: 2 boxes were refused, the first because 1 x 2 pixels")
    assert units["reason"][2] == "cut off"
    assert count(tables) == {"images": 2, "without": 2, "objects": 0, "refused": 2, "files": 1}
    assert [row["status"] for row in examples(tables["objects"][0])] == ["too_small", "too_small", "bad_file"]


def test_what_was_known_stays_known_and_says_whether_it_is_here() -> None:
    first = made(BOX, OTHER)["known"]
    assert first["here"].to_list() == [True, True]
    assert not renamed_crops(first).height
    second = made(Box(0.1, 0.1, 0.4, 0.3), known=first)["known"]
    assert sorted(second["content_hash"]) == sorted(first["content_hash"])
    assert sorted(second["here"]) == [False, True]
    (named,) = renamed_crops(second).iter_rows()
    assert named == tuple(second.filter(pl.col("here")).select("content_hash", "crop").row(0))
    third = made(BOX, OTHER, known=second)["known"]
    assert sorted(third["here"]) == [True, True]
    assert not renamed_crops(third).height


def test_nothing_gives_empty_tables() -> None:
    assert [frame.height for frame, _ in Objects(ObjectParams()).tables().values()] == [0, 0, 0]
