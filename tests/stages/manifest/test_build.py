"""Keys, variants, slugs and the diff: what a category holds and what changed."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import BucketError, SettingsError
from pipeline.settings import SourceSettings
from pipeline.stages.manifest.bucket_manifest import UNKNOWN_SIZE, entry_digests, parse_bucket_manifest
from pipeline.stages.manifest.build import (
    MANIFEST_SCHEMA,
    Manifest,
    ObjectInfo,
    build_manifest,
    build_manifest_from_entries,
)
from pipeline.stages.manifest.keys import category_of, image_id, is_hidden, parse_key, slug_map, slugify, sort_of

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def obj(key: str, etag: str = "e", size: int = 10) -> ObjectInfo:
    return ObjectInfo(key, etag, size, NOON)


def build(
    *keys: str | ObjectInfo, category: str = "bollards", known: pl.DataFrame | None = None, **settings: Any
) -> Manifest:
    objects = [obj(key) if isinstance(key, str) else key for key in keys]
    return build_manifest(objects, category=category, settings=SourceSettings(**settings), known=known)


def changes(manifest: Manifest) -> dict[str, str]:
    return dict(manifest.frame.select("key", "change").iter_rows())


# --- one key ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rest", "group", "identifier", "variant"),
    [
        ("de/de-001-800w.webp", "de", "001", "800w"),
        ("de/de-001-original.jpg", "de", "001", "original"),
        ("de/de-800w.webp", "de", "de", "800w"),
        ("us/0a1b2c3d-1200w.webp", "us", "0a1b2c3d", "1200w"),
        ("us/us-west-07-400w.webp", "us", "west-07", "400w"),
        ("birds/owl.png", "birds", "owl.png", None),
        ("birds/night/owl.png", "birds", "night/owl.png", None),
        ("owl.png", None, "owl.png", None),
        ("birds/no-extension", "birds", "no-extension", None),
        ("ü/é 1-800w.webp", "ü", "é 1", "800w"),
    ],
)
def test_the_built_in_layouts_give_group_identifier_and_variant(
    rest: str, group: str | None, identifier: str, variant: str | None
) -> None:
    parsed = parse_key(rest, "any")
    assert parsed is not None
    assert (parsed.group, parsed.identifier, parsed.variant) == (group, identifier, variant)


@pytest.mark.parametrize(
    ("key", "size", "sort"),
    [
        ("a/b.webp", 1, "image"),
        ("a/b.WEBP", 1, "image"),
        ("a/b", 1, "image"),
        ("a/b.heic", 1, "image"),
        ("a/b.webp", 0, "image"),
        ("a/b", 0, "hidden"),
        ("a/b/", 0, "hidden"),
        ("a/.b.webp", 1, "hidden"),
        ("._b.webp", 1, "hidden"),
        ("_a/_DSC0001.webp", 1, "image"),  # cameras begin names with _
        ("a/@eaDir/b.webp", 1, "hidden"),
        ("#Recycle/b.webp", 1, "hidden"),
        ("lost+found/b.webp", 1, "hidden"),
        ("a/b.lrdata/c", 1, "hidden"),
        ("a/eaDir/b.webp", 1, "image"),
        ("__MACOSX/b.webp", 1, "hidden"),
        ("a/Thumbs.db", 1, "hidden"),
        ("a/desktop.ini", 1, "hidden"),
        ("a/b.txt", 1, "other"),
        ("a/b.JSON", 1, "other"),
        ("a/b.tar.gz", 1, "other"),
    ],
)
def test_housekeeping_and_documents_are_no_images_but_an_unknown_extension_may_be_one(
    key: str, size: int, sort: str
) -> None:
    assert sort_of(key, size) == sort


def test_a_key_belongs_to_its_first_folder_or_to_root_or_to_the_longest_listed_folder() -> None:
    assert category_of("a/b.png", "all") == "a"
    assert category_of("b.png", "all") == "root"
    assert category_of(".git/b.png", "all") is None
    assert category_of("a/b.png", "single") == "all"
    assert category_of("a/b/c.png", ["a", "a/b"]) == "a/b"
    assert category_of("c/b.png", ["a"]) is None
    assert category_of("ab/b.png", ["a"]) is None


def test_an_image_id_is_sixteen_hexadecimal_digits_and_fields_do_not_run_together() -> None:
    assert re.fullmatch("[0-9a-f]{16}", image_id("a", None, "b"))
    assert image_id("a", "b", "c") == image_id("a", "b", "c")
    assert (
        len({image_id("a", "b", "c"), image_id("ab", None, "c"), image_id("a", None, "bc"), image_id("", "ab", "c")})
        == 4
    )


# --- slugs ------------------------------------------------------------------------------------------------------------


@given(st.text(max_size=200))
def test_any_folder_name_becomes_a_partition_key(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9_-]{1,60}", slugify(name))


@given(st.lists(st.text(min_size=1, max_size=20), max_size=30, unique=True), st.data())
def test_every_category_has_one_slug_that_never_changes(names: list[str], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(names)))
    first = slug_map(names[:cut], {})
    both = slug_map(names, first)
    assert sorted(both.values()) == sorted(names)
    assert first.items() <= both.items()
    assert slug_map(reversed(names), both) == both
    assert all(re.fullmatch(r"[a-z0-9_-]{1,60}", slug) for slug in both)


def test_slugs_are_readable_and_collisions_get_a_suffix() -> None:
    assert slugify("Follow Cars!") == "follow-cars"
    assert slugify("Häuser") == "hauser"
    assert slugify("..") != ".."
    slugs = slug_map(["a b", "a-b"], {})
    assert slugs["a-b"] == "a b"
    assert len(slugs) == 2


# --- variants ---------------------------------------------------------------------------------------------------------


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


# --- the manifest -----------------------------------------------------------------------------------------------------


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


# --- patterns ---------------------------------------------------------------------------------------------------------


def test_a_pattern_is_matched_on_the_whole_of_what_follows_the_category() -> None:
    pattern = r"(?P<group>[a-z]{2})/(?P<identifier>\d+)(_(?P<variant>\d+w))?\.jpg"
    manifest = build(
        "bollards/de/12_800w.jpg", "bollards/de/12.jpg", "bollards/de/13.jpg", "bollards/x/de/14.jpg",
        patterns={"bollards": pattern},
    )  # fmt: skip
    assert manifest.frame.select("identifier", "variant").rows() == [("12", "800w"), ("13", None)]
    assert (manifest.unmatched, manifest.other_variants) == (1, 1)


@pytest.mark.parametrize("pattern", ["(", r"(?P<group>.+)/.+", "(?P<identifier>"])
def test_a_pattern_that_cannot_work_is_refused_by_name(pattern: str) -> None:
    with pytest.raises(SettingsError, match=r"source\.patterns\.bollards") as told:
        build("bollards/a.png", patterns={"bollards": pattern})
    assert pattern in str(told.value)


def test_a_pattern_that_matches_nothing_is_an_error_that_shows_five_keys() -> None:
    keys = [f"bollards/de/{i}.png" for i in range(9)]
    with pytest.raises(SettingsError) as told:
        build(*keys, patterns={"bollards": r"(?P<identifier>\d+)\.webp"})
    assert str(told.value).count(".png") == 5
    assert build(patterns={"bollards": r"(?P<identifier>\d+)\.webp"}).images == 0


# --- the bucket's own manifest.json -----------------------------------------------------------------------------------


def entry(number: int, **more: Any) -> dict[str, Any]:
    key = f"bollards/de/de-{number:03d}"
    return {
        "id": f"de-{number:03d}", "category": "bollards", "source": "street", "country": "Germany", "countryCode": "DE",
        "sourceUrl": f"https://example.org/{number}", "contentHash": f"hash{number}",
        "variants": {f"{width}w": f"{key}-{width}w.webp" for width in (400, 800, 1200)},
        "scrapedAt": "2026-04-01T10:00:00Z",
    } | more  # fmt: skip


def document(*entries: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"version": 3, "lastUpdated": "2026-05-01T00:00:00Z", "entries": list(entries)} | more).encode()


def from_entries(
    data: bytes, known: pl.DataFrame | None = None, category: str = "bollards", **settings: Any
) -> Manifest:
    parsed = parse_bucket_manifest(data)
    return build_manifest_from_entries(parsed, category=category, settings=SourceSettings(**settings), known=known)


def test_entries_become_the_same_manifest_as_a_listing_with_the_same_ids() -> None:
    listed = build(*(f"bollards/de/de-001-{width}w.webp" for width in (400, 800, 1200)))
    told = from_entries(document(entry(1), entry(2, category="cars")))
    row = told.frame.row(0, named=True)
    assert told.frame.schema == MANIFEST_SCHEMA
    assert row["image_id"] == listed.frame["image_id"][0]
    assert (row["key"], row["variant"], row["group"]) == ("bollards/de/de-001-800w.webp", "800w", "de")
    assert (row["etag"], row["size"], row["source_url"]) == ("hash1", UNKNOWN_SIZE, "https://example.org/1")
    assert row["last_modified"] == datetime(2026, 4, 1, 10, tzinfo=UTC)
    assert (told.images, told.other_variants, told.objects) == (1, 2, 3)


def test_variants_as_objects_with_their_own_etag_and_size_are_used() -> None:
    variants = {"800w": {"key": "a/b.webp", "etag": '"abc"', "size": 5, "note": "extra"}, "400w": None}
    row = from_entries(document(entry(1, variants=variants, more="extra"))).frame.row(0, named=True)
    assert (row["key"], row["etag"], row["size"]) == ("a/b.webp", "abc", 5)


def test_entries_that_change_are_told_and_those_without_a_variant_are_counted() -> None:
    first = from_entries(document(entry(1), entry(2), entry(3)))
    changed = document(entry(1), entry(2, contentHash="new"), entry(4, variants={}))
    second = from_entries(changed, known=first.frame)
    assert (second.same, second.changed, second.removed, second.unmatched) == (1, 1, 1, 1)


def test_what_the_sensor_sees_of_entries_is_what_the_manifest_stores() -> None:
    data = document(entry(1), entry(2), entry(3, category="cars"))
    seen = entry_digests(parse_bucket_manifest(data), "all")
    assert set(seen) == {"bollards", "cars"}
    assert seen["bollards"] == from_entries(data).content
    single = entry_digests(parse_bucket_manifest(data), "single")
    assert single["all"] == from_entries(data, category="all", categories="single").content
    assert set(entry_digests(parse_bucket_manifest(data), ["cars"])) == {"cars"}


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"", "document"),
        (b"{", "document"),
        (b"[]", "document"),
        (b"<html>not found</html>", "document"),
        (b'{"version": 1}', "entries"),
        (document(entry(1), entry(2, id=None)), "entries.1.id"),
        (document(entry(1, variants={"800w": "../../etc/passwd"})), "entries.0.variants.800w"),
        (document(entry(1, variants={"800w": "/etc/passwd"})), "entries.0.variants.800w"),
        (document(entry(1, variants={"800w": "https://example.org/a.webp"})), "entries.0.variants.800w"),
    ],
)
def test_a_broken_manifest_is_an_error_that_names_the_place_and_never_an_empty_bucket(data: bytes, named: str) -> None:
    with pytest.raises(BucketError, match=re.escape(named)) as told:
        parse_bucket_manifest(data)
    assert "source.manifest" in str(told.value)
    assert "\n" not in str(told.value)


def test_hidden_is_told_by_any_part_of_the_key() -> None:
    assert is_hidden("a/.b/c.png")
    assert not is_hidden("a./b-./c.png")
    assert is_hidden("a/private x/c.png", ["private*"])
    assert not is_hidden("a/.b/c.png", [])


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


def test_a_key_that_lies_in_no_folder_that_has_a_name_is_of_no_category() -> None:
    for key in ("/x.png", "./x.png", "../x.png", "//x.png"):
        assert category_of(key, "all") is None
        assert category_of(key, "single") == "all"
