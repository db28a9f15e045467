"""A cluster is addressed by its id, its exact name, or what fits only one; never by luck."""

import pytest

from pipeline.curation.addressing import choose_category, cluster_ids, namesakes, unmistakable
from pipeline.errors import AmbiguousNameError

NAMES = {"c-1": "Alpha", "c-2": "alpha", "c-3": "White Post", "c-4": None, "c-5": "c-4", "c-6": "Caf\u00e9"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("c-1", ["c-1"]),
        ("Alpha", ["c-1"]),
        ("alpha", ["c-2"]),
        ("ALPHA", ["c-1", "c-2"]),
        ("white post", ["c-3"]),
        (" White  Post ", ["c-3"]),
        ("c-4", ["c-4"]),
        ("C-4", ["c-4", "c-5"]),
        ("Cafe\u0301", ["c-6"]),
        ("Beta", []),
        ("", []),
    ],
)
def test_an_id_goes_before_an_exact_name_and_that_before_a_similar_one(given: str, expected: list[str]) -> None:
    assert cluster_ids(given, NAMES) == expected


def test_an_id_that_was_merged_away_means_the_cluster_that_took_it_in() -> None:
    assert cluster_ids("c-9", NAMES, {"c-9": "c-1"}) == ["c-1"]


def test_two_clusters_of_the_same_name_are_both_candidates() -> None:
    assert cluster_ids("Alpha", {"c-1": "Alpha", "c-2": "Alpha", "c-3": "alpha"}) == ["c-1", "c-2"]


def test_namesakes_have_the_same_name_but_for_case_and_blanks() -> None:
    assert namesakes("c-1", NAMES) == ["c-2"]
    assert namesakes("c-4", NAMES) == []  # without a name, whatever another one is called
    assert namesakes("c-9", NAMES) == []


CATEGORIES = {"posts": "Posts", "posts-41e19a": "posts", "baume": "Ba\u0308ume", "root": "root"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Posts", "posts"),
        ("posts-41e19a", "posts-41e19a"),
        ("root", "root"),
        ("ROOT", "root"),
        ("B\u00e4ume", "baume"),
        ("Ba\u0308ume", "baume"),
        ("bollards", None),
    ],
)
def test_a_category_is_addressed_by_slug_or_name(given: str, expected: str | None) -> None:
    assert choose_category(given, CATEGORIES) == expected


def test_a_word_that_is_the_slug_of_one_category_and_the_name_of_another_is_refused_with_both() -> None:
    with pytest.raises(AmbiguousNameError, match="Use Posts for folder 'Posts', posts-41e19a for folder 'posts'"):
        choose_category("posts", CATEGORIES)
    with pytest.raises(AmbiguousNameError, match="fits 2 categories"):
        choose_category("POSTS", CATEGORIES)


def test_folders_whose_names_look_alike_are_told_apart_by_their_letters() -> None:
    both = {"baume": "Ba\u0308ume", "baume-2": "B\u00e4ume"}
    assert choose_category("B\u00e4ume", both) == "baume-2"
    with pytest.raises(AmbiguousNameError):
        choose_category("B\u00c4UME", both)


def test_every_category_has_a_word_that_means_no_other() -> None:
    assert [choose_category(unmistakable(slug, CATEGORIES), CATEGORIES) for slug in CATEGORIES] == list(CATEGORIES)
