"""Near copies → one look: bursts and pictures that were saved again count as one image of the graph.

What belongs here: which images are near copies of one another in the space of the embeddings, and the neighbours of
what is left. Not here: duplicates that people are shown, by their pixels (`stages/duplicates/`), the groups
(`clusterer.py`).

Ten copies of one picture fill the list of neighbours of each other and of all that resembles them. The graph then falls
apart into sets of copies, and what has no copy seems far from everything. So neighbours are looked for among looks: two
images are one look if they are at most `LIMIT` times as far apart as two random looks of the library. The image with
the most near copies stands for them; a look never chains on to the copies of its copies.

The limit is a share, because libraries are of different width: two textiles are .05 apart, two photographs .55.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.stages.neighbours.knn import SPARE, Neighbours

# JPEG at quality 75 and WebP move photographs of 200 pixels by .06 to .07 in the median; of the distinct images of
# labelled photographs at most 2 in 100 have a neighbour as near. Half and twice as much: docs/decisions/0002
LIMIT = 0.08


@dataclass(frozen=True)
class Looks:
    """`rows` int64 [m], rising: the image that stands for each look; `of` int64 [n]: the look of each image;
    `neighbours` [m, k]: the nearest looks, by number of look, an infinite distance where there are fewer."""

    rows: np.ndarray
    of: np.ndarray
    neighbours: Neighbours

    @property
    def copies(self) -> np.ndarray:
        """How many images each look has, int64 [m]."""
        return np.bincount(self.of, minlength=len(self.rows))


def find_looks(vectors: np.ndarray, neighbours: Neighbours) -> Looks:
    """The looks of L2-normalised float32 [n, d] with their `neighbours` [n, k]; one per image where none is a copy."""
    looks = Looks(np.arange(len(vectors)), np.arange(len(vectors)), neighbours)
    while (leaders := _leaders(looks.neighbours, LIMIT * _mean_distance(vectors[looks.rows]))) is not None:
        looks = _fewer(vectors, looks, leaders)
    return looks


def _mean_distance(vectors: np.ndarray) -> float:
    """Of two rows."""
    n, total = len(vectors), vectors.sum(axis=0, dtype=np.float64)
    return float(max(n * n - total @ total, 0.0) / max(n * (n - 1), 1))


def _leaders(neighbours: Neighbours, limit: float) -> np.ndarray | None:
    """For each row the one that stands for it, int64 [m]; None if each stands for itself."""
    near = neighbours.distances <= limit
    counts = near.sum(axis=1)
    copied = np.flatnonzero(counts)
    if not len(copied):
        return None
    leaders = np.arange(len(near))
    free = np.ones(len(near), dtype=bool)
    for row in copied[np.argsort(-counts[copied], kind="stable")].tolist():
        if free[row]:
            free[row] = False
            copies = neighbours.indices[row, near[row]]
            copies = copies[free[copies]]
            leaders[copies], free[copies] = row, False
    return leaders if len(np.unique(leaders)) < len(leaders) else None


def _fewer(vectors: np.ndarray, looks: Looks, leaders: np.ndarray) -> Looks:
    """The looks after each joined that of its leader. One that loses half its neighbours or more gets new ones."""
    kept, look = np.unique(leaders, return_inverse=True)
    searched = looks.neighbours.indices.shape[1]
    k = min(searched, len(kept) - 1)
    indices, distances = look[looks.neighbours.indices[kept]], looks.neighbours.distances[kept].copy()
    # of several copies of one look the nearest counts; the look itself never does
    by_look = np.argsort(indices, axis=1, kind="stable")
    sorted_looks = np.take_along_axis(indices, by_look, axis=1)
    again = np.zeros(indices.shape, dtype=bool)
    np.put_along_axis(again, by_look[:, 1:], sorted_looks[:, 1:] == sorted_looks[:, :-1], axis=1)
    distances[again | (indices == np.arange(len(kept))[:, None])] = np.inf
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    indices, distances = (np.take_along_axis(part, order, axis=1) for part in (indices, distances))
    short = np.flatnonzero(np.isfinite(distances).sum(axis=1) < min(k, searched // 2 + 1))
    rows = looks.rows[kept]
    if len(short):
        indices[short], distances[short] = _searched(vectors[rows], short, k)
    found = Neighbours(indices.astype(np.int32), distances, looks.neighbours.search)
    return Looks(rows, look[looks.of], found)


def _searched(vectors: np.ndarray, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices and distances [rows, k] of the nearest others of some rows of float32 [m, d], by comparing with all."""
    import faiss

    wide = min(len(vectors), k + 1 + SPARE)
    similarity, columns = faiss.knn(vectors[rows], vectors, wide, metric=faiss.METRIC_INNER_PRODUCT)
    similarity, columns = np.asarray(similarity), np.asarray(columns)
    keys = np.where(columns == rows[:, None], np.inf, -np.round(similarity, 6))
    order = np.lexsort((columns, keys), axis=1)[:, :k]
    distances = np.clip(1.0 - np.take_along_axis(similarity, order, axis=1), 0.0, 2.0)
    return np.take_along_axis(columns, order, axis=1), distances
