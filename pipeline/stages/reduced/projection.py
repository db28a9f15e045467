"""Vectors → the vectors that are clustered, and positions on the map.

What belongs here: UMAP, PCA or no reduction, with parameters clamped to the number of images, and a map that stays
stable as the library grows. Not here: clustering (`labels/clusterers.py`).

UMAP: McInnes, Healy, Melville (2018), "UMAP: Uniform Manifold Approximation and Projection for Dimension Reduction".
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.settings import ReductionParams
from pipeline.stages.neighbours.knn import nearest_neighbours

NO_REDUCER = ("none", "auto")
FEW = 30  # below this, UMAP's neighbourhoods are most of the library, and PCA is no worse
MAP_GROWTH = 0.2  # share of new images from which the map is computed again, starting from the old positions
MAP_NEIGHBORS = 5
MAP_TSNE = 2000  # up to here t-SNE computes the map in less time than UMAP needs to compile its loops


@dataclass(frozen=True)
class Reduction:
    """`vectors` float32 [n, k], and the parameters in effect."""

    vectors: np.ndarray
    effective: dict[str, Any] = field(default_factory=dict[str, Any])


def reduce(vectors: np.ndarray, params: ReductionParams) -> Reduction:
    """Reduce L2-normalised float [n, d] vectors to float32 [n, k].

    `params.method` auto means none. Any n works: below `FEW` images PCA is used, below 3 no reduction.
    """
    data = np.ascontiguousarray(vectors, dtype=np.float32)
    n, d = data.shape
    if params.method in NO_REDUCER or n < 3:
        return Reduction(data, {"method": "none", "n_components": d})
    if params.method == "pca" or n < FEW:
        k = max(1, min(params.n_components, n - 1, d))
        why = {} if params.method == "pca" else {"note": f"{n} images are too few for UMAP (from {FEW} on)"}
        return Reduction(_pca(data, k), {"method": "pca", "n_components": k, "seed": params.seed, **why})
    k = min(params.n_components, n - 2, d)
    neighbors = min(params.n_neighbors, n - 1)
    reduced = _umap(data, k, neighbors, params, init="spectral")
    effective = {
        "method": "umap", "n_components": k, "n_neighbors": neighbors, "min_dist": params.min_dist,
        "metric": params.metric, "seed": params.seed,
    }  # fmt: skip
    return Reduction(reduced, effective)


def layout(
    vectors: np.ndarray,
    params: ReductionParams,
    previous: np.ndarray | None = None,
    *,
    on_notice: Callable[[str], None] | None = None,
) -> np.ndarray:
    """Positions on the map, float32 [n, 2].

    `previous` float [n, 2] has the positions of the last run, NaN for new images. With few new images (`MAP_GROWTH`) no
    image moves, and each new one is placed at the mean of its nearest neighbours. With more, the map is computed again
    from the old positions and aligned with them (orthogonal Procrustes).
    """
    n = len(vectors)
    data = np.ascontiguousarray(vectors, dtype=np.float32)
    has_position: np.ndarray = np.zeros(n, dtype=bool)
    if previous is not None:
        has_position = np.asarray(np.isfinite(previous).all(axis=1))
    if previous is not None and has_position.sum() >= max(3, (1 - MAP_GROWTH) * n):
        return _place_new(data, previous, has_position)
    if n < 3:
        return np.array([[float(i), 0.0] for i in range(n)], dtype=np.float32).reshape(n, 2)
    if params.method == "pca" or n < FEW:
        positions = _principal_plane(data)
    elif params.method in NO_REDUCER and n <= MAP_TSNE:
        placed = previous is not None and has_position.sum() >= 3
        positions = _tsne(
            data, _place_new(data, previous, has_position) if previous is not None and placed else None, params
        )
    else:
        neighbors = min(params.n_neighbors, n - 1)
        start: Any = "pca" if previous is None or has_position.sum() < 3 else _place_new(data, previous, has_position)
        shaped = params.model_copy(update={"min_dist": max(params.min_dist, 0.1)})
        positions = _umap(data, 2, neighbors, shaped, init=start, knn=_knn_with_self(data, neighbors))
    if previous is not None and has_position.sum() >= 3:
        if on_notice:
            on_notice(f"{n - int(has_position.sum())} of {n} images are new: the map was laid out afresh.")
        positions = _align(positions, previous, has_position)
    return positions.astype(np.float32)


def _pca(data: np.ndarray, k: int) -> np.ndarray:
    from sklearn.decomposition import PCA

    solver = "full" if data.shape[0] <= 2000 and data.shape[1] <= 2000 else "covariance_eigh"
    result: np.ndarray = PCA(n_components=k, svd_solver=solver).fit_transform(data)
    # a component's sign is arbitrary; it is fixed so that the same images give the same map on every machine
    signs = np.sign(result[np.abs(result).argmax(axis=0), np.arange(k)])
    return np.ascontiguousarray(result * np.where(signs == 0, 1, signs), dtype=np.float32)


def _principal_plane(data: np.ndarray) -> np.ndarray:
    """The first two principal components, float32 [n, 2]."""
    positions = _pca(data, min(2, len(data) - 1, data.shape[1]))
    return np.pad(positions, ((0, 0), (0, 2 - positions.shape[1])))


def _tsne(data: np.ndarray, start: np.ndarray | None, params: ReductionParams) -> np.ndarray:
    """t-SNE (van der Maaten 2014, Barnes-Hut), from `start` or the principal plane, float32 [n, 2].

    On one thread: with several, a sum depends on their order, and the same library must give the same map.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    first = _principal_plane(data) if start is None else start
    spread = float(first.std()) or 1.0
    init: Any = (first / spread * (1e-4 if start is None else 10)).astype(np.float32)  # the stub says str only
    with threadpool_limits(1):
        result: np.ndarray = TSNE(
            n_components=2,
            perplexity=min(params.n_neighbors, (len(data) - 1) / 3),
            init=init,
            early_exaggeration=12.0 if start is None else 1.0,
            metric="euclidean",  # on unit vectors, the same order of neighbours as by cosine
            random_state=params.seed,
            n_jobs=1,
        ).fit_transform(data)
    return result


def _knn_with_self(data: np.ndarray, neighbors: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices int32 and cosine distances float32, [n, neighbors]: each image itself, then its nearest neighbours.

    With these and a start from the principal plane, UMAP needs 13 s of CPU time instead of 102 for 10,000 x 1,280.
    """
    n = len(data)
    others = nearest_neighbours(data, neighbors - 1)
    own = np.arange(n, dtype=np.int32)[:, None]
    return np.hstack([own, others.indices]), np.hstack([np.zeros((n, 1), dtype=np.float32), others.distances])


def _umap(
    data: np.ndarray,
    k: int,
    neighbors: int,
    params: ReductionParams,
    init: Any,
    knn: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    from umap import UMAP

    given: Any = {"precomputed_knn": knn, "force_approximation_algorithm": True} if knn else {}
    with warnings.catch_warnings():
        # the settings say that a seed means one thread; `_place_new` handles disconnected points
        warnings.filterwarnings("ignore", message="n_jobs value")
        warnings.filterwarnings("ignore", message="Graph is not fully connected")
        warnings.filterwarnings("ignore", message="Spectral initialisation failed")
        warnings.filterwarnings("ignore", message="precomputed_knn")
        fitted = UMAP(
            n_components=k,
            n_neighbors=neighbors,
            min_dist=params.min_dist,
            metric=params.metric,
            random_state=params.seed,
            init=init,
            n_jobs=1,
            **given,
        ).fit_transform(data)
    return np.ascontiguousarray(fitted, dtype=np.float32)


def _place_new(data: np.ndarray, previous: np.ndarray, has_position: np.ndarray) -> np.ndarray:
    """Keep the old positions; place each new image at the weighted mean of its most similar images with a position."""
    positions = previous.astype(np.float32)
    fresh = np.flatnonzero(~has_position)
    if not len(fresh):
        return positions
    anchors = np.flatnonzero(has_position)
    k = min(MAP_NEIGHBORS, len(anchors))
    import faiss

    similarity, nearest = faiss.knn(data[fresh], data[anchors], k, metric=faiss.METRIC_INNER_PRODUCT)
    weight = np.clip(np.asarray(similarity), 1e-3, None)
    weight /= weight.sum(axis=1, keepdims=True)
    positions[fresh] = np.einsum("nk,nkc->nc", weight, previous[anchors[np.asarray(nearest)]])
    return positions


def _align(positions: np.ndarray, previous: np.ndarray, has_position: np.ndarray) -> np.ndarray:
    """Rotate, mirror, scale and shift `positions` so that images move as little as possible from `previous`."""
    from scipy.linalg import orthogonal_procrustes

    new, old = positions[has_position].astype(np.float64), previous[has_position].astype(np.float64)
    new_centre, old_centre = new.mean(axis=0), old.mean(axis=0)
    turn, scale = orthogonal_procrustes(new - new_centre, old - old_centre)
    size = float(((new - new_centre) ** 2).sum())
    return ((positions - new_centre) @ turn) * (scale / size if size else 1.0) + old_centre
