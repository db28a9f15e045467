"""Agreement with people's clusters and pairs, on vectors where the right answer is known."""

import numpy as np
import pytest

from pipeline.stages.tuning.agreement import PairScore, named_agreement, pair_score

HASHES = ["a1", "a2", "b1", "b2"]
VECTORS = np.array([[1, 0], [0.8, 0.6], [0, 1], [0.6, 0.8]], dtype=np.float32)
PAIRS = [("a1", "a2", True), ("b1", "b2", True), ("a1", "b1", False), ("a2", "b2", False)]


def test_agreement_is_one_for_the_same_groups_whatever_their_numbers_and_only_where_people_decided() -> None:
    decided = np.array([0, 0, 1, 1, -1, -1])
    assert named_agreement(np.array([5, 5, 2, 2, 5, 2]), decided) == pytest.approx(1)
    across = named_agreement(np.array([0, 1, 0, 1, 0, 1]), decided)
    assert across is not None
    assert across <= 0  # no better than chance


def test_one_decided_cluster_says_nothing_of_a_grouping() -> None:
    assert named_agreement(np.array([0, 1, 2]), np.array([0, 0, -1])) is None


def test_pairs_are_judged_by_the_clusters_and_by_the_vectors_alone() -> None:
    right = pair_score(HASHES, np.array([0, 0, 1, 1]), VECTORS, PAIRS)
    assert (right.same, right.different, right.accuracy) == (2, 2, 1.0)
    assert right.ranking == pytest.approx(0.5)  # a2 and b2 are more alike than either pair that belongs together
    one = pair_score(HASHES, np.array([0, 0, 0, 0]), VECTORS, PAIRS)
    assert one.accuracy == 0.5  # one cluster of everything is no better than chance
    assert one.ranking == right.ranking


def test_two_unclustered_images_are_not_together() -> None:
    assert pair_score(HASHES, np.array([-1, -1, -1, -1]), VECTORS, PAIRS).accuracy == 0.5


def test_pairs_of_one_kind_give_a_share_and_no_ranking_and_pairs_outside_the_sample_count_not() -> None:
    assert pair_score(["a1", "a2"], np.array([0, 0]), VECTORS[:2], PAIRS) == PairScore(1, 0, 1.0, None)
    assert pair_score(HASHES, np.array([0, 0, 1, 1]), VECTORS, []) == PairScore(0, 0, None, None)
