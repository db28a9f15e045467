"""Embeddings → who lies near whom: the nearest neighbours and the weighted graph over them.

What belongs here: the neighbour search in the space of the embeddings, exact up to `EXACT` images, and how distances
become edge weights. Not here: the search among more (`cells.py`), which groups the graph falls into (`communities.py`)
and what lies too far from everything (`noise.py`).

Fuzzy simplicial set: McInnes, Healy, Melville (2018), "UMAP: Uniform Manifold Approximation and Projection for
Dimension Reduction", section 3.1 and algorithm 3. Written out here in numpy because the original compiles itself for
some twenty seconds on its first call, which is longer than the work on most libraries.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.stages.cells import search_cells

if TYPE_CHECKING:
    from scipy import sparse

FEW = 3000  # up to here the whole table of similarities (36 MB) is quicker than importing and asking faiss
EXACT = 20_000  # up to here each is compared with each: 10 s of CPU time for 15,000 of 1,280, as through cells
SPARE = 8
BLOCK = 16_384  # rows that are sorted at a time
SEARCH_STEPS = 64  # halvings of the bandwidth; float64 has no more bits to give
TINY = 1e-12
SMALLEST_SCALE = 1e-3  # of the mean distance: the least bandwidth, so that a pile of copies keeps finite weights


@dataclass(frozen=True)
class Neighbours:
    """`indices` int32 [n, k]: for each image the k nearest others, nearest first, never itself; `distances` float32
    [n, k]: their cosine distances, 0 to 2.

    `search`: how they were found, as it is to be published; empty where exactly.
    """

    indices: np.ndarray
    distances: np.ndarray
    search: dict[str, Any] = field(default_factory=dict[str, Any])


def nearest_neighbours(vectors: np.ndarray, k: int, *, exact: int = EXACT) -> Neighbours:
    """The `k` nearest others of each of float32 [n, d] L2-normalised vectors; k is clamped to n - 1.

    All of them up to `exact` images; beyond, nearly all (`cells.RECALL`), and `search` says how many. Memory grows with
    n * k, never with n * n. Equal distances are ordered by row, so copies of one image do not make the graph depend on
    chance.
    """
    data = np.ascontiguousarray(vectors, dtype=np.float32)
    n = len(data)
    k = max(0, min(k, n - 1))
    if k == 0:
        return Neighbours(np.empty((n, 0), dtype=np.int32), np.empty((n, 0), dtype=np.float32))
    # a few more than k, so that equal values at the edge are decided by row and not by the search's whim
    wide = min(n, k + 1 + SPARE)
    search: dict[str, Any] = {}
    if n <= max(exact, FEW):
        columns, similarity = _few(data, wide) if n <= FEW else _many(data, wide)
    else:
        cells = search_cells(data, wide)
        columns, similarity, search = cells.columns, cells.similarity, cells.described()
    return Neighbours(*_nearest_first(columns, similarity, k), search)


def _nearest_first(columns: np.ndarray, similarity: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices int32 and distances float32, [n, k], oneself left out."""
    n = len(columns)
    indices, distances = np.empty((n, k), dtype=np.int32), np.empty((n, k), dtype=np.float32)
    for start in range(0, n, BLOCK):
        part = slice(start, min(start + BLOCK, n))
        own = columns[part] == np.arange(part.start, part.stop)[:, None]
        # rounded for the order only: the last bits of a dot product depend on how the product was cut into blocks
        keys = np.where(own, np.inf, -np.round(similarity[part], 6))
        order = np.lexsort((columns[part], keys), axis=1)[:, :k]
        indices[part] = np.take_along_axis(columns[part], order, axis=1)
        nearest = np.take_along_axis(similarity[part], order, axis=1)
        distances[part] = np.clip(1.0 - nearest, 0.0, 2.0)
    return indices, distances


def _few(data: np.ndarray, wide: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns and similarities, [n, wide] each of the most similar rows, oneself among them."""
    similarity = data @ data.T
    columns = np.argsort(-np.round(similarity, 6), axis=1, kind="stable")[:, :wide]
    return columns, np.take_along_axis(similarity, columns, axis=1)


def _many(data: np.ndarray, wide: int) -> tuple[np.ndarray, np.ndarray]:
    """The same in blocks: faiss keeps only the best of each row while it multiplies."""
    import faiss

    similarity, columns = faiss.knn(data, data, wide, metric=faiss.METRIC_INNER_PRODUCT)
    return np.asarray(columns), np.asarray(similarity)


def fuzzy_graph(neighbours: Neighbours) -> "sparse.csr_matrix":
    """The symmetric weighted graph, [n, n], weights in (0, 1]: how surely two images are neighbours for either of them.

    Each image's distances are measured from its nearest neighbour and scaled so that its weights sum to log2(k + 1),
    which makes dense and sparse regions comparable; the two directions are joined by a + b - a * b.
    """
    from scipy import sparse

    n, k = neighbours.indices.shape
    if k == 0:
        return sparse.csr_matrix((n, n), dtype=np.float32)
    distances = neighbours.distances.astype(np.float64)
    nearest, scale = _smooth(distances)
    weights = np.exp(-np.maximum(distances - nearest[:, None], 0.0) / scale[:, None])
    rows = np.repeat(np.arange(n), k)
    directed = sparse.csr_matrix((weights.ravel(), (rows, neighbours.indices.ravel())), shape=(n, n))
    product = directed.multiply(directed.T)
    joined = sparse.csr_matrix(directed + directed.T - product, dtype=np.float32)
    joined.sort_indices()
    joined.eliminate_zeros()
    return joined


def _smooth(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per image the distance of its nearest neighbour that is no copy, and the bandwidth beyond it; float64 [n]."""
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
