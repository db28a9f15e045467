"""The graph of neighbours: exact, the same every time, and the one that UMAP's authors describe."""

import numpy as np
import pytest

from pipeline.stages.neighbours import knn as module
from pipeline.stages.neighbours.fuzzy_graph import fuzzy_graph
from pipeline.stages.neighbours.knn import nearest_neighbours


def directions(n: int, d: int = 16, seed: int = 0) -> np.ndarray:
    data = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    return data / np.maximum(np.linalg.norm(data, axis=1, keepdims=True), 1e-12)


def test_the_nearest_others_are_found_nearest_first() -> None:
    data = directions(200)
    found = nearest_neighbours(data, 7)
    distances = 1 - data @ data.T
    np.fill_diagonal(distances, np.inf)
    assert (found.indices == np.argsort(distances, axis=1, kind="stable")[:, :7]).all()
    assert (np.diff(found.distances, axis=1) >= -1e-6).all()


@pytest.mark.parametrize("n", [0, 1, 2, 3, 10])
def test_few_images_have_as_many_neighbours_as_there_are_others(n: int) -> None:
    found = nearest_neighbours(directions(n), 14)
    assert found.indices.shape == (n, max(0, min(14, n - 1)))
    assert fuzzy_graph(found).shape == (n, n)


def test_nobody_is_their_own_neighbour_even_in_a_pile_of_copies() -> None:
    data = np.repeat(directions(3), 30, axis=0)
    found = nearest_neighbours(data, 10)
    assert (found.indices != np.arange(90)[:, None]).all()
    assert np.isfinite(fuzzy_graph(found).data).all()


def test_copies_are_ordered_by_row() -> None:
    data = np.repeat(directions(1), 20, axis=0)
    assert nearest_neighbours(data, 3).indices[5:].tolist() == [[0, 1, 2]] * 15


def test_the_search_in_blocks_finds_what_the_whole_table_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    data = directions(500)
    whole = nearest_neighbours(data, 10)
    monkeypatch.setattr(module, "FEW", 10)
    blocks = nearest_neighbours(data, 10)
    assert (whole.indices == blocks.indices).all()
    assert np.allclose(whole.distances, blocks.distances, atol=1e-5)


def test_the_graph_is_symmetric_with_weights_up_to_one() -> None:
    graph = fuzzy_graph(nearest_neighbours(directions(300), 14))
    assert abs(graph - graph.T).max() < 1e-6
    assert graph.data.min() > 0
    assert graph.data.max() <= 1 + 1e-6
    assert graph.diagonal().max() == 0


@pytest.mark.slow
def test_the_graph_is_the_one_that_umap_makes() -> None:
    from umap.umap_ import fuzzy_simplicial_set

    data = directions(300)
    found = nearest_neighbours(data, 14)
    indices = np.hstack([np.arange(300)[:, None], found.indices])
    distances = np.hstack([np.zeros((300, 1), dtype=np.float32), found.distances])
    theirs = fuzzy_simplicial_set(
        data, 15, np.random.RandomState(0), "cosine", knn_indices=indices, knn_dists=distances
    )[0]
    assert abs(fuzzy_graph(found) - theirs).max() < 1e-4
