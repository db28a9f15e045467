"""One community structure of a graph: repeatable, complete, and never without an end."""

import numpy as np
import pytest
from scipy import sparse

from pipeline.stages.labels.community.structure import MOST_VOTERS, consensus, leiden, voters


def two_triangles(isolated: int = 0) -> sparse.csr_matrix:
    edges = [(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5)]
    rows, columns = zip(*[*edges, *[(b, a) for a, b in edges]], strict=True)
    n = 6 + isolated
    return sparse.csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=(n, n))


def test_two_triangles_are_two_communities() -> None:
    assert consensus(two_triangles(), 1.0, seed=1).tolist() == [0, 0, 0, 1, 1, 1]


def test_a_node_without_an_edge_is_a_community_of_its_own() -> None:
    labels = leiden(two_triangles(isolated=2), 1.0, seed=1)
    assert len(np.unique(labels)) == 4
    assert labels[6] != labels[7]


def test_a_graph_without_edges_has_as_many_communities_as_nodes() -> None:
    assert sorted(consensus(sparse.csr_matrix((4, 4), dtype=np.float32), 1.0, seed=1).tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize("resolution", [0.3, 0.8, 2.0])
def test_equal_weights_everywhere_come_to_an_end(resolution: float) -> None:
    n = 300
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(0, n, 4000), rng.integers(0, n, 4000)
    graph = sparse.csr_matrix((np.ones(4000), (rows, columns)), shape=(n, n))
    graph = sparse.csr_matrix(graph.maximum(graph.T))
    graph.data[:] = 1.0
    assert len(consensus(graph, resolution, seed=3)) == n


def test_the_same_seed_gives_the_same_labels() -> None:
    rng = np.random.default_rng(1)
    graph = sparse.random(200, 200, density=0.05, random_state=rng, format="csr")
    graph = sparse.csr_matrix(graph + graph.T)
    assert np.array_equal(consensus(graph, 0.8, seed=5), consensus(graph, 0.8, seed=5))


def test_a_large_library_has_fewer_voters_than_a_small_one() -> None:
    assert voters(100) == MOST_VOTERS
    assert voters(10_000) > voters(100_000) >= 2
