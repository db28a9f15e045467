"""Reduction works for every number of images, and says what it really used."""

import numpy as np
import pytest

from pipeline.settings import ReductionParams
from pipeline.stages.reduced.projection import FEW, reduce


def blobs(n: int, d: int = 32, kinds: int = 4, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(kinds, d))
    data = centres[np.arange(n) % kinds] + 0.2 * rng.normal(size=(n, d))
    return (data / np.linalg.norm(data, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("method", ["auto", "umap", "pca", "none"])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, FEW - 1])
def test_few_images_are_reduced_without_umap(method: str, n: int) -> None:
    params = ReductionParams(method=method)
    made = reduce(blobs(n), params)
    assert len(made.vectors) == n
    assert np.isfinite(made.vectors).all()
    assert made.effective["method"] in ("pca", "none")


def test_the_parameters_as_used_are_told_not_as_asked() -> None:
    effective = reduce(blobs(12), ReductionParams(method="pca", n_components=64)).effective
    assert effective["n_components"] == 11


@pytest.mark.slow
def test_umap_is_clamped_and_gives_the_same_numbers_twice() -> None:
    params = ReductionParams(method="umap", n_neighbors=100, n_components=50)
    first, second = reduce(blobs(FEW + 5), params), reduce(blobs(FEW + 5), params)
    assert first.effective["n_neighbors"] == FEW + 4
    assert first.effective["n_components"] == 32
    assert np.array_equal(first.vectors, second.vectors)
