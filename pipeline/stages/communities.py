"""Embeddings → groups, found in the graph of neighbours without being told how many there are.

What belongs here: the `community` clusterer: partitions of the graph, the coarser level that contains the groups, an
exact number of clusters. Not here: the graph (`neighbours.py`), how fine (`resolution.py`), what stays unclustered
(`noise.py`), lasting ids (`identities.py`).

Modularity with a resolution: Reichardt, Bornholdt (2006). Louvain: Blondel et al. (2008). Consensus: Poulin, Théberge
(2019), "Ensemble clustering for graphs": several runs in different orders vote on every edge, and the last run is made
on the votes, which is why two seeds agree. Why this and not its relatives: docs/decisions/0002-default-clusterer.md.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import sparse

from pipeline.stages.neighbours import Neighbours, fuzzy_graph, nearest_neighbours
from pipeline.stages.noise import ISOLATED, calibrated, membership, strangeness
from pipeline.stages.resolution import (
    LEAST_DIVIDED,
    STEP,
    USUAL,
    WORTH,
    Granularity,
    automatic,
    granularity_of,
    resolution_of,
    silhouette,
)

NONE = -1
NEIGHBOURS = 15
PARENT_NEIGHBOURS = 5
VOTERS = 16  # with 8, two seeds fell to AMI 0.946 on the least clear set of the benchmark
VOTERS_ON_MANY = 8
MANY = 20_000  # images, from which a partition is steadier and dearer
FAINT = 0.05  # what is left of an edge that no voter keeps together: enough to attach, too little to join groups
GAIN = 1e-5  # least gain in modularity for another pass; sknetwork's 1e-3 stops early on large graphs
SEARCH_STEPS = 20
MOST_STEPS = 3  # to either end of granularity from anywhere near the usual
LARGEST_RESOLUTION = 1e4


@dataclass(frozen=True)
class CommunityGrouping:
    """Row i of each [n] array speaks of row i of the input.

    `groups` int32 [n], `NONE` where an image fits nowhere, numbered by size; `probability` float32 [n], the chance that
    the image is of its group's kind, 0 outside; `outlier_score` float32 [n], 0 to 1, from 0.5 on unclustered; `parents`
    int32 [groups]: the coarse group that holds each group; `effective`: the parameters as they were really used.
    """

    groups: np.ndarray
    probability: np.ndarray
    outlier_score: np.ndarray
    parents: np.ndarray
    effective: dict[str, Any]


def group_communities(
    vectors: np.ndarray,
    *,
    granularity: Granularity = "auto",
    n_clusters: int | None = None,
    min_cluster_size: int = 5,
    seed: int = 42,
    n_neighbors: int | None = None,
    noise_ratio: float = ISOLATED,
    neighbours: Neighbours | None = None,
) -> CommunityGrouping:
    """Group float32 [n, d] L2-normalised embeddings, any n.

    `n_clusters` overrides `granularity` and is met exactly where there are as many images. Groups below
    `min_cluster_size`, lowered for small libraries, are joined to the group they hang on most. `noise_ratio`: see
    `noise.isolation`; smaller leaves more unclustered. `neighbours` spares the search where they are known already.
    """
    data = np.ascontiguousarray(vectors, dtype=np.float32)
    n = len(data)
    effective: dict[str, Any] = {"method": "community", "seed": seed}
    if n < 2:
        return _nothing(n, {**effective, "note": f"{n} images make no group"})
    neighbours = neighbours or nearest_neighbours(data, (n_neighbors or NEIGHBOURS) - 1)
    graph = fuzzy_graph(neighbours)
    smallest = max(2, min(min_cluster_size, int(np.sqrt(n) / 3)))
    if n_clusters is None:
        labels, resolution = at_granularity(data, graph, granularity, seed)
        found = absorbed(graph, labels, smallest)
        effective |= {"granularity": round(granularity_of(resolution), 4), "min_cluster_size": smallest}
    else:
        wanted = max(1, min(n_clusters, n))
        found, resolution = exactly(graph, wanted, seed)
        effective["n_clusters"] = wanted
    strange = strangeness(data, neighbours, found, isolated=noise_ratio)
    groups = _without_noise(found, strange.score, kept=2 if n_clusters else 0)
    groups = numbered_by_size(groups)
    effective |= {
        "n_neighbors": neighbours.indices.shape[1] + 1, "resolution": round(resolution, 6), "voters": _voters(n),
        "noise_ratio": strange.isolation_limit, **neighbours.search,
    }  # fmt: skip
    # a member that the exact number of clusters had to keep is no stranger to its cluster
    score = np.where(groups == NONE, np.maximum(strange.score, 0.5), np.minimum(strange.score, 0.499))
    probability = calibrated(membership(graph, groups), score)
    parents = coarser(data, groups, seed)
    return CommunityGrouping(groups, probability, score.astype(np.float32), parents, effective)


def at_granularity(
    vectors: np.ndarray, graph: sparse.csr_matrix, granularity: Granularity, seed: int
) -> tuple[np.ndarray, float]:
    """Labels [n] and the resolution. `coarse` and `fine` lie one step on either side of what `auto` comes to.

    Where `auto` falls on a coarse resolution, its groups are kinds of library, some of which may hold kinds of their
    own: those are divided; then they are what `coarse` gives.
    """
    if not isinstance(granularity, str):
        resolution = resolution_of(float(granularity))
        return consensus(graph, resolution, seed), resolution
    best = _automatic(vectors, graph)
    labels = consensus(graph, best, seed)
    pieces = divided(vectors, graph, labels, seed) if best < USUAL else labels
    several = pieces.max() > labels.max()
    if granularity == "auto":
        return pieces, (USUAL if several else best)
    if granularity == "coarse" and several:
        return labels, best
    return _beside(graph, pieces, USUAL if several else best, granularity, seed)


def _beside(
    graph: sparse.csr_matrix, usual: np.ndarray, resolution: float, side: Literal["coarse", "fine"], seed: int
) -> tuple[np.ndarray, float]:
    """Labels [n] a step to one side of `resolution`, and more steps where chance made `usual` as coarse or as fine."""
    value = granularity_of(resolution)
    for _ in range(MOST_STEPS):
        value = min(1.0, value + STEP) if side == "fine" else max(0.0, value - STEP)
        labels = consensus(graph, resolution_of(value), seed)
        if labels.max() >= usual.max() if side == "fine" else labels.max() <= usual.max():
            return labels, resolution_of(value)
    return usual, resolution


def divided(vectors: np.ndarray, graph: sparse.csr_matrix, labels: np.ndarray, seed: int) -> np.ndarray:
    """Labels [n] where each group that clearly consists of several is cut, judged inside that group alone."""
    result = labels.copy()
    for group, size in enumerate(np.bincount(labels)):
        if size < LEAST_DIVIDED:
            continue
        members = np.flatnonzero(labels == group)
        part = _between(graph, members)
        pieces = consensus(part, _automatic(vectors[members], part), seed)
        if silhouette(vectors[members], pieces) >= WORTH:
            result[members] = np.where(pieces == 0, group, pieces + result.max())
    return result


def _between(graph: sparse.csr_matrix, members: np.ndarray) -> sparse.csr_matrix:
    """The graph of `members` alone."""
    whole: Any = graph  # scipy's stub does not know that this kind of matrix can be indexed
    return sparse.csr_matrix(whole[members][:, members])


def _automatic(vectors: np.ndarray, graph: sparse.csr_matrix) -> float:
    # tried with a seed of its own: another seed for the groups never changes how fine they are
    return automatic(vectors, graph, lambda resolution: connected(graph, louvain(graph, resolution, 0)))


def consensus(graph: sparse.csr_matrix, resolution: float, seed: int) -> np.ndarray:
    """Labels [n] of connected groups, on which runs in different orders agree."""
    edges = sparse.coo_matrix(graph)
    votes = np.zeros(len(edges.data))
    voters = _voters(len(graph.indptr) - 1)
    for voter in range(voters):
        labels = louvain(graph, resolution, seed + 1 + voter)
        votes += labels[edges.row] == labels[edges.col]
    weights = edges.data * (FAINT + (1 - FAINT) * votes / voters)
    voted = sparse.csr_matrix((weights, (edges.row, edges.col)), shape=graph.shape)
    return connected(graph, louvain(voted, resolution, seed))


def _voters(n: int) -> int:
    return VOTERS if n < MANY else VOTERS_ON_MANY


def louvain(graph: sparse.csr_matrix, resolution: float, seed: int) -> np.ndarray:
    """Labels [n] that no single move and no merger of two groups betters.

    Not scikit-network's Leiden: its refinement draws from the C library's `rand`, which `random_state` does not seed.
    """
    if graph.nnz == 0:
        return np.arange(len(graph.indptr) - 1)
    from sknetwork.clustering import Louvain

    model: Any = Louvain(
        resolution=resolution, shuffle_nodes=True, random_state=seed % 2**32, tol_optimization=GAIN,
        tol_aggregation=GAIN, return_probs=False, return_aggregate=False,
    )  # fmt: skip
    return np.asarray(model.fit_predict(graph), dtype=np.int64)


def connected(graph: sparse.csr_matrix, labels: np.ndarray) -> np.ndarray:
    """Labels [n] where every group of `labels` is cut into its connected pieces (what Leiden adds to Louvain)."""
    edges = sparse.coo_matrix(graph)
    inside = labels[edges.row] == labels[edges.col]
    kept = sparse.csr_matrix((edges.data[inside], (edges.row[inside], edges.col[inside])), shape=graph.shape)
    return sparse.csgraph.connected_components(kept, directed=False)[1].astype(np.int64)


def contracted(graph: sparse.csr_matrix, labels: np.ndarray) -> sparse.csr_matrix:
    """The graph between groups, [groups, groups]: summed weights, with the weight inside a group on the diagonal."""
    n, count = len(labels), int(labels.max()) + 1
    member = sparse.csr_matrix((np.ones(n), (np.arange(n), labels)), shape=(n, count))
    return sparse.csr_matrix(member.T @ graph @ member)


def absorbed(graph: sparse.csr_matrix, labels: np.ndarray, smallest: int) -> np.ndarray:
    """Labels [n] where groups below `smallest` joined the group that holds most of their outside weight.

    The smallest go first. One that is connected to nothing becomes `NONE`.
    """
    labels = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    between = contracted(graph, labels).tolil()
    sizes = np.bincount(labels).astype(np.int64)
    goes_to = np.arange(len(sizes))
    while True:
        small = np.flatnonzero((sizes > 0) & (sizes < smallest))
        if len(small) == 0:
            break
        one = int(small[np.lexsort((small, sizes[small]))[0]])
        row = between.getrowview(one).toarray().ravel()
        row[one] = 0
        if row.max() <= 0:
            goes_to[goes_to == one] = NONE
            sizes[one] = 0
            continue
        best = int(row.argmax())
        between[best, :] = between[[best], :] + between[[one], :]
        between[:, best] = between[:, [best]] + between[:, [one]]
        between[one, :] = 0
        between[:, one] = 0
        sizes[best] += sizes[one]
        sizes[one] = 0
        goes_to[goes_to == one] = best
    return goes_to[labels]


def exactly(graph: sparse.csr_matrix, wanted: int, seed: int) -> tuple[np.ndarray, float]:
    """Labels [n] of `wanted` groups and the resolution: the coarsest partition with as many or more, then mergers."""
    low, high = 0.0, USUAL
    labels = consensus(graph, high, seed)
    while len(np.unique(labels)) < wanted and high < LARGEST_RESOLUTION:
        low, high = high, high * 4
        labels = connected(graph, louvain(graph, high, seed))
    if len(np.unique(labels)) < wanted:
        labels = np.arange(len(graph.indptr) - 1)
    for _ in range(SEARCH_STEPS):
        if len(np.unique(labels)) == wanted:
            break
        middle = (low + high) / 2
        tried = connected(graph, louvain(graph, middle, seed))
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
        one, other = (int(x) for x in sorted(np.unravel_index(int(gain.argmax()), gain.shape)))
        between[one] += between[other]
        between[:, one] += between[:, other]
        between[other] = between[:, other] = 0
        alive[other] = False
        labels[labels == other] = one
    return np.unique(labels, return_inverse=True)[1]


def coarser(vectors: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """Int32 [groups]: for each group the coarse one that holds it, by the groups' centroids.

    Not by the edges between groups: clear kinds have none, and would never come together.
    """
    inside = np.flatnonzero(groups >= 0)
    if len(inside) == 0:
        return np.empty(0, dtype=np.int32)
    ones = np.ones(len(inside), dtype=np.float32)
    member = sparse.csr_matrix((ones, (groups[inside], inside)), shape=(int(groups.max()) + 1, len(groups)))
    sums = np.asarray(member @ vectors, dtype=np.float32)
    centroids = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    between = fuzzy_graph(nearest_neighbours(centroids, PARENT_NEIGHBOURS))
    return numbered_by_size(consensus(between, USUAL, seed))


def numbered_by_size(groups: np.ndarray) -> np.ndarray:
    """Int32 [n]: the same groups numbered by size, largest first, ties by their first image; `NONE` stays."""
    values, first, counts = np.unique(groups, return_index=True, return_counts=True)
    order = np.lexsort((first, -counts))
    order = order[values[order] >= 0]
    number = np.full(len(values), NONE, dtype=np.int32)
    number[order] = np.arange(len(order))
    return number[np.searchsorted(values, groups)]


def _without_noise(groups: np.ndarray, score: np.ndarray, *, kept: int) -> np.ndarray:
    """`groups` with strangers set to `NONE`; each group keeps its `kept` least strange, and one image is no group."""
    result = np.where(score >= 0.5, NONE, groups)
    for group in np.unique(groups[groups >= 0]):
        members = np.flatnonzero(groups == group)
        if kept:
            safe = members[np.argsort(score[members], kind="stable")[:kept]]
            result[safe] = group
        elif (result[members] != NONE).sum() < 2:
            result[members] = NONE
    return result


def _nothing(n: int, effective: dict[str, Any]) -> CommunityGrouping:
    return CommunityGrouping(
        np.full(n, NONE, dtype=np.int32), np.zeros(n, dtype=np.float32), np.ones(n, dtype=np.float32),
        np.empty(0, dtype=np.int32), effective,
    )  # fmt: skip
