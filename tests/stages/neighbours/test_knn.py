"""The graph of neighbours: exact, the same every time, and the one that UMAP's authors describe."""

import numpy as np
import pytest

from pipeline.stages.neighbours import knn as module
from pipeline.stages.neighbours.fuzzy_graph import fuzzy_graph
from pipeline.stages.neighbours.knn import most_similar, nearest_neighbours
from tests.stages.neighbours.directions import directions


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


@pytest.mark.parametrize(("asked", "among", "k"), [(3, 40, 5), (1030, 200, 5), (7, 9000, 3), (2, 4, 4), (0, 30, 5)])
def test_the_most_similar_of_some_are_those_of_a_full_comparison(asked: int, among: int, k: int) -> None:
    rng = np.random.default_rng(asked)
    data = rng.normal(size=(among + 50, 16)).astype(np.float32)
    rows, queries = np.sort(rng.permutation(len(data))[:among]), rng.normal(size=(asked, 16)).astype(np.float32)
    similarity, nearest = most_similar(queries, data, rows, k)
    full = queries @ data[rows].T
    assert nearest.tolist() == rows[np.argsort(-full, axis=1)[:, :k]].tolist()
    np.testing.assert_allclose(similarity, -np.sort(-full, axis=1)[:, :k], rtol=1e-5)


def test_of_equally_similar_images_the_first_are_found() -> None:
    data = np.tile(np.eye(4, dtype=np.float32), (3, 1))
    assert most_similar(data[:2], data, np.arange(2, 12), 2)[1].tolist() == [[4, 8], [5, 9]]
