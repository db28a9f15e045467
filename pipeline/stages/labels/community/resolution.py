"""Which resolution a library asks for, judged without labels.

What belongs here: the one knob `granularity`, and what its `auto` means. Not here: how a partition is found
(`clusterer.py`).

One fixed resolution is near the best on most libraries, and far from it on those with a few large kinds (it cuts them
up) or with many small ones (it lumps them). The mean silhouette (Rousseeuw, 1987) in the space of the embeddings, which
the partition was not made from, tells these cases: it is a judge with no share in the search.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from scipy import sparse

Granularity = Literal["auto", "coarse", "fine"] | float

USUAL = 1.25  # the resolution that is hardest to beat over all sets of the benchmark
RANGE = 25.0  # granularity 0 and 1 divide and multiply the usual resolution by this
STEP = 0.25  # of granularity: auto to coarse or fine, and from the groups to the level that contains them
CANDIDATES = (0.1, 0.2, 0.4, 0.8, USUAL, 2.0, 3.0, 5.0)
CLEARLY = 1.1  # a candidate must have this many times the usual one's silhouette: small differences are chance
APART = 0.97  # share of edge weight inside groups that a coarser candidate must have: its groups hardly touch
RECURRING = 5  # least images per group, on average, of a finer candidate: pairs and triples look tight by chance
GIANT = 0.8  # share of the images in one group above which a candidate is no answer
WORTH = 0.08  # silhouette of a group's own partition from which it is several groups: half of what photographs reach
LEAST_DIVIDED = 30  # images below which a group is not looked into
BLOCK_VALUES = 8_000_000
JUDGED = 20_000  # images whose silhouettes are averaged: the standard error of the mean of so many is below 0.005

Partitions = Callable[[Sequence[float]], Sequence[np.ndarray]]


def resolution_of(granularity: float) -> float:
    """The resolution that a granularity from 0 (coarse) to 1 (fine) stands for; it never falls."""
    return USUAL * RANGE ** (2 * min(1.0, max(0.0, granularity)) - 1)


def granularity_of(resolution: float) -> float:
    """The inverse of `resolution_of`."""
    return float((np.log(resolution / USUAL) / np.log(RANGE) + 1) / 2)


def automatic(vectors: np.ndarray, graph: "sparse.csr_matrix", partitions: Partitions, start: float = USUAL) -> float:
    """The candidate with the best silhouette, if it is clearly better than that of `start`, else that one.

    `vectors` float32 [n, d] of length 1; `partitions` gives labels int [n] for each of some resolutions. `start` is the
    usual resolution, or the one that was the best the last time: a library whose candidates are about as good should
    not change with every few images. Where it is no answer any more, the usual one takes its place.
    """
    resolutions = list(dict.fromkeys((*CANDIDATES, start)))
    tried = dict(zip(resolutions, partitions(resolutions), strict=True))
    if start != USUAL and not _answers(start, graph, tried[start]):
        start = USUAL
    best, best_value = start, max(silhouette(vectors, tried[start]), 0.0) * CLEARLY
    for resolution, labels in tried.items():
        if resolution == start or not _answers(resolution, graph, labels):
            continue
        value = silhouette(vectors, labels)
        if value > best_value:
            best, best_value = resolution, value
    return best


def _answers(resolution: float, graph: "sparse.csr_matrix", labels: np.ndarray) -> bool:
    if np.bincount(labels).max() > GIANT * len(labels):
        return False
    if resolution < USUAL and inside_share(graph, labels) < APART:
        return False
    return resolution <= USUAL or len(labels) >= RECURRING * len(np.unique(labels))


def silhouette(vectors: np.ndarray, labels: np.ndarray) -> float:
    """The mean silhouette, −1 to 1, under cosine distance, of `JUDGED` images evenly spread over the rows, or of all.

    Against all members of all groups, yet linear in n, since a mean of dot products is a dot product with a mean.
    Images alone in their group count 0; a single group has none, −1.
    """
    from scipy import sparse

    sizes = np.bincount(labels).astype(np.float64)
    if len(sizes) < 2:
        return -1.0
    n = len(labels)
    member = sparse.csr_matrix((np.ones(n, dtype=np.float32), (labels, np.arange(n))), shape=(len(sizes), n))
    sums = np.asarray(member @ vectors, dtype=np.float32)
    total = 0.0
    judged = np.arange(n) if n <= JUDGED else np.linspace(0, n - 1, JUDGED).astype(np.int64)
    step = max(1, BLOCK_VALUES // len(sizes))
    for start in range(0, len(judged), step):
        rows = judged[start : start + step]
        dots = (vectors[rows] @ sums.T).astype(np.float64)
        own, size = dots[np.arange(len(rows)), labels[rows]], sizes[labels[rows]]
        within = np.maximum(1 - (own - 1) / np.maximum(size - 1, 1), 0.0)
        distances = 1 - dots / sizes
        distances[np.arange(len(rows)), labels[rows]] = np.inf
        beyond = np.maximum(distances.min(axis=1), 0.0)
        larger = np.maximum(within, beyond)
        total += float(np.where((size > 1) & (larger > 1e-9), (beyond - within) / np.maximum(larger, 1e-9), 0.0).sum())
    return total / len(judged)


def inside_share(graph: "sparse.csr_matrix", labels: np.ndarray) -> float:
    """The share of all edge weight that stays inside groups."""
    from scipy import sparse

    edges = sparse.coo_matrix(graph)
    total = float(edges.data.sum())
    return float(edges.data[labels[edges.row] == labels[edges.col]].sum()) / total if total else 1.0
