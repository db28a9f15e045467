"""An image that every run keeps with its group is surely of it; one that half of them move is half as sure."""

import numpy as np

from pipeline.stages.labels.community.stability import item_consensus
from pipeline.stages.labels.contract import NONE
from tests.stages.labels.community.vectors import communities, kinds, unit

GROUPS = np.array([0, 0, 0, 1, 1, NONE])


def test_runs_that_all_agree_come_to_one_for_every_member_and_nothing_outside() -> None:
    runs = [np.array([0, 0, 0, 1, 1, 2]), np.array([3, 3, 3, 0, 0, 0])]
    assert item_consensus(GROUPS, runs).tolist() == [1, 1, 1, 1, 1, 0]


def test_an_image_that_half_of_the_runs_take_away_has_half_and_the_others_more() -> None:
    runs = [np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 2])]
    assert item_consensus(GROUPS, runs).tolist() == [0.75, 0.75, 0.5, 1, 1, 0]


def test_a_group_of_one_has_nobody_to_be_together_with() -> None:
    assert item_consensus(np.array([0, 1, 1]), [np.array([0, 1, 1])]).tolist() == [0, 1, 1]


def test_a_library_of_noise_is_told_low_probabilities_and_one_of_clear_kinds_high_ones() -> None:
    noise = communities(unit(np.random.default_rng(0).normal(size=(1000, 512))))
    clear = communities(kinds([40] * 25)[0])
    assert np.median(noise.probability) < 0.15
    assert np.median(clear.probability) > 0.9
