"""The groups of before count when all images are clustered again, and hold back nothing that really changed."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from pipeline.stages.labels.community.prior_partition import History, recalled
from pipeline.stages.labels.contract import NONE
from tests.stages.labels.community.vectors import communities, continuum, kinds, unit

WEIGHT = 0.5  # the default of labels.memory


def test_only_edges_between_images_that_were_apart_are_weakened() -> None:
    graph = sparse.csr_matrix(np.ones((5, 5)) - np.eye(5), dtype=np.float32)
    found = recalled(graph, History(np.array([0, 0, 1, NONE, 1]), 0.75)).toarray()
    apart = [(0, 2), (0, 4), (1, 2), (1, 4)]
    assert all(found[a, b] == found[b, a] == pytest.approx(0.25) for a, b in apart)
    assert found.sum() == pytest.approx(20 - 8 * 0.75)


@pytest.mark.parametrize("history", [None, History(np.full(300, NONE), 1.0), History(np.arange(300) % 4, 0.0)])
def test_who_knows_nothing_or_may_not_remember_groups_afresh(history: History | None) -> None:
    data = continuum(300)
    found = communities(data, history=history)
    assert np.array_equal(found.groups, communities(data).groups)
    assert "memory" not in found.effective


def test_what_was_remembered_is_told() -> None:
    groups = np.full(300, NONE)
    groups[:200] = np.arange(200) % 3
    effective = communities(continuum(300), history=History(groups, WEIGHT)).effective
    assert (effective["memory"], effective["remembered"]) == (0.5, 200)


def test_more_images_stay_together_with_those_they_were_with() -> None:
    kept: dict[float, list[float]] = {0.0: [], WEIGHT: []}
    for seed in range(3):
        data = continuum(400, seed)
        rows = np.sort(np.random.default_rng(seed).permutation(400)[:320])
        before = communities(data)
        for weight, found in kept.items():
            history = History(before.groups[rows], weight)
            after = communities(data[rows], history=history).groups
            found.append(adjusted_mutual_info_score(before.groups[rows], after))
    assert np.mean(kept[WEIGHT]) > np.mean(kept[0.0]) + 0.05


def test_a_kind_that_turns_out_to_be_two_is_split_when_their_images_arrive() -> None:
    rng = np.random.default_rng(0)
    middle = unit(rng.normal(size=(4, 64)))
    sides = unit(np.vstack([middle, middle[:1] + 0.6 * unit(rng.normal(size=(1, 64)))]))
    kind = np.concatenate([np.repeat([1, 2, 3], 40), np.repeat([0, 4], 6), np.repeat([0, 4], 60)])
    data = unit(sides[kind] + 0.5 / 8 * rng.normal(size=(len(kind), 64)))
    early = np.arange(len(kind)) < 132
    before = np.full(len(kind), NONE)
    before[early] = np.where(kind[early] == 4, 0, kind[early])  # the six of either were one group
    found = communities(data, history=History(before, WEIGHT)).groups
    assert adjusted_rand_score(kind, found) > 0.95


def test_a_kind_that_was_cut_in_two_by_chance_comes_together_again() -> None:
    data, truth = kinds([40, 40, 40], width=0.6)
    halves = np.where(truth == 0, 3 * np.random.default_rng(0).integers(0, 2, len(truth)), truth)
    found = communities(data, history=History(halves, WEIGHT)).groups
    assert adjusted_rand_score(truth, found) > 0.95
