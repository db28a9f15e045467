"""Vectors → positions on the map, by one method for every size, which stay the same as the library grows.

What belongs here: t-SNE on the graph of nearest neighbours, the places of new images, and aligning a map with the last
one. Not here: the vectors that are clustered (`projection.py`), the search (`neighbours/knn.py`).

t-SNE: van der Maaten, Hinton (2008); openTSNE: Poličar, Stražar, Zupan (2024), which approximates repulsion with a tree
(Barnes-Hut) or a grid (FIt-SNE: Linderman et al., 2019). Each neighbour counts the same, so the neighbours that the
clusterer needs are enough. Nothing is compiled, and nothing depends on chance.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from pipeline.stages.neighbours.knn import Neighbours, most_similar, nearest_neighbours
from pipeline.stages.reduced.projection import with_fixed_signs

FEW = 30  # below this, the neighbours of an image are most of the library, and the principal plane is no worse
GROWTH = 0.2  # share of new images from which the map is computed again, starting from the old positions
NEIGHBOURS = 14  # of each image; as many as the clusterer needs, so that one search serves both
SHARE = 3  # a small library: at most one image in so many is a neighbour
ANCHORS = 5  # images with a position that place a new one
TREE = 3000  # up to here a tree takes less time than the grid
CELLS = 75  # of the grid, along a side; it grows with the map without end otherwise
FIRST_STEPS, STEPS = 150, 350  # with early exaggeration, and after it
AGAIN_STEPS = 200  # from the old positions: more move images and improve nothing
STRETCH = 50  # steps between two measures of the map for the grid
EXAGGERATION, EARLY_MOMENTUM, MOMENTUM = 12.0, 0.5, 0.8  # as openTSNE's own defaults
START_SPREAD = 1e-4  # standard deviation of a start from the principal plane
JITTER = 1e-3  # of that: copies that start on one point would stay there, and the grid fails on a map of one point
SPREAD, MOST_SPREAD = 0.5, 30.0  # of a start from old positions: times the root of the number of images, and at most
SAMPLE = 20_000  # images from which the principal plane is computed


def layout(
    vectors: np.ndarray,
    previous: np.ndarray | None = None,
    *,
    again: bool = False,
    neighbours: Callable[[], Neighbours] | None = None,
    on_notice: Callable[[str], None] | None = None,
) -> np.ndarray:
    """Positions on the map, float32 [n, 2], of L2-normalised float [n, d].

    `previous` float [n, 2] has the positions of the last run, NaN for new images. With few new images (`GROWTH`) no
    image moves, and each new one is placed at the mean of its nearest neighbours. With more, the map is computed again
    from the old positions and aligned with them (orthogonal Procrustes); so it is with `again`.

    `neighbours` returns at least the `NEIGHBOURS` nearest of each; it is only called if the map is computed.
    """
    n = len(vectors)
    data = np.ascontiguousarray(vectors, dtype=np.float32)
    has_position: np.ndarray = np.zeros(n, dtype=bool)
    if previous is not None:
        has_position = np.asarray(np.isfinite(previous).all(axis=1))
    if previous is not None and not again and has_position.sum() >= max(3, (1 - GROWTH) * n):
        return _place_new(data, previous, has_position)
    if n < 3:
        return np.array([[float(i), 0.0] for i in range(n)], dtype=np.float32).reshape(n, 2)
    before = previous if previous is not None and has_position.sum() >= 3 else None
    if n < FEW:
        positions = principal_plane(data)
    else:
        start = None if before is None else _place_new(data, before, has_position)
        found = neighbours() if neighbours is not None else nearest_neighbours(data, NEIGHBOURS)
        positions = _tsne(data, found.nearest(min(NEIGHBOURS, (n - 1) // SHARE)), start)
    if before is not None:
        if on_notice and not again:
            on_notice(f"{n - int(has_position.sum())} of {n} images are new: the map was laid out afresh.")
        positions = _align(positions, before, has_position)
    return positions.astype(np.float32)


def principal_plane(data: np.ndarray) -> np.ndarray:
    """The first two principal components of float32 [n, d], float32 [n, 2]; n is at least 2."""
    from scipy.linalg import eigh
    from threadpoolctl import threadpool_limits

    n, d = data.shape
    rows = np.unique(np.linspace(0, n - 1, min(n, SAMPLE)).astype(np.int64))
    sample = data[rows]
    mean = sample.mean(axis=0)
    sample -= mean
    # on one thread, as a sum depends on how it is divided, and the same library must give the same map
    with threadpool_limits(1, "blas"):
        axes = eigh(sample.T @ sample, subset_by_index=[max(0, d - 2), d - 1])[1][:, ::-1]
        positions = data @ axes - mean @ axes
    positions = with_fixed_signs(positions)
    return np.pad(positions, ((0, 0), (0, 2 - positions.shape[1])))


def _tsne(data: np.ndarray, neighbours: Neighbours, start: np.ndarray | None) -> np.ndarray:
    """t-SNE from the positions `start` float [n, 2], or from the principal plane; float64 [n, 2].

    On one thread: with several, a sum depends on their order.
    """
    import openTSNE
    from openTSNE.affinity import Uniform
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    n, k = neighbours.indices.shape
    symmetrize: Any = "mean"  # annotated as bool, documented as bool or str
    known = PrecomputedNeighbors(neighbours.indices, neighbours.distances.astype(np.float64))
    first = principal_plane(data) if start is None else start
    first = first - first.mean(axis=0)
    spread = START_SPREAD if start is None else min(SPREAD * np.sqrt(n), MOST_SPREAD)
    begin = first / (float(first.std()) or 1.0) + np.random.default_rng(0).normal(scale=JITTER, size=first.shape)
    embedding: Any = openTSNE.TSNEEmbedding(
        (begin * spread).astype(np.float64),
        Uniform(k_neighbors=k, knn_index=known, symmetrize=symmetrize),
        negative_gradient_method="bh" if n <= TREE else "fft",
        n_jobs=1,
    )
    if start is None:
        embedding = embedding.optimize(FIRST_STEPS, exaggeration=EXAGGERATION, momentum=EARLY_MOMENTUM)
    for _ in range(0, STEPS if start is None else AGAIN_STEPS, STRETCH):
        cell = max(1.0, float(np.ptp(embedding, axis=0).max()) / CELLS)
        embedding = embedding.optimize(STRETCH, momentum=MOMENTUM, ints_in_interval=cell)
    return np.asarray(embedding)


def _place_new(data: np.ndarray, previous: np.ndarray, has_position: np.ndarray) -> np.ndarray:
    """Keep the old positions; place each new image at the weighted mean of its most similar images with a position."""
    positions = previous.astype(np.float32)
    fresh = np.flatnonzero(~has_position)
    if not len(fresh):
        return positions
    anchors = np.flatnonzero(has_position)
    k = min(ANCHORS, len(anchors))
    similarity, nearest = most_similar(data[fresh], data, anchors, k)
    weight = np.clip(similarity, 1e-3, None)
    weight /= weight.sum(axis=1, keepdims=True)
    positions[fresh] = np.einsum("nk,nkc->nc", weight, previous[nearest])
    return positions


def _align(positions: np.ndarray, previous: np.ndarray, has_position: np.ndarray) -> np.ndarray:
    """Rotate, mirror, scale and shift `positions` so that images move as little as possible from `previous`."""
    from scipy.linalg import orthogonal_procrustes

    new, old = positions[has_position].astype(np.float64), previous[has_position].astype(np.float64)
    new_centre, old_centre = new.mean(axis=0), old.mean(axis=0)
    turn, scale = orthogonal_procrustes(new - new_centre, old - old_centre)
    size = float(((new - new_centre) ** 2).sum())
    return ((positions - new_centre) @ turn) * (scale / size if size else 1.0) + old_centre
