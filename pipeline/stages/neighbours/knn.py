"""The nearest neighbours of each image in the space of the embeddings, or of a few images among all.

What belongs here: the search, exact up to `EXACT` images, and that of a few. Not here: the search among more
(`knn_ivf.py`), the weighted graph over neighbours (`fuzzy_graph.py`), outliers (`labels/community/outliers.py`).
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.stages.neighbours.knn_ivf import search_cells

FEW = 3000  # up to here one table of similarities (36 MB) is quicker than importing faiss and searching with it
EXACT = 20_000  # up to here the search is exact: 10 s of CPU time for 15,000 of 1,280, no more than by cells
SPARE = 8
BLOCK = 16_384  # rows that are sorted at a time
AMONG = 4096  # rows that queries are compared with at a time, and
ASKED = 1024  # queries: with 16 MB of similarities at a time, choosing the best takes no longer than computing them


@dataclass(frozen=True)
class Neighbours:
    """`indices` int32 [n, k]: for each image the k nearest others, nearest first, never itself; `distances` float32
    [n, k]: their cosine distances, 0 to 2.

    `search`: how they were found, to be published; empty for an exact search.
    """

    indices: np.ndarray
    distances: np.ndarray
    search: dict[str, Any] = field(default_factory=dict[str, Any])

    def nearest(self, k: int) -> "Neighbours":
        """The nearest `k` of them."""
        return Neighbours(self.indices[:, :k], self.distances[:, :k], self.search)


def nearest_neighbours(vectors: np.ndarray, k: int, *, exact: int = EXACT) -> Neighbours:
    """The `k` nearest neighbours of each of float32 [n, d] L2-normalised vectors; k is clamped to n - 1.

    Exact up to `exact` images; beyond that approximate (`knn_ivf.RECALL`), and `search` has the measured recall. Memory
    grows with n * k, never with n * n. Equal distances are ordered by row, so the result is deterministic among copies.
    """
    data = np.ascontiguousarray(vectors, dtype=np.float32)
    n = len(data)
    k = max(0, min(k, n - 1))
    if k == 0:
        return Neighbours(np.empty((n, 0), dtype=np.int32), np.empty((n, 0), dtype=np.float32))
    # a few more than k, so that ties for the last place are decided by row
    wide = min(n, k + 1 + SPARE)
    search: dict[str, Any] = {}
    if n <= max(exact, FEW):
        columns, similarity = _dense_search(data, wide) if n <= FEW else _blockwise_search(data, wide)
    else:
        cells = search_cells(data, wide)
        columns, similarity, search = cells.columns, cells.similarity, cells.described()
    return Neighbours(*_sort_by_distance(columns, similarity, k), search)


def most_similar(queries: np.ndarray, data: np.ndarray, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Similarities float32 and rows int64, [m, k] each, of those of `rows` of float32 [n, d] that are most similar to
    each of `queries` float32 [m, d], the most similar first, of equal ones the first; exact. k is at most the number of
    `rows`, ascending.

    For a thousand queries among 100,000 x 512 it takes half of the CPU time of faiss' search (1.4 and 3.0 s).
    """
    best = np.full((len(queries), k), -np.inf, dtype=np.float32)
    found = np.full((len(queries), k), -1, dtype=np.int64)
    for asked in (slice(start, start + ASKED) for start in range(0, len(queries), ASKED)):
        for start in range(0, len(rows), AMONG):
            some = rows[start : start + AMONG]
            _keep_best(queries[asked] @ data[some].T, some, best[asked], found[asked])
    return best, found


def _keep_best(similarity: np.ndarray, some: np.ndarray, best: np.ndarray, found: np.ndarray) -> None:
    """Merge `similarity` float32 [m, s] to the rows `some` into the best so far, which change in place."""
    k = best.shape[1]
    # soon only few images find a better one in a block
    better = np.flatnonzero(similarity.max(axis=1) > best[:, -1])
    close = similarity[better]
    wide = min(k + SPARE, close.shape[1])
    chosen = np.argpartition(-close, wide - 1, axis=1)[:, :wide]
    values = np.concatenate([best[better], np.take_along_axis(close, chosen, axis=1)], axis=1)
    columns = np.concatenate([found[better], some[chosen]], axis=1)
    # rounded for the order only: the last bits of a dot product depend on the block size
    order = np.lexsort((columns, -np.round(values, 6)), axis=1)[:, :k]
    best[better] = np.take_along_axis(values, order, axis=1)
    found[better] = np.take_along_axis(columns, order, axis=1)


def _sort_by_distance(columns: np.ndarray, similarity: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices int32 and distances float32, [n, k], without the image itself."""
    n = len(columns)
    indices, distances = np.empty((n, k), dtype=np.int32), np.empty((n, k), dtype=np.float32)
    for start in range(0, n, BLOCK):
        part = slice(start, min(start + BLOCK, n))
        own = columns[part] == np.arange(part.start, part.stop)[:, None]
        # rounded for the order only: the last bits of a dot product depend on the block size
        keys = np.where(own, np.inf, -np.round(similarity[part], 6))
        order = np.lexsort((columns[part], keys), axis=1)[:, :k]
        indices[part] = np.take_along_axis(columns[part], order, axis=1)
        nearest = np.take_along_axis(similarity[part], order, axis=1)
        distances[part] = np.clip(1.0 - nearest, 0.0, 2.0)
    return indices, distances


def _dense_search(data: np.ndarray, wide: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns and similarities, [n, wide] each, of the most similar rows, the row itself included."""
    similarity = data @ data.T
    columns = np.argsort(-np.round(similarity, 6), axis=1, kind="stable")[:, :wide]
    return columns, np.take_along_axis(similarity, columns, axis=1)


def _blockwise_search(data: np.ndarray, wide: int) -> tuple[np.ndarray, np.ndarray]:
    """The same with faiss, which multiplies in blocks and keeps only the best of each row."""
    import faiss

    similarity, columns = faiss.knn(data, data, wide, metric=faiss.METRIC_INNER_PRODUCT)
    return np.asarray(columns), np.asarray(similarity)
