"""The mask of edges inside groups, and the graph that it leaves."""

import numpy as np
from scipy import sparse

from pipeline.stages.labels.community.edges import inside, within


def test_edges_between_groups_go_and_those_inside_keep_their_weight() -> None:
    weights = np.array([[0, 2, 3], [2, 0, 5], [3, 5, 0]], dtype=np.float32)
    graph = sparse.csr_matrix(weights)
    groups = np.array([0, 0, 1])
    assert inside(sparse.coo_matrix(graph), groups).sum() == 2
    assert within(graph, groups).toarray().tolist() == [[0, 2, 0], [2, 0, 0], [0, 0, 0]]
