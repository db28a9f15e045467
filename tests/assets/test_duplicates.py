"""What the Dagster UI shows of duplicates: how many, the bytes that could be saved, and a picture of them."""

import io

import polars as pl
from PIL import Image

from tests.assets.bench import Bench, materializations, spoil, table
from tests.steps.test_duplicates import jpeg, scene


def test_copies_are_counted_and_shown_and_the_check_sees_a_group_that_keeps_none(bench: Bench) -> None:
    for quality in (95, 60):
        bench.put(f"bollards/de/scene{quality}-800w.jpg", jpeg(scene(0), quality))
    bench.put("bollards/de/again-800w.jpg", jpeg(scene(0), 95))
    result = bench.run("bollards")
    made = materializations(result)["duplicates"]
    assert made["near_groups"] >= 1
    assert made["exact_groups"] == 1
    assert made["bytes_saved"] >= len(jpeg(scene(0), 60)) + len(jpeg(scene(0), 95))
    assert made["contact_sheet"].startswith(f"![{min(made['near_groups'], 8)} groups of near copies")
    assert made["effective"]["max_hamming"] == 10
    assert "collapse" not in made["effective"]
    assert bench.checks("duplicates", "bollards")["every_group_keeps_one"].passed
    spoil(table(bench, "duplicates", "duplicates"), lambda frame: frame.with_columns(pl.lit(False).alias("kept")))
    assert not bench.checks("duplicates", "bollards")["every_group_keeps_one"].passed


def test_a_contact_sheet_leaves_empty_places_empty() -> None:
    from assets.contact_sheet import grid

    file = io.BytesIO()
    Image.new("RGB", (50, 50), "red").save(file, "PNG")
    sheet = grid([file.getvalue(), None])
    assert sheet.size == (200, 100)
    assert sheet.getpixel((150, 50)) == (255, 255, 255)
