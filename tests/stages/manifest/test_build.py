"""Many objects become the images of a category: one variant each, every object counted, and what changed."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SettingsError
from pipeline.stages.manifest.bucket import ObjectInfo
from pipeline.stages.manifest.build import Manifest
from pipeline.stages.manifest.contract import MANIFEST_SCHEMA
from pipeline.stages.manifest.keys import category_of
from tests.stages.manifest.listing import NOON, build, obj


def changes(manifest: Manifest) -> dict[str, str]:
    return dict(manifest.frame.select("key", "change").iter_rows())


# --- slugs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "wanted", "chosen"),
    [
        (["400w", "800w", "1200w"], "800w", "800w"),
        (["400w", "1200w", "original"], "800w", "1200w"),
        (["400w", "original"], "800w", "original"),
        (["200w", "400w"], "800w", "400w"),
        (["400w", "1200w"], "original", "1200w"),
        (["90w", "400w", "1200w"], "100w", "400w"),
    ],
)
def test_the_wanted_width_is_read_else_the_nearest_larger_else_the_largest(
    there: list[str], wanted: str, chosen: str
) -> None:
    for order in (there, there[::-1]):
        manifest = build(*(f"bollards/de/de-001-{variant}.webp" for variant in order), variant=wanted)
        assert manifest.frame["variant"].to_list() == [chosen]
        assert manifest.other_variants == len(there) - 1


def test_pictures_whose_names_look_like_small_widths_are_pictures_of_their_own() -> None:
    keys = [f"lamps/bulbs/bulb-{watts}w.jpg" for watts in (5, 60, 100, 250)]
    for order in (keys, keys[::-1]):
        manifest = build(*order, category="lamps")
        assert manifest.frame["key"].to_list() == sorted(keys)
        assert (manifest.images, manifest.other_variants, manifest.objects) == (4, 0, 4)
        assert manifest.frame["image_id"].n_unique() == 4


def test_a_small_width_beside_one_without_doubt_is_a_width() -> None:
    for order in (["90w", "150w", "640w"], ["640w", "150w", "90w"], ["60w", "120w", "original"]):
        manifest = build(*(f"bollards/de/de-001-{variant}.webp" for variant in order))
        assert (manifest.images, manifest.other_variants) == (1, 2)


def test_small_widths_are_widths_where_settings_ask_for_one_or_a_pattern_says_so() -> None:
    keys = [f"bollards/de/de-001-{variant}.webp" for variant in ("100w", "200w")]
    assert build(*keys, variant="100w").frame["variant"].to_list() == ["100w"]
    told = {"bollards": r"(?P<group>\w+)/(?P<identifier>.+)-(?P<variant>\d+w)\..+"}
    assert build(*keys, patterns=told).frame["variant"].to_list() == ["200w"]


def test_a_single_small_width_keeps_the_id_that_it_had() -> None:
    one, large = build("bollards/de/de-001-200w.webp"), build("bollards/de/de-001-800w.webp")
    assert one.frame["image_id"].to_list() == large.frame["image_id"].to_list()


def test_of_two_objects_with_the_same_variant_the_lower_key_is_read() -> None:
    keys = ["bollards/de/de-001-800w.webp", "bollards/de/de-001-800w.jpg", "bollards/de/001-800w.webp"]
    for order in (keys, keys[::-1]):
        manifest = build(*order)
        assert manifest.frame["key"].to_list() == ["bollards/de/001-800w.webp"]
        assert (manifest.images, manifest.other_variants) == (1, 2)


def test_an_image_keeps_its_id_when_another_variant_is_read() -> None:
    keys = [f"bollards/de/de-001-{variant}.webp" for variant in ("400w", "1200w")]
    small, large = build(*keys, variant="400w"), build(*keys, variant="1200w")
    assert small.frame["image_id"].to_list() == large.frame["image_id"].to_list()
    assert small.frame["key"].to_list() != large.frame["key"].to_list()
    assert small.digest == large.digest


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


def test_the_first_manifest_calls_everything_added_and_the_second_everything_same() -> None:
    keys = ["bollards/de/de-002-800w.webp", "bollards/at/at-001-800w.webp"]
    first = build(*keys)
    second = build(*keys[::-1], known=first.frame)
    assert (first.added, second.same, second.added) == (2, 2, 0)
    assert first.frame["key"].is_sorted()
    assert first.frame.drop("change").equals(second.frame.drop("change"))
    assert first.digest == second.digest


def test_an_object_counts_as_changed_when_its_etag_or_size_or_key_differs() -> None:
    known = build(*(obj(f"bollards/de/de-00{i}-800w.webp") for i in range(1, 5))).frame
    now = build(
        obj("bollards/de/de-001-800w.webp"),
        obj("bollards/de/de-002-800w.webp", etag="other"),
        obj("bollards/de/de-003-800w.webp", size=11),
        obj("bollards/de/de-004-1200w.webp"),
        known=known,
    )
    assert now.frame["change"].to_list() == ["same", "changed", "changed", "changed"]


def test_a_removed_image_is_told_once_and_may_come_back() -> None:
    keys = ["bollards/de/de-001-800w.webp", "bollards/de/de-002-800w.webp"]
    first = build(*keys)
    second = build(keys[0], known=first.frame)
    third = build(keys[0], known=second.frame)
    fourth = build(*keys, known=second.frame)
    assert changes(second) == {keys[0]: "same", keys[1]: "removed"}
    assert (second.images, second.removed) == (1, 1)
    assert changes(third) == {keys[0]: "same"}
    assert changes(fourth) == {keys[0]: "same", keys[1]: "added"}


def test_a_category_that_was_emptied_is_an_empty_manifest_with_its_removals() -> None:
    manifest = build(known=build("bollards/a.png").frame)
    assert changes(manifest) == {"bollards/a.png": "removed"}
    assert (manifest.images, manifest.objects) == (0, 0)
    assert build().frame.schema == MANIFEST_SCHEMA


def test_rows_are_joined_by_id_so_that_one_removal_in_the_middle_shifts_nothing() -> None:
    objects = [obj(f"bollards/de/de-{i:03d}-800w.webp", etag=f"e{i}") for i in range(20)]
    known = build(*objects).frame
    now = build(*(objects[:7] + objects[8:]), known=known)
    assert (now.same, now.removed, now.changed, now.added) == (19, 1, 0, 0)
    assert all(etag == f"e{int(name)}" for etag, name in now.frame.select("etag", "identifier").iter_rows())


@given(st.dictionaries(st.integers(0, 30), st.integers(0, 2)), st.dictionaries(st.integers(0, 30), st.integers(0, 2)))
def test_the_diff_is_set_arithmetic(before: dict[int, int], after: dict[int, int]) -> None:
    def objects(state: dict[int, int]) -> list[ObjectInfo]:
        return [obj(f"bollards/de/de-{name}-800w.webp", etag=str(etag)) for name, etag in state.items()]

    now = build(*objects(after), known=build(*objects(before)).frame)
    both = before.keys() & after.keys()
    assert now.added == len(after.keys() - before.keys())
    assert now.removed == len(before.keys() - after.keys())
    assert now.same == sum(before[name] == after[name] for name in both)
    assert now.changed == sum(before[name] != after[name] for name in both)
    assert (build(*objects(before)).digest == now.digest) == (before == after)


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


def test_images_in_a_place_that_cannot_be_looked_at_are_as_they_were() -> None:
    before = build("bollards/a/1.png", "bollards/a/2.png", "bollards/b/3.png", "bollards/c.png").frame
    closed = [ObjectInfo(place, "", 0, NOON, "Permission denied") for place in ("bollards/a/", "bollards/c.png")]
    after = build(*closed, category="bollards", known=before)
    assert changes(after) == {
        "bollards/a/1.png": "same", "bollards/a/2.png": "same", "bollards/b/3.png": "removed", "bollards/c.png": "same",
    }  # fmt: skip
    assert (after.images, after.kept, after.objects, after.removed) == (3, 3, 0, 1)
    assert after.content == build().content
    opened = build("bollards/a/1.png", "bollards/c.png", known=after.frame)
    assert (opened.same, opened.removed) == (2, 1)


@pytest.mark.parametrize("key", ["a//x.png", "a/./x.png", "a/../x.png", "a/x.png/", "a/\x01x.png", "a/" + "x" * 1022])
def test_a_key_that_nobody_can_ask_for_is_an_image_with_an_id_of_its_own(key: str) -> None:
    manifest = build("a/x.png", key, category="a")
    assert (manifest.images, manifest.frame["image_id"].n_unique()) == (2, 2)
