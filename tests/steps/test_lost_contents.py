"""Without the record of which bytes show which image, an image that is edited and renamed would count as new."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from pipeline.curation import decisions as d
from pipeline.steps.doctor.checkup import examine
from tests.steps.test_run import Bench, add


def parts(bench: Bench) -> list[Path]:
    return sorted(bench.data.glob("contents/posts/*.parquet"))


HARM: dict[str, Callable[[Bench], object]] = {
    "gone": lambda b: parts(b)[0].unlink(),
    "all gone": lambda b: shutil.rmtree(b.data / "contents"),
    "cut": lambda b: parts(b)[0].write_bytes(parts(b)[0].read_bytes()[:-40]),
    "empty": lambda b: parts(b)[0].write_bytes(b""),
    "another one": lambda b: shutil.copyfile(parts(b)[1], parts(b)[0]),
}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """24 images, of which the last 12 came later; one is tagged."""
    made = Bench(tmp_path / "library", tmp_path / "data")
    for start in (0, 12):
        for seed in range(start, start + 12):
            add(made.library, f"posts/de/{seed:03d}-800w.png", ("red", "blue")[seed % 2], seed)
        made.run()
    assert len(parts(made)) == 2
    return made


def edit_and_rename(bench: Bench) -> None:
    """Another keyword and another name for every file, as a photo manager does."""
    for path in sorted(bench.library.glob("posts/de/*.png")):
        text = PngImagePlugin.PngInfo()
        text.add_text("Keywords", "holiday")
        Image.open(path).save(path.with_name(f"x-{path.name}"), pnginfo=text)
        path.unlink()


@pytest.mark.parametrize("harm", HARM)
def test_the_next_run_reads_the_images_again_and_knows_them_when_they_are_edited(bench: Bench, harm: str) -> None:
    image = bench.project().store.require("posts", "images").folder
    tagged = min(tables(image))
    bench.project().curation.decide("posts", d.Tag(images=(tagged,), tag="mine"), actor="ann")
    ids = {one["id"] for one in bench.document("posts")["clusters"]}
    HARM[harm](bench)
    assert {one.check for one in examine(bench.project()) if one.state == "fault"} == {"contents"}
    before = bench.encoder.encoded
    bench.run()
    assert any("was damaged or gone" in notice for notice in bench.notices)
    assert bench.encoder.encoded == before, "nothing is embedded for that"
    assert [one for one in examine(bench.project()) if one.state == "fault"] == []
    edit_and_rename(bench)
    assert bench.run()["posts"]["embedded"] == 0
    assert {one["id"] for one in bench.document("posts")["clusters"]} == ids
    assert bench.project().curation.curated("posts").tags[tagged] == ("mine",)
    assert tables(bench.project().store.require("posts", "images").folder) >= {tagged}


def tables(folder: Path) -> set[str]:
    import polars as pl

    return set(pl.read_parquet(folder / "images.parquet")["content_hash"])


def test_doctor_takes_out_what_is_damaged_and_the_next_run_makes_it_again(bench: Bench) -> None:
    HARM["cut"](bench)
    states = {one.state for one in examine(bench.project(), repair=True) if one.check == "contents"}
    assert states == {"repaired"}
    bench.run()
    assert [one for one in examine(bench.project()) if one.state == "fault"] == []
