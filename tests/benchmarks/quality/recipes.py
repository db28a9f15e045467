"""The recipes that the quality benchmark compares: ours, and what people use today, on the same vectors.

What belongs here: one function per recipe, vectors in and labels out, −1 for unclustered. Not here: data
(`datasets.py`) and scores (`scores.py`). Recipes told the true number of kinds say so in their names: they are what to
match, not rivals.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.benchmarks.quality.image_sets import UnavailableError

SEED = 42
QUADRATIC = 5000  # images: beyond this, recipes that compare everything with everything take many minutes

Run = Callable[[np.ndarray, int], np.ndarray]


@dataclass(frozen=True)
class Recipe:
    """`run` takes float32 [n, d] vectors and the true number of kinds (to be ignored unless `told`), gives int [n]."""

    name: str
    run: Run
    told: bool = False
    largest: int = 10**9


def _ours(granularity: str) -> Run:
    def run(vectors: np.ndarray, kinds: int) -> np.ndarray:
        from pipeline.settings import ClusterParams
        from pipeline.stages.labels.community.clusterer import group_communities

        params = ClusterParams(granularity=str(granularity), min_cluster_size=5, seed=SEED)
        return group_communities(vectors, params).groups

    return run


def _ours_told(vectors: np.ndarray, kinds: int) -> np.ndarray:
    from pipeline.settings import ClusterParams
    from pipeline.stages.labels.community.clusterer import group_communities

    return group_communities(vectors, ClusterParams(n_clusters=kinds, min_cluster_size=5, seed=SEED)).groups


def _umap(vectors: np.ndarray, dimension: int, min_dist: float) -> np.ndarray:
    import umap

    n = len(vectors)
    model = umap.UMAP(
        n_components=min(dimension, n - 2), n_neighbors=min(15, n - 1), min_dist=min_dist, metric="cosine",
        random_state=SEED,
    )  # fmt: skip
    return np.asarray(model.fit_transform(vectors))


def _hdbscan(vectors: np.ndarray, size: int) -> np.ndarray:
    import hdbscan

    return hdbscan.HDBSCAN(min_cluster_size=size, core_dist_n_jobs=1).fit_predict(vectors.astype(np.float64))


def _kmeans(vectors: np.ndarray, k: int) -> np.ndarray:
    from sklearn.cluster import KMeans

    starts: Any = 3 if k * len(vectors) < 10**6 else 1
    return KMeans(n_clusters=min(k, len(vectors)), n_init=starts, random_state=SEED).fit_predict(vectors)


def _evoc(vectors: np.ndarray, kinds: int) -> np.ndarray:
    try:
        import evoc
    except ImportError as error:
        raise UnavailableError("evoc is not installed: pip install evoc") from error
    return np.asarray(evoc.EVoC(random_state=SEED).fit_predict(vectors))


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("ours", _ours("auto")),
        Recipe("ours coarse", _ours("coarse")),
        Recipe("ours fine", _ours("fine")),
        Recipe("ours, told k", _ours_told, told=True),
        Recipe("k-means, told k", _kmeans, told=True),
        Recipe("UMAP + k-means, told k", lambda v, k: _kmeans(_umap(v, 10, 0.0), k), told=True),
        Recipe("k-means 20", lambda v, _: _kmeans(v, 20)),
        Recipe("proof of concept", lambda v, _: _hdbscan(v, 3), largest=QUADRATIC),
        Recipe("UMAP 0.1 + HDBSCAN 5", lambda v, _: _hdbscan(_umap(v, 10, 0.1), 5)),
        Recipe("BERTopic", lambda v, _: _hdbscan(_umap(v, 5, 0.0), 10)),
        Recipe("EVoC", _evoc),
    )
}


def quietly(recipe: Recipe, vectors: np.ndarray, kinds: int) -> np.ndarray:
    """Run one recipe without its libraries' warnings about small data."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return recipe.run(vectors, kinds)
