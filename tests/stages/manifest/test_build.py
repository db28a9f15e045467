"""Many objects become the images of a category, and every object is counted."""

import polars as pl
import pytest

from pipeline.errors import SettingsError
from pipeline.stages.manifest.contract import MANIFEST_SCHEMA
from pipeline.stages.manifest.keys import category_of
from tests.stages.manifest.listing import build, obj


def test_every_object_is_counted_exactly_once() -> None:
    keys = ["bollards/de/de-001-800w.webp", "bollards/de/de-001-400w.webp", "bollards/.x/a.webp", "bollards/readme.txt"]
    keys += ["bollards/owl.png"]
    manifest = build(
        *keys,
        obj("bollards/de/", size=0),
        "elsewhere/a.png",
        patterns={"bollards": r"(?P<group>\w+)/(?P<identifier>.+)-(?P<variant>\w+)\..+"},
    )
    counted = (manifest.images, manifest.other_variants, manifest.hidden, manifest.other, manifest.unmatched)
    assert counted == (1, 1, 2, 1, 1)
    assert manifest.objects == sum(counted) == 6
    assert manifest.frame.schema == MANIFEST_SCHEMA
    assert manifest.content.count == 3


def test_a_source_that_is_one_category_takes_the_first_folder_as_the_group() -> None:
    manifest = build("de/a.png", "b.png", "at/x/c.png", category="all", categories="single")
    assert manifest.frame.select("group", "identifier").rows() == [("at", "x/c.png"), (None, "b.png"), ("de", "a.png")]


def test_images_in_no_folder_are_the_category_root() -> None:
    manifest = build("b.png", "bollards/a.png", "manifest.json", category="root")
    assert manifest.frame.select("group", "identifier").rows() == [(None, "b.png")]
    assert (manifest.objects, manifest.other) == (2, 1)


def test_a_pattern_is_matched_on_the_whole_of_what_follows_the_category() -> None:
    pattern = r"(?P<group>[a-z]{2})/(?P<identifier>\d+)(_(?P<variant>\d+w))?\.jpg"
    manifest = build(
        "bollards/de/12_800w.jpg", "bollards/de/12.jpg", "bollards/de/13.jpg", "bollards/x/de/14.jpg",
        patterns={"bollards": pattern},
    )  # fmt: skip
    assert manifest.frame.select("identifier", "variant").rows() == [("12", "800w"), ("13", None)]
    assert (manifest.unmatched, manifest.other_variants) == (1, 1)


def test_a_pattern_that_matches_nothing_is_an_error_that_shows_five_keys() -> None:
    keys = [f"bollards/de/{i}.png" for i in range(9)]
    with pytest.raises(SettingsError) as told:
        build(*keys, patterns={"bollards": r"(?P<identifier>\d+)\.webp"})
    assert str(told.value).count(".png") == 5
    assert build(patterns={"bollards": r"(?P<identifier>\d+)\.webp"}).images == 0


def test_skipped_objects_are_counted_by_the_name_that_skips_them() -> None:
    manifest = build("bollards/1.png", "bollards/@eaDir/1.png/x.jpg", "bollards/@eaDir/2.png", "bollards/.x/3.png")
    assert (manifest.images, manifest.hidden, manifest.skipped) == (1, 3, {"@eaDir": 2, ".x": 1})
    assert build("bollards/@eaDir/1.png", skip_names=[]).images == 1


def test_no_folder_is_taken_for_the_category_of_loose_images_or_of_everything() -> None:
    keys = ("root/1.png", "root/root/2.png", "all/3.png", "_/4.png", "5.png")
    every = {category_of(key, "all") for key in keys}
    assert every == {"root/", "all", "_", "root"}
    found = {name: build(*keys, category=name).frame.select("key", "image_id") for name in sorted(filter(None, every))}
    assert {name: frame["key"].to_list() for name, frame in found.items()} == {
        "root/": ["root/1.png", "root/root/2.png"], "all": ["all/3.png"], "_": ["_/4.png"], "root": ["5.png"],
    }  # fmt: skip
    assert pl.concat(found.values())["image_id"].n_unique() == 5
    listed = build(*keys, category="root", categories=["root"])
    assert listed.frame["key"].to_list() == ["root/1.png", "root/root/2.png"]
    pattern = r"(?P<identifier>\d)\.png"
    assert build("root/1.png", category="root/", patterns={"root": pattern}).frame["identifier"].to_list() == ["1"]


@pytest.mark.parametrize("key", ["a//x.png", "a/./x.png", "a/../x.png", "a/x.png/", "a/\x01x.png", "a/" + "x" * 1022])
def test_a_key_that_nobody_can_ask_for_is_an_image_with_an_id_of_its_own(key: str) -> None:
    manifest = build("a/x.png", key, category="a")
    assert (manifest.images, manifest.frame["image_id"].n_unique()) == (2, 2)
