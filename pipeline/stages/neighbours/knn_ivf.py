"""Many embeddings → nearest neighbours without comparing each with each: only what lies in the cells around it.

What belongs here: the neighbour search for libraries too large for the exact one, and how much it misses. Not here: the
exact search, and the graph over neighbours (`knn.py`).

An inverted file (Sivic, Zisserman, 2003; Jégou, Douze, Schmid, 2011): k-means cuts the space into cells of about a
hundred images, each image is compared with every image of the cells nearest to it, at full precision. How many cells
that takes depends on the library, so it is measured: on a fixed sample whose true neighbours are known, the fewest that
reach `RECALL` of them.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.runtime.cpu import usable_cores
from pipeline.runtime.jit import compiled

CELL = 100  # images per cell on average; the work grows with n * probes * CELL
PLANE = 128  # principal components in which cells are cut and ranked; comparing uses all dimensions
SAMPLE = 256  # images whose true neighbours are found, to measure the recall
LEARNT = 20_000  # images from which the components are computed
PER_CENTROID = 48  # images per cell that k-means looks at
ITERATIONS = 8
BLOCK = 2048  # images of a cell, and images that ask it, that are compared at a time
SEED = 1  # of the cells, not of the clustering: another seed for the groups never changes who is near whom
PROBES = (8, 16, 32)  # cells that are looked into; more than the last would no longer be quick
WORTH = 0.02  # of recall that twice the probes must add: what is near to nothing is found by no number of probes
RECALL = 0.97  # what is missed is spread over the ranks; groups then differ little more than two seeds do


@dataclass(frozen=True)
class CellSearch:
    """`columns` int64, `similarity` float32, both [n, wide]: of each row the most similar ones found, itself among them
    and in no order. `recall`: the share of true nearest neighbours that was found, on `sample` rows."""

    columns: np.ndarray
    similarity: np.ndarray
    cells: int
    probes: int
    recall: float
    sample: int

    def described(self) -> dict[str, Any]:
        """What is published of it."""
        return {
            "search": "cells", "search_cells": self.cells, "search_probes": self.probes,
            "search_recall": round(self.recall, 4), "search_sample": self.sample,
        }  # fmt: skip


def search_cells(data: np.ndarray, wide: int) -> CellSearch:
    """The `wide` most similar rows of each of float32 [n, d] rows of length 1. Memory grows with n * (wide + PLANE)."""
    import faiss

    n = len(data)
    flat = _projected(data)
    count = max(1, n // CELL)
    means: Any = faiss.Kmeans(
        flat.shape[1], count, niter=ITERATIONS, seed=SEED, max_points_per_centroid=PER_CENTROID, verbose=False
    )
    means.train(flat)
    rows = np.unique(np.linspace(0, n - 1, SAMPLE).astype(np.int64))
    true = _of_all(data, rows, wide)[1]
    own = np.asarray(means.index.search(flat, 1)[1][:, 0], dtype=np.int64)
    near = np.asarray(means.index.search(flat[rows], min(PROBES[-1], count))[1])
    probes, recall = probes_and_recall(own[true], near)
    postings = np.asarray(means.index.search(flat, probes)[1], dtype=np.int32)
    del flat
    columns, similarity = _compare(data, own, postings, wide)
    # whose cells hold too few, as beside a pile of copies: against all
    short = np.flatnonzero((columns < 0).any(axis=1))
    if len(short):
        similarity[short], columns[short] = _of_all(data, short, wide)
    return CellSearch(columns, similarity, count, probes, recall, len(rows))


def _projected(data: np.ndarray) -> np.ndarray:
    """The leading principal components, float32 [n, ≤ PLANE]."""
    if data.shape[1] <= PLANE:
        return data
    rows = np.unique(np.linspace(0, len(data) - 1, LEARNT).astype(np.int64))
    sample = data[rows]
    mean = sample.mean(axis=0)
    sample -= mean
    axes = np.linalg.eigh(sample.T @ sample)[1][:, : -PLANE - 1 : -1]
    # (data - mean) @ axes, without a second copy of the data
    return np.ascontiguousarray(data @ axes - mean @ axes, dtype=np.float32)


def _of_all(data: np.ndarray, rows: np.ndarray, wide: int) -> tuple[np.ndarray, np.ndarray]:
    """Similarities and columns, [rows, wide] each, of the most similar of all."""
    import faiss

    similarity, columns = faiss.knn(data[rows], data, wide, metric=faiss.METRIC_INNER_PRODUCT)
    return np.asarray(similarity), np.asarray(columns)


def probes_and_recall(cells_of_true: np.ndarray, near: np.ndarray) -> tuple[int, float]:
    """The fewest probes that reach `RECALL`, or that twice as many would hardly better, and what they reach.

    `cells_of_true` int [m, k]: the cells of each image's true neighbours; `near` int [m, p]: the cells nearest to it.
    Inside a cell nothing is missed, so a true neighbour is found exactly if its cell is among the probed.
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
    """Columns and similarities of the `wide` best of each row, [n, wide] each; −1 where fewer were looked at.

    Each core has a stretch of the rows to itself, so that none waits for another.
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
            # in blocks: a pile of copies is one cell, however large
            for some in _blocks(inside):
                for rows in _blocks(asking):
                    insert(data[rows] @ data[some].T, rows, some, similarity, columns)

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(cores, thread_name_prefix="cells") as pool:
        list(pool.map(compare, range(cores)))
    return columns, similarity


def insert_best(
    found: np.ndarray, rows: np.ndarray, some: np.ndarray, similarity: np.ndarray, columns: np.ndarray
) -> None:
    """Keep what is better than what is kept: `found` float32 [r, m] are the similarities of `rows` int64 [r] to `some`
    int64 [m]; `similarity` and `columns` [n, wide] are changed in place. Written for a compiler."""
    for asking in range(len(rows)):
        row = rows[asking]
        kept = similarity[row]
        least = kept.argmin()
        for other in range(len(some)):
            if found[asking, other] > kept[least]:
                kept[least] = found[asking, other]
                columns[row, least] = some[other]
                least = kept.argmin()


def _blocks(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]


def _by_cell(cells: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions sorted by cell, and where each cell begins and the last one ends."""
    return np.argsort(cells, kind="stable"), np.concatenate([[0], np.cumsum(np.bincount(cells, minlength=count))])
