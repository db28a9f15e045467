"""The graph of neighbours → one community structure of it.

What belongs here: community structures at a given resolution or of a given number of communities, and what is done
with communities that are too small. Not here: the graph (`neighbours/fuzzy_graph.py`), coarser and finer levels that
nest (`hierarchy.py`), what stays unclustered (`outliers.py`).

Modularity with a resolution: Reichardt, Bornholdt (2006). Leiden: Traag, Waltman, van Eck (2019), "From Louvain to
Leiden: guaranteeing well-connected communities", by graspologic-native. Consensus: Poulin, Théberge (2019), "Ensemble
clustering for graphs": several runs vote on every edge, and the last run is made on the votes, which is why two seeds
agree. Why this and not its relatives: docs/decisions/0002-default-clusterer.md.
"""

import heapq
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse

from pipeline.runtime.cpu import usable_cores
from pipeline.stages.labels.community.edges import inside, within
from pipeline.stages.labels.community.resolution import USUAL
from pipeline.stages.labels.contract import NONE

MOST_VOTERS, LEAST_VOTERS = 30, 4  # runs that vote: two seeds agree more with more of them
VOTES = 150_000  # images times runs: a large library is steadier, and each of its runs is dearer
FAINT = 0.05  # what is left of an edge that no voter keeps together: enough to attach, too little to join communities
ITERATIONS = 3  # of Leiden over the graph; 20 change next to nothing
SWEEPS = 100  # of local moving: equal weights made some runs go round for ever; others end after a few
SEARCH_STEPS = 20
LARGEST_RESOLUTION = 1e4
EDGE_BYTES = 64  # that a run holds for every edge
SIDE_BY_SIDE = 2 << 30  # bytes that runs at the same time may hold together


def consensus(
    graph: sparse.csr_matrix, resolution: float, seed: int, runs: Sequence[np.ndarray] | None = None
) -> np.ndarray:
    """Labels int [n] of communities on which `runs` with different seeds agree; they are made unless given."""
    if graph.nnz == 0:
        return np.arange(len(graph.indptr) - 1)
    runs = leiden_runs(graph, resolution, seed) if runs is None else runs
    edges = sparse.coo_matrix(graph)
    votes = np.zeros(len(edges.data))
    for labels in runs:
        votes += inside(edges, labels)
    weights = edges.data * (FAINT + (1 - FAINT) * votes / len(runs))
    voted = sparse.csr_matrix((weights, (edges.row, edges.col)), shape=graph.shape)
    return connected(graph, leiden(voted, resolution, seed))


def leiden_runs(graph: sparse.csr_matrix, resolution: float, seed: int) -> list[np.ndarray]:
    """The labels int [n] of each of `voters` runs of Leiden with seeds of their own."""
    count = voters(len(graph.indptr) - 1)
    threads = min(usable_cores(), count, max(1, SIDE_BY_SIDE // (EDGE_BYTES * max(graph.nnz, 1))))
    with ThreadPoolExecutor(threads, thread_name_prefix="leiden") as pool:
        return list(pool.map(partial(leiden, graph, resolution), range(seed + 1, seed + 1 + count)))


def voters(n: int) -> int:
    """How many runs vote on a graph of n images."""
    return max(LEAST_VOTERS, min(MOST_VOTERS, VOTES // max(n, 1)))


def leiden(graph: sparse.csr_matrix, resolution: float, seed: int) -> np.ndarray:
    """Labels int [n] of one run of Leiden on a symmetric graph; a node without an edge is a community of its own."""
    import graspologic_native

    n = len(graph.indptr) - 1
    labels = -1 - np.arange(n)
    if graph.nnz:
        ordered = sparse.csr_matrix(graph)
        ordered.sort_indices()
        library: Any = graspologic_native  # untyped
        _, communities = library.leiden_csr(
            ordered.indptr.astype(np.int64), ordered.indices.astype(np.int32), ordered.data.astype(np.float64), n,
            resolution=resolution, iterations=ITERATIONS, seed=seed % 2**32, max_local_moving_iterations=SWEEPS,
        )  # fmt: skip
        nodes = np.fromiter(communities.keys(), np.int64, len(communities))
        labels[nodes] = np.fromiter(communities.values(), np.int64, len(communities))
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def connected(graph: sparse.csr_matrix, labels: np.ndarray) -> np.ndarray:
    """Labels [n] where every community is cut into its connected pieces: votes may leave some in two."""
    return sparse.csgraph.connected_components(within(graph, labels), directed=False)[1].astype(np.int64)


def contracted(graph: sparse.csr_matrix, labels: np.ndarray) -> sparse.csr_matrix:
    """The graph between communities, [communities, communities]: summed weights, those inside on the diagonal."""
    n, count = len(labels), int(labels.max()) + 1
    member = sparse.csr_matrix((np.ones(n), (np.arange(n), labels)), shape=(n, count))
    return sparse.csr_matrix(member.T @ graph @ member)


def absorbed(
    graph: sparse.csr_matrix, labels: np.ndarray, smallest: int, *, counted: np.ndarray | None = None
) -> np.ndarray:
    """Labels [n] where groups below `smallest` joined the group that holds most of their outside weight.

    The smallest go first. One that is connected to nothing becomes `NONE`. `counted` bool [n]: the images that a
    group's size is counted in; all unless given.
    """
    labels = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    between = _rows(contracted(graph, labels))
    sizes = np.bincount(labels, weights=counted).astype(np.int64).tolist()
    goes_to = list(range(len(sizes)))
    waiting = [(size, group) for group, size in enumerate(sizes) if size < smallest]
    heapq.heapify(waiting)
    while waiting:
        size, group = heapq.heappop(waiting)
        if goes_to[group] != group or sizes[group] != size:
            continue  # it has joined another group, or grown, since it was put here
        others = between[group]
        if not others:
            goes_to[group] = NONE
            continue
        best = min(others, key=lambda other: (-others[other], other))
        goes_to[group] = best
        sizes[best] += size
        for other, weight in others.items():
            del between[other][group]
            if other != best:
                between[best][other] = between[other][best] = between[best].get(other, 0.0) + weight
        if sizes[best] < smallest:
            heapq.heappush(waiting, (sizes[best], best))
    for group in range(len(goes_to)):
        goes_to[group] = _end(goes_to, group)
    return np.asarray(goes_to, dtype=np.int64)[labels]


def _rows(between: sparse.csr_matrix) -> list[dict[int, float]]:
    """Row by row, the groups that each group touches, without itself, and the weight between."""
    edges = sparse.coo_matrix(between)
    rows: list[dict[int, float]] = [{} for _ in range(len(between.indptr) - 1)]
    for row, column, weight in zip(edges.row.tolist(), edges.col.tolist(), edges.data.tolist(), strict=True):
        if row != column and weight > 0:
            rows[row][column] = weight
    return rows


def _end(goes_to: list[int], group: int) -> int:
    while group != NONE and goes_to[group] != group:
        group = goes_to[group]
    return group


def exactly(graph: sparse.csr_matrix, wanted: int, seed: int) -> tuple[np.ndarray, float]:
    """Labels [n] of `wanted` groups and the resolution: the coarsest with as many or more, then mergers."""
    low, high = 0.0, USUAL
    labels = consensus(graph, high, seed)
    while len(np.unique(labels)) < wanted and high < LARGEST_RESOLUTION:
        low, high = high, high * 4
        labels = connected(graph, leiden(graph, high, seed))
    if len(np.unique(labels)) < wanted:
        labels = np.arange(len(graph.indptr) - 1)
    for _ in range(SEARCH_STEPS):
        if len(np.unique(labels)) == wanted:
            break
        middle = (low + high) / 2
        tried = connected(graph, leiden(graph, middle, seed))
        if len(np.unique(tried)) >= wanted:
            labels, high = tried, middle
        else:
            low = middle
    return merged(graph, labels, wanted, high), high


def merged(graph: sparse.csr_matrix, labels: np.ndarray, wanted: int, resolution: float) -> np.ndarray:
    """Labels [n] with the pair whose merger costs least modularity merged, until `wanted` groups are left."""
    labels = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    between = contracted(graph, labels).toarray()
    alive = np.ones(len(between), dtype=bool)
    total = max(float(between.sum()), 1e-12)
    while alive.sum() > wanted:
        degree = between.sum(axis=1)
        # relative to their sizes: two large groups with a thin bridge lose to a crumb and its neighbour
        gain = (between - resolution * np.outer(degree, degree) / total) / (np.minimum.outer(degree, degree) + 1e-12)
        gain[~alive, :] = gain[:, ~alive] = -np.inf
        np.fill_diagonal(gain, -np.inf)
        first, second = (int(x) for x in sorted(np.unravel_index(int(gain.argmax()), gain.shape)))
        between[first] += between[second]
        between[:, first] += between[:, second]
        between[second] = between[:, second] = 0
        alive[second] = False
        labels[labels == second] = first
    return np.unique(labels, return_inverse=True)[1]
