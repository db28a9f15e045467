"""Clusters embeddings with Leiden on the nearest-neighbour graph; the number of clusters is optional.

What belongs here: the `community` clusterer, from the embeddings to groups, probabilities and what was really used. Not
here: the graph (`neighbours/knn.py`), communities of it (`structure.py`), how fine (`resolution.py`, `hierarchy.py`),
what stays unclustered (`outliers.py`), lasting ids (`identities/matching.py`).
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from pipeline.settings import ClusterParams
from pipeline.stages.labels.community.hierarchy import Level, level, merged_at
from pipeline.stages.labels.community.outliers import ISOLATED, Strangeness, calibrated, membership, strangeness
from pipeline.stages.labels.community.prior_partition import History, recalled
from pipeline.stages.labels.community.resolution import STEP, USUAL, granularity_of, resolution_of, value_of
from pipeline.stages.labels.community.stability import item_consensus
from pipeline.stages.labels.community.structure import absorbed, consensus, exactly, leiden_runs, voters
from pipeline.stages.labels.contract import NONE
from pipeline.stages.labels.grouping import Grouping, no_groups, numbered_by_size
from pipeline.stages.neighbours.fuzzy_graph import fuzzy_graph
from pipeline.stages.neighbours.knn import Neighbours, nearest_neighbours

NEIGHBOURS = 15
LIBRARY_SHARE = 8  # at most one in so many images is a neighbour
SMALLEST_SHARE = 3  # no cluster is required to have more images than the root of the library over this
PARENT_NEIGHBOURS = 5
PARENT_RESOLUTION = 1.25  # at the resolution for images, a few centroids form one community


def neighbours_of(n: int) -> int:
    """How many neighbours of each of n images make the graph: `NEIGHBOURS` − 1, at most an eighth of a small library,
    because farther neighbours belong to other clusters."""
    return max(2, min(NEIGHBOURS - 1, n // LIBRARY_SHARE))


def group_communities(
    vectors: np.ndarray,
    params: ClusterParams,
    *,
    noise_ratio: float = ISOLATED,
    neighbours: Neighbours | None = None,
    history: History | None = None,
) -> Grouping:
    """Group float32 [n, d] L2-normalised embeddings, any n.

    `params.n_clusters` overrides `granularity` and is met exactly where there are as many images. `noise_ratio`: see
    `outliers.isolation`; smaller leaves more unclustered. `neighbours`: from an earlier search, so that none is made.
    `history`: the previous clusters; edges between different ones are weakened. From `outlier_score` 0.5 on an image is
    unclustered.

    Without `n_clusters`, clusters below `min_cluster_size` (lowered for small libraries) are merged into the cluster
    with the largest edge weight to them; if unconnected, they stay unclustered. The clusters of different granularities
    nest, and leave the same images unclustered: those that `auto` leaves.
    """
    data = np.ascontiguousarray(vectors, dtype=np.float32)
    n, seed, n_clusters = len(data), params.seed, params.n_clusters
    effective: dict[str, Any] = {"method": "community", "seed": seed}
    if n < 2:
        return no_groups(n, effective)
    neighbours = neighbours or nearest_neighbours(data, NEIGHBOURS - 1)
    nearest = neighbours.nearest(neighbours_of(n))
    graph = fuzzy_graph(nearest)
    prior = history if history is not None and history.weight > 0 and history.images else None
    searched = graph if prior is None else recalled(graph, prior)
    runs = leiden_runs(searched, USUAL, seed)
    strangers = partial(strangeness, data, neighbours, isolated=noise_ratio)
    if n_clusters is None:
        cut = _at_granularity(searched, runs, params, strangers)
    else:
        cut = _of_number(searched, max(1, min(n_clusters, n)), seed, strangers)
    groups = numbered_by_size(cut.groups)
    effective |= cut.effective | {
        "n_neighbors": nearest.indices.shape[1] + 1, "resolution": round(cut.resolution, 6), "voters": voters(n),
        "noise_ratio": cut.strange.isolation_limit, **neighbours.search,
    }  # fmt: skip
    if prior:
        effective |= {"memory": prior.weight, "remembered": prior.images}
    score = _scores(groups, cut.strange)
    if cut.resolution < USUAL:  # coarser than `auto`: compare with runs at this resolution
        runs = leiden_runs(searched, cut.resolution, seed)
    probability = calibrated(membership(graph, groups), score, item_consensus(groups, runs))
    parents = _parents(groups, cut.above)
    if len(np.unique(parents)) == len(parents):
        parents = coarser(data, groups, seed)
    return Grouping(groups, probability, score.astype(np.float32), effective, parents)


def _scores(groups: np.ndarray, strange: Strangeness) -> np.ndarray:
    """Outlier scores [n], from 0.5 on exactly where `groups` is `NONE`.

    A member that the exact number of clusters had to keep is no stranger to its cluster.
    """
    return np.where(groups == NONE, np.maximum(strange.score, 0.5), np.minimum(strange.score, 0.499))


Strangers = Callable[[np.ndarray], Strangeness]  # groups int [n] → who fits nowhere


class _Cut(NamedTuple):
    """`groups` int [n] with `NONE` for strangers, and the level `above` int [n] that holds each of them whole."""

    groups: np.ndarray
    above: np.ndarray
    strange: Strangeness
    resolution: float
    effective: dict[str, Any]


def _at_granularity(
    graph: sparse.csr_matrix, runs: list[np.ndarray], params: ClusterParams, strangers: Strangers
) -> _Cut:
    """The level of `params.granularity` in the tree around the groups of `auto`; `strangers` tells who fits nowhere."""
    n = len(graph.indptr) - 1
    smallest = max(2, min(params.min_cluster_size, int(np.sqrt(n) / SMALLEST_SHARE)))
    usual = absorbed(graph, consensus(graph, USUAL, params.seed, runs), smallest)
    strange = strangers(usual)
    inside = _without_noise(usual, strange.score, min_members=0) != NONE
    value = value_of(params.granularity, granularity_of(USUAL))
    tree = [Level(granularity_of(USUAL), usual)]
    level_at = partial(level, graph, tree, smallest=smallest, counted=inside, seed=params.seed)
    labels, above = level_at(value), level_at(max(0.0, value - STEP))
    effective = {"granularity": round(value, 4), "min_cluster_size": smallest}
    return _Cut(np.where(inside, labels, NONE), above, strange, resolution_of(value), effective)


def _of_number(graph: sparse.csr_matrix, wanted: int, seed: int, strangers: Strangers) -> _Cut:
    """Exactly `wanted` groups; each keeps two members, however strange."""
    exact, resolution = exactly(graph, wanted, seed)
    strange = strangers(exact)
    groups = _without_noise(exact, strange.score, min_members=2)
    above = merged_at(graph, exact, resolution_of(granularity_of(resolution) - STEP))
    return _Cut(groups, above, strange, resolution, {"n_clusters": wanted})


def _parents(groups: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Int32 [groups]: the group of the level `above` int [n], which holds it whole, of each of `groups` int [n]."""
    inside = np.flatnonzero(groups >= 0)
    first = inside[np.unique(groups[inside], return_index=True)[1]]
    return np.unique(above[first], return_inverse=True)[1].astype(np.int32)


def coarser(vectors: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """Int32 [groups]: for each group the coarse one that holds it, by the groups' centroids.

    For groups that no edge joins: clear kinds never come together in the graph of neighbours.
    """
    inside = np.flatnonzero(groups >= 0)
    if len(inside) == 0:
        return np.empty(0, dtype=np.int32)
    ones = np.ones(len(inside), dtype=np.float32)
    member = sparse.csr_matrix((ones, (groups[inside], inside)), shape=(int(groups.max()) + 1, len(groups)))
    sums = np.asarray(member @ vectors, dtype=np.float32)
    centroids = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    between = fuzzy_graph(nearest_neighbours(centroids, PARENT_NEIGHBOURS))
    return numbered_by_size(consensus(between, PARENT_RESOLUTION, seed))


def _without_noise(groups: np.ndarray, score: np.ndarray, *, min_members: int) -> np.ndarray:
    """`groups` with strangers set to `NONE`; each keeps its `min_members` least strange.

    With `min_members` 0, groups of one are dissolved.
    """
    result = np.where(score >= 0.5, NONE, groups)
    inside = np.flatnonzero(groups >= 0)
    if min_members:
        order = inside[np.lexsort((score[inside], groups[inside]))]
        of = groups[order]
        safe = order[np.arange(len(order)) - np.searchsorted(of, of) < min_members]
        result[safe] = groups[safe]
    elif len(inside):
        left = np.bincount(result[result >= 0], minlength=int(groups.max()) + 1)
        result[inside[left[groups[inside]] < 2]] = NONE
    return result
