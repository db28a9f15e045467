"""Centroids of groups × those of clusters → which cluster a group of new images follows where overlap says nothing.

What belongs here: the similarity of centroids, and when it alone is enough. Not here: overlap (`assignment.py`), which
goes before this always; ids and fates (`matching.py`). Centroids of two encoders are never compared: the caller hands
over those of one.
"""

from collections.abc import Mapping, Sequence

import numpy as np

REPLACED = 0.1  # share of a cluster's images that are still clustered somewhere, up to which overlap says nothing


def similarities(
    centroids: np.ndarray | None, known: Mapping[str, np.ndarray], names: Sequence[str]
) -> np.ndarray | None:
    """Cosine similarity float32 [g, names] of L2-normalised float32 [g, d], 0 where a cluster's centroid is not known;
    None where there is nothing to compare."""
    if centroids is None or not known or not names or not len(centroids):
        return None
    empty = np.zeros(centroids.shape[1], dtype=np.float32)
    return centroids.astype(np.float32) @ np.stack([known.get(name, empty) for name in names]).T


def follow(
    groups: Sequence[frozenset[str]],
    alive: Mapping[str, frozenset[str]],
    dead: Mapping[str, frozenset[str]],
    continued: Mapping[int, str],
    centroids: np.ndarray,
    known: Mapping[str, np.ndarray],
    least: float,
) -> dict[int, str]:
    """Group of new images → the cluster whose images are gone, where each is the other's nearest of all and their
    similarity is at least `least`. `continued` groups and clusters are taken, but still count as nearest."""
    present = frozenset().union(*groups) if groups else frozenset[str]()
    everyone = {**dead, **alive}
    lost = {
        name
        for name in known
        if name not in continued.values() and len(everyone[name] & present) <= REPLACED * len(everyone[name])
    }
    seen = set[str]().union(*alive.values())
    fresh = [g for g, members in enumerate(groups)
             if g not in continued and len(members & seen) <= REPLACED * len(members)]  # fmt: skip
    # a dead cluster whose images live on in another says nothing about where its kind went
    names = sorted(name for name in known if name in alive or name in lost)
    alike = similarities(centroids, known, names)
    if alike is None or not lost or not fresh:
        return {}
    best_group, best_name = alike.argmax(axis=0), alike.argmax(axis=1)
    return {
        g: names[int(best_name[g])]
        for g in fresh
        if names[int(best_name[g])] in lost and int(best_group[best_name[g]]) == g and alike[g, best_name[g]] >= least
    }
