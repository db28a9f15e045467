"""Levels of one library: each contains the finer ones, and none invents or loses an image."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stages.labels.community.hierarchy import Level, level, merged_at
from pipeline.stages.labels.contract import NONE
from pipeline.stages.neighbours.fuzzy_graph import fuzzy_graph
from pipeline.stages.neighbours.knn import nearest_neighbours
from tests.stages.labels.community.vectors import communities, continuum, kinds, unit

STEPS = (0.0, 0.25, 0.45, 0.5, 0.55, 0.7, 0.8, 0.9, 1.0)


def refines(finer: np.ndarray, coarser: np.ndarray) -> bool:
    """Whether every group of `finer` lies in one group of `coarser`, with the same images outside every group."""
    inside = finer != NONE
    pairs = {tuple(pair) for pair in zip(finer[inside].tolist(), coarser[inside].tolist(), strict=True)}
    return np.array_equal(inside, coarser != NONE) and len(pairs) == len(np.unique(finer[inside]))


def crumbs() -> np.ndarray:
    """Pairs and triples: groups that are too small at most granularities."""
    rng = np.random.default_rng(3)
    return unit(np.repeat(rng.normal(size=(30, 16)), rng.integers(1, 4, 30), axis=0) + 0.05)


LIBRARIES = {
    "clear kinds": lambda: kinds([40, 20, 10, 5, 3, 2])[0],
    "overlapping kinds": lambda: kinds([30] * 6, width=1.3)[0],
    "no kinds": lambda: continuum(200),
    "noise alone": lambda: unit(np.random.default_rng(1).normal(size=(120, 64))),
    "crumbs": crumbs,
    "copies": lambda: np.repeat(kinds([3, 3, 3])[0], 7, axis=0),
}


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_finer_level_lies_inside_every_coarser_one(name: str) -> None:
    data = LIBRARIES[name]()
    known = nearest_neighbours(data, 14)
    found = [communities(data, granularity=g, min_cluster_size=3, neighbours=known).groups for g in STEPS]
    assert all(refines(finer, coarser) for coarser, finer in pairwise(found))
    counts = [int(groups.max()) for groups in found]
    assert counts == sorted(counts)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    n=st.integers(2, 90),
    rank=st.integers(1, 8),
    sizes=st.integers(1, 12),
    smallest=st.integers(2, 6),
    pair=st.lists(st.floats(0, 1), min_size=2, max_size=2),
    seed=st.integers(0, 99),
)
def test_no_library_has_fewer_groups_at_more_granularity(
    n: int, rank: int, sizes: int, smallest: int, pair: list[float], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(sizes, rank))[rng.integers(0, sizes, n)]
    data = unit(centres + rng.uniform(0, 1) * rng.normal(size=(n, rank)))
    low, high = sorted(pair)
    one, auto, other = (
        communities(data, granularity=g, min_cluster_size=smallest, seed=seed).groups for g in (low, "auto", high)
    )
    assert refines(other, one)
    assert refines(auto, one) or refines(one, auto)
    assert refines(auto, other) or refines(other, auto)


def test_coarse_contains_auto_and_auto_contains_fine() -> None:
    for data in (continuum(300), kinds([60, 40, 30], width=1.2)[0]):
        coarse, auto, fine = (communities(data, granularity=g).groups for g in ("coarse", "auto", "fine"))
        assert refines(auto, coarse)
        assert refines(fine, auto)


def test_a_level_between_two_that_were_found_lies_between_them() -> None:
    data, _ = kinds([40] * 6, width=1.2)
    graph = fuzzy_graph(nearest_neighbours(data, 14))
    auto = communities(data, min_cluster_size=3).groups.astype(np.int64)
    counted = auto != NONE
    halves = np.where(counted, auto % 2, NONE)
    found = [Level(0.2, halves), Level(0.5, auto)]
    labels = {g: level(graph, found, g, 3, counted, 42) for g in (0.1, 0.2, 0.3, 0.5, 0.8)}
    assert np.array_equal(labels[0.2], halves)
    assert np.array_equal(labels[0.5], auto)
    for coarser, finer in ((0.1, 0.2), (0.2, 0.3), (0.3, 0.5), (0.5, 0.8)):
        assert refines(np.where(counted, labels[finer], NONE), np.where(counted, labels[coarser], NONE))


def test_groups_without_an_edge_between_them_are_never_merged() -> None:
    data, truth = kinds([30, 30, 30], width=0.2)
    graph = fuzzy_graph(nearest_neighbours(data, 14))
    assert merged_at(graph, truth, 1e-6).max() == 2


def test_no_group_of_a_fine_level_is_smaller_than_the_smallest() -> None:
    for smallest in (2, 4, 6):
        found = communities(continuum(400), granularity=1.0, min_cluster_size=smallest)
        assert np.bincount(found.groups[found.groups != NONE]).min() >= smallest
