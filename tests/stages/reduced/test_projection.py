"""Reduction works for every number of images, says what it really used, and keeps the map still."""

import numpy as np
import pytest

from pipeline.settings import ReductionParams
from pipeline.stages.reduced.projection import FEW, layout, reduce


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
    positions = layout(blobs(n), params)
    assert len(made.vectors) == n
    assert np.isfinite(made.vectors).all()
    assert positions.shape == (n, 2)
    assert np.isfinite(positions).all()
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


def test_few_new_images_move_nobody_on_the_map() -> None:
    params = ReductionParams(method="pca")
    data = blobs(100)
    before = layout(data[:90], params)
    previous = np.full((100, 2), np.nan)
    previous[:90] = before
    after = layout(data, params, previous)
    assert np.allclose(after[:90], before)
    assert np.isfinite(after[90:]).all()


def test_a_new_image_lands_beside_its_look_alikes() -> None:
    data = blobs(100)
    previous = np.full((100, 2), np.nan)
    previous[:96] = np.array([[kind * 10.0, 0.0] for kind in np.arange(96) % 4])
    placed = layout(data, ReductionParams(method="pca"), previous)
    assert np.allclose(placed[96:, 0], [0, 10, 20, 30], atol=1e-3)


def test_a_map_that_is_laid_out_afresh_is_turned_back_onto_the_old_one() -> None:
    params = ReductionParams(method="pca")
    data = blobs(200)
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    previous = np.full((200, 2), np.nan)
    previous[:100] = layout(data[:100], params) @ turn * 3 + 5
    said: list[str] = []
    after = layout(data, params, previous, on_notice=said.append)
    shift = np.linalg.norm(after[:100] - previous[:100], axis=1).mean()
    assert shift < 0.2 * previous[:100].std()
    assert "100 of 200" in said[0]


def test_the_map_without_a_reducer_separates_the_kinds_and_is_the_same_twice() -> None:
    params = ReductionParams(method="none")
    data = blobs(120)
    first, second = layout(data, params), layout(data, params)
    assert np.array_equal(first, second)
    centres = np.stack([first[kind::4].mean(axis=0) for kind in range(4)])
    nearest = np.linalg.norm(first[:, None] - centres[None], axis=2).argmin(axis=1)
    assert (nearest == np.arange(120) % 4).mean() > 0.95


def test_a_map_without_a_reducer_starts_from_the_old_one() -> None:
    params = ReductionParams(method="none")
    data = blobs(160)
    previous = np.full((160, 2), np.nan)
    previous[:100] = layout(data[:100], params)
    after = layout(data, params, previous)
    moved = np.linalg.norm(after[:100] - previous[:100], axis=1).mean()
    assert moved < 0.5 * previous[:100].std()
