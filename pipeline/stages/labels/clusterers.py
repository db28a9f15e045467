"""Reduced vectors → raw groups: which images lie together, how surely, and which fit nowhere.

What belongs here: the clusterers, and what the one knob `granularity` means to each. Not here: the level that contains
the groups (`identities/superclusters.py`), lasting ids (`identities/matching.py`). A raw group is a number that means
nothing beyond one run; "none" is a null in the table, never −1. What a clusterer returns: `grouping.py`.

HDBSCAN: Campello, Moulavi, Sander (2013), "Density-Based Clustering Based on Hierarchical Density Estimates"; outlier
scores: GLOSH, Campello et al. (2015).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.errors import UnknownNameError
from pipeline.settings import ClusterParams
from pipeline.stages.labels.community.prior_partition import History
from pipeline.stages.labels.community.resolution import value_of
from pipeline.stages.labels.grouping import Grouping, no_groups, numbered_by_size
from pipeline.stages.neighbours.knn import Neighbours

KMEANS_CLUSTERS = 20
FEWEST = 2  # clusters of k-means at granularity 0
IMAGES_PER_CLUSTER = 5  # at granularity 1: k-means does not cut finer on average
MANY_CLUSTERS = 100  # above, k-means starts 3 times and not 10: ten starts take minutes and end alike


@dataclass(frozen=True)
class Precomputed:
    """What is known of the vectors before they are grouped."""

    neighbours: Neighbours | None = None
    history: History | None = None


def group(
    vectors: np.ndarray,
    params: ClusterParams,
    *,
    neighbours: Neighbours | None = None,
    history: History | None = None,
) -> Grouping:
    """Group float32 [n, k] reduced vectors. Groups are numbered by size, largest first, ties by their first image.

    `community` expects the L2-normalised embeddings themselves: its graph and its noise are those of that space. Where
    their `neighbours` are known already (`NEIGHBOURS` − 1 of each), they are not searched for again. It alone heeds
    `history`, the groups of before.
    """
    clusterer = CLUSTERERS.get(params.method)
    if clusterer is None:
        raise UnknownNameError(f"There is no clusterer {params.method!r}. There are: {', '.join(CLUSTERERS)}.")
    if len(vectors) < 2:
        return no_groups(len(vectors), {"method": params.method})
    return clusterer(np.ascontiguousarray(vectors, dtype=np.float32), params, Precomputed(neighbours, history))


def smallest_of(granularity: float, n: int, least: int) -> int:
    """HDBSCAN's smallest group of n images: a quarter of them at 0, `least` at 1, by equal ratios between."""
    largest = max(least, n // 4)
    return max(2, round(largest * (least / largest) ** granularity))


def clusters_of(granularity: float, n: int) -> int:
    """The k of k-means for n images: `FEWEST` at 0, one for `IMAGES_PER_CLUSTER` images at 1, by equal ratios."""
    most = max(FEWEST, n // IMAGES_PER_CLUSTER)
    return round(FEWEST * (most / FEWEST) ** granularity)


def _granularity_of_clusters(k: int, n: int) -> float:
    most = max(FEWEST, n // IMAGES_PER_CLUSTER)
    return float(np.clip(np.log(k / FEWEST) / np.log(most / FEWEST), 0.0, 1.0)) if most > FEWEST else 1.0


def _hdbscan(vectors: np.ndarray, params: ClusterParams, _: Precomputed) -> Grouping:
    import hdbscan

    n = len(vectors)
    least = max(2, min(params.min_cluster_size, n // 4))
    granularity = value_of(params.granularity, 1.0)
    smallest = smallest_of(granularity, n, least)
    # the density is not smoothed more for larger groups: at coarse granularities all would be unclustered
    samples = max(1, min(params.min_samples or least, n - 1))
    model = hdbscan.HDBSCAN(
        min_cluster_size=smallest,
        min_samples=samples,
        cluster_selection_epsilon=params.cluster_selection_epsilon,
        cluster_selection_method=params.cluster_selection_method,
        core_dist_n_jobs=1,
    ).fit(vectors.astype(np.float64))
    scores = np.nan_to_num(np.asarray(model.outlier_scores_, dtype=np.float32), nan=0.0)
    effective = {
        "method": "hdbscan", "granularity": round(granularity, 4), "min_cluster_size": smallest, "min_samples": samples,
        "cluster_selection_epsilon": params.cluster_selection_epsilon,
        "cluster_selection_method": params.cluster_selection_method,
    }  # fmt: skip
    groups = numbered_by_size(np.asarray(model.labels_, dtype=np.int32))
    return Grouping(groups, np.asarray(model.probabilities_, dtype=np.float32), scores, effective)


def _kmeans(vectors: np.ndarray, params: ClusterParams, _: Precomputed) -> Grouping:
    from sklearn.cluster import KMeans

    n = len(vectors)
    granularity = value_of(params.granularity, _granularity_of_clusters(KMEANS_CLUSTERS, n))
    wanted = KMEANS_CLUSTERS if params.granularity == "auto" else clusters_of(granularity, n)
    k = min(params.n_clusters or wanted, len(np.unique(vectors, axis=0)))
    if k < 2:
        groups = np.zeros(len(vectors), dtype=np.int32)
        ones = np.ones(len(vectors), dtype=np.float32)
        return Grouping(groups, ones, 1 - ones, {"method": "kmeans", "n_clusters": 1, "seed": params.seed})
    starts: Any = 10 if k <= MANY_CLUSTERS else 3  # sklearn's stub says str only
    model = KMeans(n_clusters=k, n_init=starts, random_state=params.seed).fit(vectors)
    distances = np.sort(model.transform(vectors), axis=1)[:, :2]
    total = distances.sum(axis=1)
    # 1 on the centre, 0.5 half-way to the next one: how much nearer the own centre is than the second nearest
    probability = np.where(total > 0, distances[:, 1] / np.where(total > 0, total, 1), 1.0).astype(np.float32)
    effective = {"method": "kmeans", "n_clusters": k, "n_init": starts, "seed": params.seed}
    if params.n_clusters is None:
        effective["granularity"] = round(_granularity_of_clusters(k, n), 4)
    groups = numbered_by_size(np.asarray(model.labels_, dtype=np.int32))
    return Grouping(groups, probability, 1 - probability, effective)


def _community(vectors: np.ndarray, params: ClusterParams, precomputed: Precomputed) -> Grouping:
    from pipeline.stages.labels.community.clusterer import group_communities

    return group_communities(vectors, params, neighbours=precomputed.neighbours, history=precomputed.history)


CLUSTERERS: dict[str, Callable[[np.ndarray, ClusterParams, Precomputed], Grouping]] = {
    "community": _community,
    "hdbscan": _hdbscan,
    "kmeans": _kmeans,
}
