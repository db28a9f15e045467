"""Vectors → the vectors that are clustered.

What belongs here: UMAP, PCA or no reduction, with parameters clamped to the number of images. Not here: positions on
the map (`map_layout.py`), clustering (`labels/clusterers.py`).

UMAP: McInnes, Healy, Melville (2018), "UMAP: Uniform Manifold Approximation and Projection for Dimension Reduction".
"""

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.settings import ReductionParams

NO_REDUCER = ("none", "auto")
FEW = 30  # below this, UMAP's neighbourhoods are most of the library, and PCA is no worse


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
    reduced = _umap(data, k, neighbors, params)
    effective = {
        "method": "umap", "n_components": k, "n_neighbors": neighbors, "min_dist": params.min_dist,
        "metric": params.metric, "seed": params.seed,
    }  # fmt: skip
    return Reduction(reduced, effective)


def _pca(data: np.ndarray, k: int) -> np.ndarray:
    from sklearn.decomposition import PCA

    solver = "full" if data.shape[0] <= 2000 and data.shape[1] <= 2000 else "covariance_eigh"
    result: np.ndarray = PCA(n_components=k, svd_solver=solver).fit_transform(data)
    return with_fixed_signs(result)


def with_fixed_signs(components: np.ndarray) -> np.ndarray:
    """`components` float [n, k] as float32, each column turned so that its largest absolute value is positive.

    The sign of a component is arbitrary. Fixed, the same images give the same result on every machine.
    """
    signs = np.sign(components[np.abs(components).argmax(axis=0), np.arange(components.shape[1])])
    return np.ascontiguousarray(components * np.where(signs == 0, 1, signs), dtype=np.float32)


def _umap(data: np.ndarray, k: int, neighbors: int, params: ReductionParams) -> np.ndarray:
    from umap import UMAP

    with warnings.catch_warnings():
        # the settings say that a seed means one thread
        warnings.filterwarnings("ignore", message="n_jobs value")
        warnings.filterwarnings("ignore", message="Graph is not fully connected")
        warnings.filterwarnings("ignore", message="Spectral initialisation failed")
        fitted = UMAP(
            n_components=k,
            n_neighbors=neighbors,
            min_dist=params.min_dist,
            metric=params.metric,
            random_state=params.seed,
            n_jobs=1,
        ).fit_transform(data)
    return np.ascontiguousarray(fitted, dtype=np.float32)
