"""Which images are called duplicates, on which level, which one stays, and that groups never become chains."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.settings import DuplicateParams
from pipeline.stages.duplicates.contract import DUPLICATES_SCHEMA, SIGNATURES_SCHEMA
from pipeline.stages.duplicates.groups import DuplicateGroups, by_quality, counts_as, find_duplicates, of_copies_only

PARAMS = DuplicateParams(max_hamming=10, max_distance=0.15, similar_distance=0.05)
GREY = bytes([128]) * 768


def image(
    name: str, phash: int | None = 0, angle: float = 0.0, *, width: int = 100, size: int = 1000, content: str = "",
    contrast: float = 50.0, sharpness: float = 1.0, tiny: bytes = GREY,
) -> dict[str, Any]:  # fmt: skip
    """An image whose embedding points `angle` degrees away from that of the others."""
    return {"image_id": name, "key": f"{name}.jpg", "content_hash": content or f"{name}-content", "size": size,
            "width": width, "height": 100, "phash": phash, "contrast": contrast, "sharpness": sharpness,
            "tiny": tiny, "angle": angle}  # fmt: skip


def bits(count: int, start: int = 0) -> int:
    return sum(1 << (start + number) for number in range(count))


def find(
    images: list[dict[str, Any]], apart: Iterable[tuple[str, str]] = (), params: DuplicateParams = PARAMS
) -> DuplicateGroups:
    frame = pl.DataFrame(images, schema_overrides={"phash": pl.UInt64, "contrast": pl.Float32, "sharpness": pl.Float32})
    signatures = frame.unique("content_hash").select(list(SIGNATURES_SCHEMA))
    rows = frame.select("image_id", "key", "content_hash", "size", "width", "height")
    contents = by_quality(rows, signatures)
    angles = dict(frame.select("content_hash", "angle").iter_rows())
    turned = np.radians([angles[name] for name in contents["content_hash"].to_list()])
    vectors = np.stack([np.cos(turned), np.sin(turned), np.zeros(len(turned))], axis=1).astype(np.float16)
    return find_duplicates(rows, contents, vectors, params, apart)


def groups(found: DuplicateGroups, level: str) -> set[frozenset[str]]:
    table = found.table.filter(pl.col("level") == level)
    return {frozenset(part["image_id"].to_list()) for _, part in table.group_by("group_id")}


def kept(found: DuplicateGroups, level: str) -> set[str]:
    return set(found.table.filter((pl.col("level") == level) & pl.col("kept"))["image_id"].to_list())


def test_a_group_of_copies_of_one_picture_is_counted_and_one_with_another_picture_is_not() -> None:
    burst = [image(name, phash, 0.0) for name, phash in (("a", 0), ("b", 1), ("c", 3))]
    other = [image(name, phash, 90.0) for name, phash in (("d", bits(32)), ("e", bits(31)))]
    table = find([*burst, *other, image("f", bits(32, 32), 45.0)]).table
    contents = [f"{name}-content" for name in "abcdef"]

    def counted(*raw: int | None) -> int:
        grouped = pl.DataFrame({"content_hash": contents, "raw_group": raw}, schema_overrides={"raw_group": pl.Int32})
        return of_copies_only(table, grouped)

    assert counted(0, 0, 0, 1, 1, None) == 2
    assert counted(0, 0, 0, 1, 1, 1) == 1  # one that is no copy
    assert counted(0, 0, 0, 0, 0, 1) == 0  # two pictures together
    assert counted(0, 0, 1, None, None, None) == 2  # also where a picture's copies are divided
    assert of_copies_only(table.clear(), pl.DataFrame({"content_hash": contents, "raw_group": [0] * 6})) == 0


@pytest.mark.parametrize(("width", "other", "together"), [(95, 95, False), (95, 96, True), (96, 96, True)])
def test_two_tiny_pictures_must_agree_better_since_what_differs_is_few_pixels_wide(
    width: int, other: int, together: bool
) -> None:
    numeral = bytearray(GREY)
    numeral[3 * (16 * 8 + 5)] += 39  # of 40 that may differ; nine tenths of it are 36
    found = find([image("a", width=width), image("b", width=other, tiny=bytes(numeral))])
    assert (groups(found, "near") == {frozenset("ab")}) is together


def test_the_same_bytes_are_exact_and_nothing_else() -> None:
    found = find([image("a", content="same"), image("b", content="same"), image("c", bits(32), 90)])
    assert groups(found, "exact") == {frozenset("ab")}
    assert groups(found, "near") == groups(found, "similar") == set()
    assert kept(found, "exact") == {"a"}
    assert found.facts["bytes_saved"] == 1000


def test_near_needs_hash_and_embedding_to_agree() -> None:
    both = find([image("a"), image("b", bits(6), 20)])
    assert groups(both, "near") == {frozenset("ab")}
    hash_only = find([image("a"), image("b", bits(6), 60)])
    assert hash_only.table.is_empty()
    embedding_only = find([image("a"), image("b", bits(30), 5)])
    assert groups(embedding_only, "near") == set()
    assert groups(embedding_only, "similar") == {frozenset("ab")}


def test_a_picture_that_differs_in_one_place_is_no_near_duplicate() -> None:
    drawing = np.tile(np.linspace(40, 210, 16)[:, None, None], (1, 16, 3)).astype(np.uint8)
    variant = drawing.copy()
    variant[4:8, 4:8] = (200, 60, 60)
    assert groups(find([image("a", tiny=drawing.tobytes()), image("b", tiny=drawing.tobytes())]), "near")
    assert not groups(find([image("a", tiny=drawing.tobytes()), image("b", tiny=variant.tobytes())]), "near")


def test_nothing_that_is_only_similar_is_proposed_to_go() -> None:
    found = find([image("a"), image("b", bits(30), 5), image("c", bits(30, 30), 8)])
    assert kept(found, "similar") == {"a", "b", "c"}
    assert found.facts["proposed_to_go"] == found.facts["bytes_saved"] == 0
    assert all("no duplicate" in reason for reason in found.table["reason"])


def test_a_chain_does_not_become_one_group() -> None:
    # each has 8 bits of its neighbour's, 16 of the one after it; a is the best
    chain = [image("a", bits(0), width=200), image("b", bits(8)), image("c", bits(16)), image("d", bits(24))]
    found = find(chain)
    assert groups(found, "near") == {frozenset("ab"), frozenset("cd")}


def test_every_image_agrees_with_the_very_one_that_would_stay() -> None:
    # b lies between a and c, which are too far apart to be duplicates of each other
    found = find([image("a", bits(0)), image("b", bits(8), width=200), image("c", bits(16))])
    assert groups(found, "near") == {frozenset("abc")}
    assert kept(found, "near") == {"b"}
    assert found.table["hamming"].max() == 8


def test_an_image_goes_to_the_nearest_of_two_that_could_stay() -> None:
    found = find([image("a", bits(0), 0, width=300), image("b", bits(16), 25, width=200), image("c", bits(8), 22)])
    assert groups(found, "near") == {frozenset("bc")}


@pytest.mark.parametrize(
    ("better", "worse", "said"),
    [
        ({"width": 200, "size": 10}, {"width": 100, "size": 9000}, "larger: 200 × 100 pixels"),
        ({"size": 2000, "sharpness": 1.0}, {"size": 1000, "sharpness": 90.0}, "more bytes: 2,000"),
        ({"sharpness": 90.0}, {"sharpness": 1.0}, "sharper: 90"),
    ],
)
def test_the_larger_then_the_heavier_then_the_sharper_stays_and_it_is_said_why(
    better: dict[str, Any], worse: dict[str, Any], said: str
) -> None:
    found = find([image("a", **worse), image("z", bits(2), **better)])
    assert kept(found, "near") == {"z"}
    assert said in found.table.filter(pl.col("kept"))["reason"].item()
    assert found.table.filter(~pl.col("kept"))["reason"].item() == "near copy of z.jpg"


def test_flat_pictures_have_no_hash_to_trust() -> None:
    found = find([image("wall", contrast=2.0), image("sky", contrast=3.0)])
    assert groups(found, "near") == set()
    assert groups(found, "similar") == {frozenset(("wall", "sky"))}


def test_an_image_without_a_thumbnail_can_still_be_exact_or_similar() -> None:
    found = find([image("a", None), image("b", None, 3), image("c", None, content="b-content", angle=3)])
    assert groups(found, "exact") == {frozenset("bc")}
    assert groups(found, "near") == set()
    assert groups(found, "similar") == {frozenset("ab")}


def test_copies_are_counted_once_as_bytes_saved() -> None:
    found = find([image("a", width=200), image("b", bits(2)), image("c", bits(2), content="b-content")])
    assert groups(found, "exact") == {frozenset("bc")}
    assert groups(found, "near") == {frozenset("ab")}
    assert found.facts["proposed_to_go"] == 2
    assert found.facts["bytes_saved"] == 2000


def test_two_that_people_want_to_keep_are_in_no_group_together() -> None:
    images = [image("a", width=200), image("b"), image("c", sharpness=0.5)]
    assert groups(find(images), "near") == {frozenset("abc")}
    assert groups(find(images, [("c-content", "a-content")]), "near") == {frozenset("ab")}
    members = find(images, [("b-content", "c-content")])
    assert groups(members, "near") == {frozenset("ab")}
    assert not any({"b", "c"} <= group for group in groups(members, "similar"))


def test_a_group_keeps_its_id_when_it_grows() -> None:
    before = find([image("a", width=200), image("b")]).table["group_id"].unique().to_list()
    after = find([image("a", width=200), image("b"), image("c", bits(3))]).table["group_id"].unique().to_list()
    assert before == after == ["near-a-content"]


def test_no_images_have_no_duplicates() -> None:
    empty = pl.DataFrame(schema={"image_id": pl.String, "key": pl.String, "content_hash": pl.String, "size": pl.Int64,
                                 "width": pl.Int32, "height": pl.Int32})  # fmt: skip
    contents = by_quality(empty, pl.DataFrame(schema=SIGNATURES_SCHEMA))
    found = find_duplicates(empty, contents, np.empty((0, 3), dtype=np.float16), PARAMS)
    assert found.table.is_empty()
    assert found.table.schema == DUPLICATES_SCHEMA


def test_only_near_duplicates_count_as_another_image() -> None:
    found = find([image("a", width=200), image("b"), image("c", bits(30), 2), image("d", bits(40), 120)])
    names = ["a-content", "b-content", "c-content", "d-content"]
    assert counts_as(found.table, names) == ["a-content", "a-content", "c-content", "d-content"]


def test_a_search_in_fewer_dimensions_misses_no_pair() -> None:
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(40, 300))
    vectors = np.repeat(centres, 3, axis=0) + rng.normal(scale=0.2, size=(120, 300))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    frame = pl.DataFrame([image(f"{number:03d}", None, size=1000 - number) for number in range(120)],
                         schema_overrides={"phash": pl.UInt64, "contrast": pl.Float32})  # fmt: skip
    rows = frame.select("image_id", "key", "content_hash", "size", "width", "height")
    contents = by_quality(rows, frame.select("content_hash", "phash", "contrast", pl.lit(1.0).alias("sharpness"),
                                             "tiny"))  # fmt: skip
    found = find_duplicates(rows, contents, vectors, DuplicateParams(similar_distance=0.1))
    assert groups(found, "similar") == {frozenset(f"{3 * n + k:03d}" for k in range(3)) for n in range(40)}


LIBRARIES = st.lists(
    st.fixed_dictionaries({
        "phash": st.sampled_from([0, *(bits(n) for n in (4, 8, 12, 16, 20, 40))]),
        "angle": st.sampled_from([0.0, 5.0, 10.0, 20.0, 35.0, 50.0, 120.0]),
        "width": st.sampled_from([100, 200]), "size": st.sampled_from([10, 20]), "content": st.integers(0, 12),
    }),
    min_size=1, max_size=16,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(LIBRARIES, st.randoms(use_true_random=False))
def test_groups_partition_and_do_not_depend_on_the_order_of_rows(library: list[dict[str, Any]], random: Any) -> None:
    # equal content has equal everything
    first = {row["content"]: row for row in reversed(library)}
    images: list[dict[str, Any]] = []
    for number, row in enumerate(library):
        same: dict[str, Any] = first[row["content"]] | {"content": f"content{row['content']}"}
        images.append(image(f"{number:02d}", **same))
    found = find(images)
    for level in ("exact", "near", "similar"):
        table = found.table.filter(pl.col("level") == level)
        assert table["image_id"].is_unique().all()
        for _, part in table.group_by("group_id"):
            assert part.height > 1
            assert part["kept"].sum() == (part.height if level == "similar" else 1)
            assert part["distance"].max() <= {"exact": 0.0, "near": 0.15, "similar": 0.05}[level] + 1e-6  # type: ignore[operator]
            assert level == "similar" or part["hamming"].max() <= 10  # type: ignore[operator]
    shuffled = list(images)
    random.shuffle(shuffled)
    assert find(shuffled).table.equals(found.table)


@pytest.mark.parametrize("copy", ["rat (1)", "rat - Copy", "Copy of rat", "rat copy"])
def test_of_the_same_bytes_the_original_stays_not_the_copy_that_a_browser_or_a_desktop_named(copy: str) -> None:
    """`rat (1).jpg` comes before `rat.jpg` in the alphabet, and was kept."""
    found = find([image("rat", content="same"), image(copy, content="same")])
    assert kept(found, "exact") == {"rat"}
    assert found.table["reason"].to_list() == ["shortest file name of the same bytes", "same bytes as rat.jpg"]


def test_the_folder_says_nothing_about_which_of_the_same_bytes_stays() -> None:
    rows = [image("b", content="same") | {"key": "a/b.jpg"}, image("c", content="same") | {"key": "longer/b.jpg"}]
    found = find(rows)
    assert kept(found, "exact") == {"b"}
    assert found.table["reason"].to_list()[0] == "first by key of the same bytes"


def test_a_near_group_is_represented_by_the_copy_that_stays() -> None:
    found = find([image("rat", content="same"), image("rat (1)", content="same"), image("small", width=50)])
    assert kept(found, "exact") == kept(found, "near") == {"rat"}
