"""What one key says: image or housekeeping, category, group, identifier, variant; and the slugs of categories."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SettingsError
from pipeline.stages.manifest.keys import category_of, image_id, is_hidden, parse_key, slug_map, slugify, sort_of
from tests.stages.manifest.listing import build


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
        ("a/b.jpg_original", 1, "other"),  # exiftool's copy from before an edit
        ("a/b.JPG~", 1, "other"),
        ("a/b.jpg.bak", 1, "other"),
        ("a/b.jpg.1a2b3c4d.partial", 1, "other"),  # rclone
        ("a/b.webp.crdownload", 1, "other"),
        ("a/b.old", 1, "image"),
        ("a/b_original", 1, "image"),
        ("a/b_original.jpg", 1, "image"),
        ("a/b.jpg.old/c.jpg", 1, "image"),
        ("a/b.old.jpg", 1, "image"),
        ("a/b.THM", 1, "other"),
        ("a/b.m4v", 1, "other"),
        ("a/b.jpg.pp3", 1, "other"),
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
    slugs = slug_map(["a b", "a.b"], {})
    assert slugs["a-b"] == "a b"
    assert len(slugs) == 2


def test_a_slug_goes_to_the_category_that_is_called_so() -> None:
    assert slug_map(["Posts", "POSTS", "posts"], {})["posts"] == "posts"
    assert slug_map(["posts"], {"posts": "Posts"})["posts"] == "Posts"  # slugs never change


@pytest.mark.parametrize("pattern", ["(", r"(?P<group>.+)/.+", "(?P<identifier>"])
def test_a_pattern_that_cannot_work_is_refused_by_name(pattern: str) -> None:
    with pytest.raises(SettingsError, match=r"source\.patterns\.bollards") as told:
        build("bollards/a.png", patterns={"bollards": pattern})
    assert pattern in str(told.value)


def test_hidden_is_told_by_any_part_of_the_key() -> None:
    assert is_hidden("a/.b/c.png")
    assert not is_hidden("a./b-./c.png")
    assert is_hidden("a/private x/c.png", ["private*"])
    assert not is_hidden("a/.b/c.png", [])


def test_a_key_that_lies_in_no_folder_that_has_a_name_is_of_no_category() -> None:
    for key in ("/x.png", "./x.png", "../x.png", "//x.png"):
        assert category_of(key, "all") is None
        assert category_of(key, "single") == "all"
