"""The weighted graph over neighbours: symmetric, bounded, and the one that UMAP's authors describe."""

import numpy as np
import pytest

from pipeline.stages.neighbours.fuzzy_graph import fuzzy_graph
from pipeline.stages.neighbours.knn import Neighbours, nearest_neighbours
from tests.stages.neighbours.directions import directions


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


def test_an_image_that_nobody_has_as_a_neighbour_has_log2_of_its_neighbours_as_weight() -> None:
    indices = np.array([[1, 2, 3], *[[4, 5, 6]] * 3, [5, 6, 1], [4, 6, 1], [4, 5, 1]])
    distances = np.tile(np.array([0.1, 0.2, 0.4], dtype=np.float32), (7, 1))
    graph = fuzzy_graph(Neighbours(indices, distances))
    assert graph[0].sum() == pytest.approx(np.log2(4), abs=1e-5)
    assert graph[0, 1] == pytest.approx(1)
    assert graph[0, 1] > graph[0, 2] > graph[0, 3] > 0


def test_a_copy_is_no_measure_of_how_far_the_nearest_other_is() -> None:
    indices = np.array([[1, 2], [3, 4], [3, 4], [4, 1], [1, 3]])
    distances = np.full((5, 2), 0.3, dtype=np.float32)
    distances[0, 0] = 0.0  # image 1 is a copy of image 0
    assert fuzzy_graph(Neighbours(indices, distances)).toarray()[0].tolist() == pytest.approx([0, 1, 1, 0, 0])
