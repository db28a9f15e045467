"""Kinds stand out from one blob with the same covariance, and a blob does not."""

import numpy as np
import pytest

from pipeline.stages.labels.community.null_model import CLEAR, FEWEST, modularity_ratio
from tests.stages.labels.community.vectors import continuum, kinds, unit


def ratio(vectors: np.ndarray, seed: int = 1) -> float:
    value = modularity_ratio(vectors, seed)
    assert value is not None
    return value


def uniform(n: int, d: int, seed: int) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(n, d)))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("n", [60, 400])
def test_images_without_kinds_look_like_one_blob(n: int, seed: int) -> None:
    assert ratio(continuum(n, seed)) < CLEAR
    assert ratio(uniform(n, 512, seed)) < CLEAR


@pytest.mark.parametrize("sizes", [[20] * 5, [60, 30, 15, 10], [12] * 20, [900, 600], [30, 30], [400, 200, 100]])
def test_clear_kinds_stand_out(sizes: list[int]) -> None:
    assert ratio(kinds(sizes)[0]) > CLEAR


def test_few_images_are_not_judged() -> None:
    assert modularity_ratio(uniform(FEWEST - 1, 16, 0), seed=1) is None


def test_copies_of_one_image_are_no_fault() -> None:
    assert np.isfinite(ratio(np.repeat(uniform(1, 16, 0), 60, axis=0)))


def test_two_runs_give_the_same_figure() -> None:
    data = continuum(200)
    assert ratio(data, seed=7) == ratio(data, seed=7)
