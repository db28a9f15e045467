"""Centroids of groups × centroids of clusters → which cluster a group of new images continues without overlap.

What belongs here: the similarity of centroids, and when it alone is enough. Not here: overlap (`assignment.py`), which
always takes precedence; ids and fates (`matching.py`). All centroids must come from one encoder.
"""

from collections.abc import Mapping, Sequence

import numpy as np

REPLACED = 0.1  # overlap is meaningless if at most this share of a cluster's images is still clustered anywhere


def similarities(
    centroids: np.ndarray | None, cluster_centroids: Mapping[str, np.ndarray], names: Sequence[str]
) -> np.ndarray | None:
    """Cosine similarity float32 [g, names] of L2-normalised float32 [g, d] centroids, 0 for a cluster without a
    centroid; None if there is nothing to compare."""
    if centroids is None or not cluster_centroids or not names or not len(centroids):
        return None
    empty = np.zeros(centroids.shape[1], dtype=np.float32)
    return centroids.astype(np.float32) @ np.stack([cluster_centroids.get(name, empty) for name in names]).T


def follow(
    groups: Sequence[frozenset[str]],
    alive: Mapping[str, frozenset[str]],
    dead: Mapping[str, frozenset[str]],
    continued: Mapping[int, str],
    centroids: np.ndarray,
    cluster_centroids: Mapping[str, np.ndarray],
    least: float,
) -> dict[int, str]:
    """Group of new images → the cluster whose images are gone and that it continues.

    Both must be mutual nearest neighbours with a similarity of at least `least`. Groups and clusters in `continued` are
    taken, but still count as neighbours.
    """
    present = frozenset().union(*groups) if groups else frozenset[str]()
    everyone = {**dead, **alive}
    lost = {
        name
        for name in cluster_centroids
        if name not in continued.values() and len(everyone[name] & present) <= REPLACED * len(everyone[name])
    }
    seen = set[str]().union(*alive.values())
    fresh = [g for g, members in enumerate(groups)
             if g not in continued and len(members & seen) <= REPLACED * len(members)]  # fmt: skip
    # a dead cluster whose images are now in another cluster is no candidate and no neighbour
    names = sorted(name for name in cluster_centroids if name in alive or name in lost)
    similarity = similarities(centroids, cluster_centroids, names)
    if similarity is None or not lost or not fresh:
        return {}
    best_group, best_name = similarity.argmax(axis=0), similarity.argmax(axis=1)
    return {
        g: names[int(best_name[g])]
        for g in fresh
        if names[int(best_name[g])] in lost
        and int(best_group[best_name[g]]) == g
        and similarity[g, best_name[g]] >= least
    }
