"""Nearest neighbours → the weighted graph over them.

What belongs here: how distances become edge weights. Not here: the search (`knn.py`), the communities of the graph
(`labels/community/structure.py`).

Fuzzy simplicial set: McInnes, Healy, Melville (2018), "UMAP: Uniform Manifold Approximation and Projection for
Dimension Reduction", section 3.1 and algorithm 3. Written in numpy because umap-learn compiles for some twenty seconds
on its first call, longer than the work on most libraries.
"""

from typing import TYPE_CHECKING

import numpy as np

from pipeline.stages.neighbours.knn import Neighbours

if TYPE_CHECKING:
    from scipy import sparse

SEARCH_STEPS = 64  # halvings of the bandwidth, more than float64 can resolve
TINY = 1e-12
SMALLEST_SCALE = 1e-3  # least bandwidth, as a share of the mean distance: keeps weights finite among many copies


def fuzzy_graph(neighbours: Neighbours) -> "sparse.csr_matrix":
    """The symmetric weighted graph, [n, n]; a weight in (0, 1] is the membership strength of a pair of neighbours.

    Each image's distances are measured from its nearest neighbour and scaled so that its weights sum to log2(k + 1),
    which makes dense and sparse regions comparable; the two directions are joined by a + b - a * b.
    """
    from scipy import sparse

    n, k = neighbours.indices.shape
    if k == 0:
        return sparse.csr_matrix((n, n), dtype=np.float32)
    distances = neighbours.distances.astype(np.float64)
    nearest, scale = _nearest_and_bandwidth(distances)
    weights = np.exp(-np.maximum(distances - nearest[:, None], 0.0) / scale[:, None])
    rows = np.repeat(np.arange(n), k)
    directed = sparse.csr_matrix((weights.ravel(), (rows, neighbours.indices.ravel())), shape=(n, n))
    product = directed.multiply(directed.T)
    joined = sparse.csr_matrix(directed + directed.T - product, dtype=np.float32)
    joined.sort_indices()
    joined.eliminate_zeros()
    return joined


def _nearest_and_bandwidth(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per image, the distance of its nearest neighbour that is no copy, and the bandwidth beyond it; float64 [n]."""
    k = distances.shape[1]
    positive = np.where(distances > 0, distances, np.inf).min(axis=1)
    nearest = np.where(np.isfinite(positive), positive, 0.0)
    beyond = np.maximum(distances - nearest[:, None], 0.0)
    target = np.log2(k + 1)
    low, high = np.zeros(len(distances)), np.full(len(distances), np.inf)
    scale = np.ones(len(distances))
    for _ in range(SEARCH_STEPS):
        total = np.exp(-beyond / scale[:, None]).sum(axis=1)
        too_wide = total > target
        high = np.where(too_wide, scale, high)
        low = np.where(too_wide, low, scale)
        scale = np.where(np.isinf(high), scale * 2, (low + high) / 2)
    floor = SMALLEST_SCALE * np.where(nearest > 0, distances.mean(axis=1), distances.mean())
    return nearest, np.maximum(scale, np.maximum(floor, TINY))
