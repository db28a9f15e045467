"""Clusters → members by typicality, the representatives, the centroid and the cohesion.

What belongs here: geometry in the space of the embeddings. Not here: representatives that people chose (`curation/`).
"""

from dataclasses import dataclass

import numpy as np

from pipeline.settings import RepresentativeParams

DECIMALS, ROUNDED_AWAY = (
    5,
    2e-5,
)  # of compared similarities; two that differ by more than the second are not equal when rounded


@dataclass(frozen=True)
class Represented:
    """`order` int [n]: members from most to least typical; `chosen`: at most `count` rows, the main representative
    first; `similarity` float32 [n] to the `centroid` float32 [d]; `cohesion`: the mean similarity."""

    centroid: np.ndarray
    similarity: np.ndarray
    order: np.ndarray
    chosen: list[int]
    cohesion: float


def centroid(vectors: np.ndarray) -> np.ndarray:
    """The L2-normalised mean, float32 [d], of L2-normalised [n, d] vectors."""
    mean = vectors.astype(np.float32).mean(axis=0)
    length = float(np.linalg.norm(mean))
    return mean / length if length else mean


def represent(vectors: np.ndarray, names: list[str], params: RepresentativeParams) -> Represented:
    """Order the n members of one cluster and choose its representatives.

    The first is nearest to the centroid. Each further one is farthest from those already chosen (farthest-first,
    Gonzalez 1985), among the more typical half, so that no outlier represents the cluster. Copies of one picture are
    chosen once while there are others. Ties go to the smaller of `names`, so the result is deterministic.
    """
    data = vectors.astype(np.float32)
    middle = centroid(data)
    similarity = data @ middle
    # rounded before sorting: the last bits of a dot product depend on the machine, a name does not
    order = np.array([row for _, _, row in sorted(zip([-value for value in _rounded(similarity)], names,
                                                      range(len(names)), strict=True))])  # fmt: skip
    core = order[: max(params.count, (len(order) + 1) // 2)].tolist()
    chosen = [core[0]]
    typical = data[core]
    nearest = typical @ data[core[0]]
    while len(chosen) < min(params.count, len(core)):
        nearest[[core.index(row) for row in chosen]] = np.inf
        near = np.flatnonzero(nearest <= nearest.min() + ROUNDED_AWAY).tolist()  # all that may be the least, rounded
        _, pick = min(zip(_rounded(nearest[near]), near, strict=True))
        chosen.append(core[pick])
        nearest = np.maximum(nearest, typical @ typical[pick])
    return Represented(middle, similarity, order, chosen, float(similarity.mean()))


def _rounded(values: np.ndarray) -> list[float]:
    return [round(value, DECIMALS) for value in values.tolist()]


def nearest_centroids(vectors: np.ndarray, centroids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each of [n, d] vectors, the row of the most similar of [c, d] centroids, and the cosine distance to it."""
    similarity = vectors.astype(np.float32) @ centroids.astype(np.float32).T
    best = similarity.argmax(axis=1)
    return best, 1.0 - similarity[np.arange(len(vectors)), best]
