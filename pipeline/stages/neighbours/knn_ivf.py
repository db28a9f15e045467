"""Approximate nearest neighbours of many embeddings: each image is compared only with those in the cells around it.

What belongs here: the search for libraries too large for the exact one, and its recall. Not here: the exact search
(`knn.py`), the graph over neighbours (`fuzzy_graph.py`).

An inverted file (Sivic, Zisserman, 2003; Jégou, Douze, Schmid, 2011): k-means divides the space into cells of about a
hundred images; each image is compared with every image of the cells nearest to it, at full precision. How many cells
are searched depends on the library and is measured: the fewest that reach a recall of `RECALL` on a fixed sample.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.runtime.cpu import usable_cores
from pipeline.runtime.jit import compiled
from pipeline.stages.principal_axes import principal_axes

# Images per cell on average; the work of comparing grows with n * probes * CELL. Larger cells would be quicker from
# 200,000 on, but outliers that share a cell then join kinds (docs/appendix/benchmarks.md).
CELL = 100
PLANE = 128  # principal components in which cells are made and ranked; comparisons use all dimensions
SAMPLE = 256  # images whose true neighbours are computed, to measure the recall
LEARNT = 20_000  # images from which the components are computed
PER_CENTROID = 48  # images per cell that k-means uses
ITERATIONS = 8
BLOCK = 2048  # images of a cell, and queries to it, that are compared at a time
SEED = 1  # of the cells, not of the clustering: another seed for the clusters never changes the neighbours
PROBES = (8, 16, 32)  # cells that are searched; more than the last would no longer be quick
WORTH = 0.02  # recall that twice the probes must add: an outlier has neighbours that no number of probes finds
RECALL = 0.97  # misses are spread over the ranks; clusters then differ little more than between two seeds


@dataclass(frozen=True)
class CellSearch:
    """`columns` int64, `similarity` float32, both [n, wide]: the most similar rows of each row, itself included, in no
    order. `recall`: the share of true nearest neighbours that was found, on `sample` rows."""

    columns: np.ndarray
    similarity: np.ndarray
    cells: int
    probes: int
    recall: float
    sample: int

    def described(self) -> dict[str, Any]:
        """The search as published."""
        return {
            "search": "cells", "search_cells": self.cells, "search_probes": self.probes,
            "search_recall": round(self.recall, 4), "search_sample": self.sample,
        }  # fmt: skip


def search_cells(data: np.ndarray, wide: int) -> CellSearch:
    """The `wide` most similar rows of each of float32 [n, d] rows of length 1. Memory grows with n * (wide + PLANE)."""
    import faiss

    n = len(data)
    flat = _principal_components(data)
    count = max(1, n // CELL)
    means: Any = faiss.Kmeans(
        flat.shape[1], count, niter=ITERATIONS, seed=SEED, max_points_per_centroid=PER_CENTROID, verbose=False
    )
    means.train(flat)
    rows = np.unique(np.linspace(0, n - 1, SAMPLE).astype(np.int64))
    true = _exact_search(data, rows, wide)[1]
    near = np.asarray(means.index.search(flat[rows], min(PROBES[-1], count))[1])
    postings = np.asarray(means.index.search(flat, min(PROBES[0], count))[1], dtype=np.int32)
    own = postings[:, 0].astype(np.int64)
    probes, recall = probes_and_recall(own[true], near)
    if probes > postings.shape[1]:
        postings = np.asarray(means.index.search(flat, probes)[1], dtype=np.int32)
    del flat
    columns, similarity = _compare(data, own, postings, wide)
    # rows whose cells have too few images, as next to many copies, are compared with all
    short = np.flatnonzero((columns < 0).any(axis=1))
    if len(short):
        similarity[short], columns[short] = _exact_search(data, short, wide)
    return CellSearch(columns, similarity, count, probes, recall, len(rows))


def _principal_components(data: np.ndarray) -> np.ndarray:
    """The leading principal components, float32 [n, ≤ PLANE]."""
    if data.shape[1] <= PLANE:
        return data
    rows = np.unique(np.linspace(0, len(data) - 1, LEARNT).astype(np.int64))
    axes, mean = principal_axes(data[rows], PLANE)
    # (data - mean) @ axes, without a second copy of the data
    return np.ascontiguousarray(data @ axes - mean @ axes, dtype=np.float32)


def _exact_search(data: np.ndarray, rows: np.ndarray, wide: int) -> tuple[np.ndarray, np.ndarray]:
    """Similarities and columns, [rows, wide] each, of the most similar rows by exact search."""
    import faiss

    similarity, columns = faiss.knn(data[rows], data, wide, metric=faiss.METRIC_INNER_PRODUCT)
    return np.asarray(similarity), np.asarray(columns)


def probes_and_recall(cells_of_true: np.ndarray, near: np.ndarray) -> tuple[int, float]:
    """The fewest probes that reach `RECALL`, or that twice as many would hardly improve, and their recall.

    `cells_of_true` int [m, k]: the cells of each image's true neighbours; `near` int [m, p]: the cells nearest to it.
    A true neighbour is found exactly if its cell is probed, because all images of a cell are compared.
    """
    reached = [
        (probes, float((cells_of_true[:, :, None] == near[:, None, :probes]).any(axis=2).mean()))
        for probes in (min(p, near.shape[1]) for p in PROBES)
    ]
    best = reached[0]
    for more in reached[1:]:
        if best[1] >= RECALL or more[1] < best[1] + WORTH:
            break
        best = more
    return best


def _compare(data: np.ndarray, own: np.ndarray, postings: np.ndarray, wide: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns and similarities of the `wide` best of each row, [n, wide] each; −1 if fewer were compared.

    Each core has its own range of rows, so that none waits for another.
    """
    from threadpoolctl import threadpool_limits

    n = len(data)
    columns = np.full((n, wide), -1, dtype=np.int64)
    similarity = np.full((n, wide), -np.inf, dtype=np.float32)
    count = int(max(own.max(), postings.max())) + 1
    members = _by_cell(own, count)
    cores = usable_cores()
    ends = np.linspace(0, n, cores + 1).astype(np.int64).tolist()
    insert = compiled(insert_best)

    def compare(stretch: int) -> None:
        begin, end = ends[stretch], ends[stretch + 1]
        askers, asker_ends = _by_cell(postings[begin:end].ravel(), count)
        for cell in range(count):
            inside = members[0][members[1][cell] : members[1][cell + 1]]
            asking = begin + askers[asker_ends[cell] : asker_ends[cell + 1]] // postings.shape[1]
            # in blocks: many copies of one image make one large cell
            for some in _blocks(inside):
                for rows in _blocks(asking):
                    insert(data[rows] @ data[some].T, rows, some, similarity, columns)

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(cores, thread_name_prefix="cells") as pool:
        list(pool.map(compare, range(cores)))
    return columns, similarity


def insert_best(
    block: np.ndarray, rows: np.ndarray, some: np.ndarray, similarity: np.ndarray, columns: np.ndarray
) -> None:
    """Merge a block of similarities into the best of each row; `similarity` and `columns` [n, wide] change in place.

    `block` float32 [r, m] are the similarities of `rows` int64 [r] to `some` int64 [m]. Written for numba.
    """
    for asking in range(len(rows)):
        row = rows[asking]
        kept = similarity[row]
        least = kept.argmin()
        for other in range(len(some)):
            if block[asking, other] > kept[least]:
                kept[least] = block[asking, other]
                columns[row, least] = some[other]
                least = kept.argmin()


def _blocks(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]


def _by_cell(cells: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions sorted by cell, and the start of each cell, followed by the end of the last."""
    return np.argsort(cells, kind="stable"), np.concatenate([[0], np.cumsum(np.bincount(cells, minlength=count))])
