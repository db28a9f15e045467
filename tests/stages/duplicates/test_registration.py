"""The parts of the fit that are written out say what numpy's say, and the fit undoes a cut."""

import numpy as np
import pytest

from pipeline.stages.duplicates.image_difference import largest_difference
from pipeline.stages.duplicates.registration import DAMPING, middle, solved


@pytest.mark.parametrize("count", [1, 2, 3, 768])
@pytest.mark.parametrize("seed", range(3))
def test_the_middle_is_the_upper_median_also_of_many_equal_values(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for values in (rng.random(count), rng.integers(0, 3, count).astype(float), np.zeros(count)):
        assert middle(values.copy()) == np.sort(values)[count // 2]


def test_four_equations_are_solved_as_numpy_solves_them() -> None:
    rng = np.random.default_rng(0)
    slopes = rng.normal(size=(50, 4)) * [1, 100, 3, 0]
    normal, wanted = slopes.T @ slopes, rng.normal(size=4)
    found = solved(np.column_stack([normal, wanted]))
    np.testing.assert_allclose(found, np.linalg.solve(normal + DAMPING * np.eye(4), wanted), rtol=1e-9)


def scene(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Uint8 [16, 16, 3]: a smooth picture at places −0.5 to 0.5."""
    parts = [np.sin(5 * x + 1) + np.cos(4 * y), np.sin(3 * x * y + 2) + x, np.cos(6 * x - 2 * y)]
    return np.clip(128 + 50 * np.stack(parts, axis=-1), 0, 255).astype(np.uint8)


def test_a_picture_that_was_cut_and_brightened_lies_on_its_original_and_one_with_a_patch_does_not() -> None:
    y, x = ((np.mgrid[0:16, 0:16] + 0.5) / 16) - 0.5
    whole = scene(x, y)
    cut = np.clip(scene(0.92 * x + 0.02, 0.92 * y - 0.02) * 0.9 + 20, 0, 255).astype(np.uint8)
    patched = whole.copy()
    patched[5:8, 5:8] = [255, 0, 0]
    same, cut_away, patch = largest_difference(whole, np.stack([whole, cut, patched]), 0.0)
    assert same < 1
    assert cut_away < 20
    assert patch > 80
