"""Neighbours among many: nearly all of them are found, the same every time, and how many is told."""

import numpy as np
import pytest

from pipeline.stages.neighbours import knn_ivf as cells
from pipeline.stages.neighbours.knn import nearest_neighbours
from pipeline.stages.neighbours.knn_ivf import probes_and_recall, search_cells


def photographs(n: int, d: int = 160, seed: int = 0) -> np.ndarray:
    """Rows of length 1 on a curved sheet of eight dimensions, as photographs of overlapping kinds are."""
    rng = np.random.default_rng(seed)
    data = np.tanh(rng.normal(size=(n, 8)) @ rng.normal(size=(8, d))) + 0.05 * rng.normal(size=(n, d))
    return (data / np.linalg.norm(data, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def data() -> np.ndarray:
    return photographs(6000)


def test_nearly_all_neighbours_are_found_and_the_recall_that_is_told_is_the_true_one(data: np.ndarray) -> None:
    exact = nearest_neighbours(data, 14, exact=len(data))
    fast = nearest_neighbours(data, 14, exact=0)
    shared = np.mean([len(np.intersect1d(*rows)) / 14 for rows in zip(exact.indices, fast.indices, strict=True)])
    assert exact.search == {}
    assert fast.search["search"] == "cells"
    assert shared > 0.95
    assert fast.search["search_recall"] == pytest.approx(shared, abs=0.03)


def test_what_is_found_is_at_its_true_distance_nearest_first(data: np.ndarray) -> None:
    fast = nearest_neighbours(data, 14, exact=0)
    true = 1 - np.einsum("nd,nkd->nk", data, data[fast.indices])
    assert np.allclose(fast.distances, true, atol=1e-5)
    assert (np.diff(fast.distances, axis=1) >= -2e-6).all()
    assert (fast.indices != np.arange(len(data))[:, None]).all()


def test_two_searches_agree_to_the_last_bit(data: np.ndarray) -> None:
    one, other = search_cells(data, 23), search_cells(data, 23)
    assert np.array_equal(one.columns, other.columns)
    assert np.array_equal(one.similarity, other.similarity)


def test_a_pile_of_copies_is_searched_in_blocks_and_everybody_gets_their_neighbours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cells, "BLOCK", 256)
    data = photographs(4000)
    data[:2000] = data[0]
    found = nearest_neighbours(data, 14, exact=0)
    assert found.distances[:2000].max() < 1e-5
    assert (found.indices >= 0).all()
    assert all(len(np.unique(row)) == 14 for row in found.indices)


def test_no_more_cells_are_looked_into_than_is_worth_it() -> None:
    rng = np.random.default_rng(0)
    near = np.stack([rng.permutation(1000)[:32] for _ in range(50)])
    anywhere = rng.integers(0, 1000, size=(50, 14))  # near to nothing: no number of cells finds the neighbours
    assert probes_and_recall(anywhere, near)[0] == 8
    second = near[:, 8:16][:, :7]  # half of the neighbours lie in the first cells, half in the next
    assert probes_and_recall(np.hstack([near[:, :7], second]), near) == (16, 1.0)
    assert probes_and_recall(near[:, :8], near) == (8, 1.0)
