"""The guard holds back what no one would want overnight, and nothing else."""

from typing import Any

import pytest

from pipeline.settings import GuardParams
from pipeline.stages.published import document
from pipeline.stages.published.document import Unclustered
from pipeline.stages.published.entries import usable_entries
from pipeline.stages.published.guard import copies_only, examine
from tests.stages.published.library import GENERATED_AT, cluster, image, library
from tests.stages.published.objects import objects_document


def made(sizes: list[int], loose: int = 0, names: dict[int, str] | None = None) -> dict[str, Any]:
    """clusters.json of clusters c-0, c-1, … of these sizes and `loose` unclustered images."""
    clusters = [
        cluster(f"c-{n}", *(image("de", f"{n}-{k}") for k in range(size)), name=(names or {}).get(n))
        for n, size in enumerate(sizes)
    ]
    unclustered = [Unclustered(image("at", str(k))) for k in range(loose)]
    view = library(clusters=clusters, unclustered=unclustered, rejected=(), died=(), total_images=sum(sizes) + loose)
    return document.build_document(view, generated_at=GENERATED_AT)


def rules(before: dict[str, Any] | None, after: dict[str, Any], **params: Any) -> list[str]:
    return [one.rule for one in examine(before, after, GuardParams(**params))]


def test_the_first_publication_is_never_held_back():
    assert rules(None, made([100])) == []
    assert rules(None, made([], loose=50)) == []


@pytest.mark.parametrize(("after", "trips"), [(6, False), (5, False), (4, True), (0, True), (15, False)])
def test_clusters_may_fall_by_half_and_no_further(after: int, trips: bool):
    before = made([10] * 10)
    assert rules(before, made([100 // after] * after if after else [], loose=0 if after else 100),
                 max_cluster_share=1, max_unclustered_growth=1000, min_unclustered_rise=1) == (
        ["max_cluster_drop"] if trips else []
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "trips"),
    [
        ([10] * 12, [5] * 24, True),  # a finer granularity for the same images
        ([10] * 12, [6] * 18, False),
        ([10] * 2, [5] * 4, False),  # twice as many, but of a few
        ([10] * 12, [10] * 30, False),  # the library grew as much
        ([10] * 12, [4] * 60, True),  # the library grew, but not as much
    ],
)
def test_clusters_may_grow_by_half_and_with_the_library_and_no_further(
    before: list[int], after: list[int], trips: bool
):
    found = examine(made(before), made(after), GuardParams(max_cluster_share=1))
    assert [concern.rule for concern in found] == (["max_cluster_growth"] if trips else [])
    if trips:
        assert found[0].figures["clusters_after"] == len(after)


def test_clusters_that_people_made_are_not_too_many():
    people = [f"c-{number}" for number in range(10, 24)]
    found = examine(made([10] * 10), made([5] * 24), GuardParams(max_cluster_share=1), shaped_by_people=people)
    assert found == []


@pytest.mark.parametrize(
    ("before", "after", "trips"),
    [
        (1, 2, False),  # twice as many, but what of it
        (0, 4, False),
        (0, 5, True),  # from nothing, and five images of a hundred
        (10, 20, False),  # twice exactly
        (10, 24, True),
        (40, 50, False),
        (40, 79, False),
    ],
)
def test_the_unclustered_share_may_double_and_a_few_images_never_count(before: int, after: int, trips: bool):
    found = examine(made([50, 50], loose=before), made([50, 50], loose=after), GuardParams(max_cluster_share=1))
    assert [one.rule for one in found] == (["max_unclustered_growth"] if trips else [])
    if trips:
        assert found[0].figures["unclustered_after"] == round(after / (100 + after), 4)


def test_in_a_large_library_a_small_share_never_counts():
    assert rules(made([500, 500], loose=1), made([500, 500], loose=15), max_cluster_share=1) == []
    assert rules(made([500, 500], loose=1), made([500, 500], loose=25), max_cluster_share=1) == [
        "max_unclustered_growth"
    ]


def test_a_cluster_that_grows_past_half_of_the_library_is_held_back_once():
    small, large = made([40, 35, 25]), made([60, 30, 10])
    assert rules(small, large) == ["max_cluster_share"]
    assert rules(large, made([70, 20, 10])) == []  # it was so already
    assert rules(large, small) == []


def test_a_named_cluster_may_not_vanish_unless_a_person_ended_it():
    before = made([10, 10, 10], names={1: "White cylinder", 2: "Red post"})
    after = made([10, 20], names={1: "White cylinder"})
    (found,) = examine(before, after, GuardParams(max_cluster_share=1))
    assert found.rule == "forbid_losing_named"
    assert found.text == "1 named cluster would vanish: 'Red post' (c-2)"
    assert examine(before, after, GuardParams(max_cluster_share=1), ended_by_people={"c-2"}) == []
    assert rules(before, after, max_cluster_share=1, forbid_losing_named=False) == []
    assert rules(made([10, 10, 10]), after, max_cluster_share=1) == []  # no one had named it


def test_a_name_that_was_given_since_the_last_publication_may_not_vanish_either():
    before, after = made([10, 10, 10], names={0: "Old"}), made([15, 15])
    (found,) = examine(before, after, GuardParams(max_cluster_share=1), decided_names={"c-2": "Red post", "c-9": "x"})
    assert found.text == "1 named cluster would vanish: 'Red post' (c-2)"
    taken_away = made([10, 10, 10], names={2: "Red post"})
    assert examine(taken_away, after, GuardParams(max_cluster_share=1), decided_names={"c-2": None}) == []


def test_a_name_that_moved_to_review_is_still_there():
    before = made([10, 10], names={1: "White cylinder"})
    assert rules(before, made([10, 10]), max_cluster_share=1) == []


def test_every_concern_is_told_and_the_guard_can_be_switched_off():
    before, after = made([25] * 4, names={3: "Red post"}), made([90], loose=10)
    assert rules(before, after) == [
        "max_cluster_drop", "max_unclustered_growth", "max_cluster_share", "forbid_losing_named",
    ]  # fmt: skip
    assert rules(before, after, enabled=False) == []


def test_shares_of_a_document_of_objects_are_of_its_objects() -> None:
    made = objects_document()
    assert usable_entries(made) == 5
    assert not examine(made, made, GuardParams())


def test_clusters_of_copies_are_told_with_the_setting_that_counts_them_as_one() -> None:
    assert copies_only(0, 9) == ""
    assert copies_only(1, 9).startswith("1 of 9 clusters holds only near copies of one picture.")
    assert copies_only(3, 9).startswith("3 of 9 clusters hold only near copies of one picture.")
    assert "duplicates.collapse" in copies_only(3, 9)
