"""A cluster is addressed by its id, its exact name, or what fits only one; never by luck."""

import pytest

from pipeline.curation.addressing import cluster_ids

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
