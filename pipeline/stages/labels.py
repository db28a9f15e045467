"""Reduced vectors → raw groups: which images lie together, how surely, and which fit nowhere.

What belongs here: the clusterers and how noise is decided. Not here: lasting ids (`identities.py`). A raw group is a
number that means nothing beyond one run; "none" is a null in the table, never −1.

HDBSCAN: Campello, Moulavi, Sander (2013), "Density-Based Clustering Based on Hierarchical Density Estimates"; outlier
scores: GLOSH, Campello et al. (2015).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import polars as pl

from pipeline.errors import UnknownNameError
from pipeline.settings import ClusterParams

LABELS_SCHEMA = pl.Schema(
    {
        "image_id": pl.String(),
        "content_hash": pl.String(),
        "raw_group": pl.Int32(),
        "probability": pl.Float32(),
        "outlier_score": pl.Float32(),
    }
)
KMEANS_CLUSTERS = 20
NONE = -1  # inside arrays only; becomes a null before it leaves this module's caller


@dataclass(frozen=True)
class Grouping:
    """Row i of each array speaks of row i of the input; `groups` int32 [n] has `NONE` where an image fits nowhere."""

    groups: np.ndarray
    probability: np.ndarray
    outlier_score: np.ndarray
    effective: dict[str, Any] = field(default_factory=dict[str, Any])


def group(vectors: np.ndarray, params: ClusterParams) -> Grouping:
    """Group float32 [n, k] reduced vectors. Groups are numbered by size, largest first, ties by their first image.

    `community` expects the L2-normalised embeddings themselves: its graph and its noise are those of that space.
    """
    clusterer = CLUSTERERS.get(params.method)
    if clusterer is None:
        raise UnknownNameError(f"There is no clusterer {params.method!r}. There are: {', '.join(CLUSTERERS)}.")
    if len(vectors) < 2:
        n = len(vectors)
        alone = np.full(n, NONE, dtype=np.int32)
        zeros = np.zeros(n, dtype=np.float32)
        return Grouping(alone, zeros, zeros, {"method": params.method, "note": f"{n} images make no group"})
    found = clusterer(np.ascontiguousarray(vectors, dtype=np.float32), params)
    return Grouping(_number_by_size(found.groups), found.probability, found.outlier_score, found.effective)


def _hdbscan(vectors: np.ndarray, params: ClusterParams) -> Grouping:
    import hdbscan

    n = len(vectors)
    smallest = max(2, min(params.min_cluster_size, n // 4))
    samples = max(1, min(params.min_samples or smallest, n - 1))
    model = hdbscan.HDBSCAN(
        min_cluster_size=smallest,
        min_samples=samples,
        cluster_selection_epsilon=params.cluster_selection_epsilon,
        cluster_selection_method=params.cluster_selection_method,
        core_dist_n_jobs=1,
    ).fit(vectors.astype(np.float64))
    scores = np.nan_to_num(np.asarray(model.outlier_scores_, dtype=np.float32), nan=0.0)
    effective = {
        "method": "hdbscan", "min_cluster_size": smallest, "min_samples": samples,
        "cluster_selection_epsilon": params.cluster_selection_epsilon,
        "cluster_selection_method": params.cluster_selection_method,
    }  # fmt: skip
    return Grouping(
        np.asarray(model.labels_, dtype=np.int32), np.asarray(model.probabilities_, dtype=np.float32), scores, effective
    )


def _kmeans(vectors: np.ndarray, params: ClusterParams) -> Grouping:
    from sklearn.cluster import KMeans

    k = min(params.n_clusters or KMEANS_CLUSTERS, len(np.unique(vectors, axis=0)))
    if k < 2:
        groups = np.zeros(len(vectors), dtype=np.int32)
        ones = np.ones(len(vectors), dtype=np.float32)
        return Grouping(groups, ones, 1 - ones, {"method": "kmeans", "n_clusters": 1, "seed": params.seed})
    starts: Any = 10  # sklearn's stub says str only
    model = KMeans(n_clusters=k, n_init=starts, random_state=params.seed).fit(vectors)
    distances = np.sort(model.transform(vectors), axis=1)[:, :2]
    total = distances.sum(axis=1)
    # 1 on the centre, 0.5 half-way to the next one: how much nearer the own centre is than the second nearest
    probability = np.where(total > 0, distances[:, 1] / np.where(total > 0, total, 1), 1.0).astype(np.float32)
    effective = {"method": "kmeans", "n_clusters": k, "n_init": 10, "seed": params.seed}
    return Grouping(np.asarray(model.labels_, dtype=np.int32), probability, 1 - probability, effective)


def _community(vectors: np.ndarray, params: ClusterParams) -> Grouping:
    from pipeline.stages.communities import group_communities

    named = params.granularity in ("auto", "coarse", "fine")
    found = group_communities(
        vectors,
        granularity=cast("Any", params.granularity) if named else float(params.granularity),
        n_clusters=params.n_clusters,
        min_cluster_size=params.min_cluster_size,
        seed=params.seed,
    )
    return Grouping(found.groups, found.probability, found.outlier_score, {"method": "community", **found.effective})


CLUSTERERS: dict[str, Callable[[np.ndarray, ClusterParams], Grouping]] = {
    "community": _community,
    "hdbscan": _hdbscan,
    "kmeans": _kmeans,
}


def _number_by_size(groups: np.ndarray) -> np.ndarray:
    values, first, counts = np.unique(groups, return_index=True, return_counts=True)
    order = sorted(
        (index for index, value in enumerate(values) if value != NONE), key=lambda i: (-int(counts[i]), int(first[i]))
    )
    result = np.full(len(groups), NONE, dtype=np.int32)
    for number, index in enumerate(order):
        result[groups == values[index]] = number
    return result
