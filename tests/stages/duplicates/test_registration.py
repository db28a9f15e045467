"""The fit undoes a cut, of each pair by itself, and its interpolation is bilinear."""

import numpy as np
import pytest

from pipeline.stages.duplicates.image_difference import largest_difference
from pipeline.stages.duplicates.registration import between, fitted, look


def test_between_two_pixels_each_counts_by_its_nearness_and_beyond_the_edge_the_last_counts_alone() -> None:
    line = np.linspace(0, 150, 16)  # ten more from pixel to pixel
    places = np.array([[(pixel + 0.5) / 16 - 0.5 for pixel in (0, 3, 3.25, 3.5, 7.9)] + [-0.7] * 11])
    np.testing.assert_allclose((between(places)[0] @ line)[:6], [0, 30, 32.5, 35, 79, 0], atol=1e-9)


def test_a_picture_that_is_not_cut_stays_and_its_slopes_are_those_of_its_pixels() -> None:
    y, x = np.mgrid[0:16, 0:16].astype(float)
    picture = np.stack([3 * x, 2 * y, x + y], axis=-1)
    moved, slopes, inside = look(picture, np.zeros((1, 4)))
    np.testing.assert_allclose(moved.reshape(16, 16, 3)[:15, :15], picture[:15, :15], atol=1e-9)
    steps = 2 * 0.01 * 16  # pixels between the two places that are compared
    middle = slopes.reshape(2, 16, 16, 3)[:, 5, 5]
    np.testing.assert_allclose(middle, np.array([[3, 0, 1], [0, 2, 1]]) * steps, atol=1e-9)
    assert inside.all()


def test_a_shifted_picture_has_no_counterpart_beyond_its_edge() -> None:
    inside = look(np.zeros((16, 16, 3)), np.array([[0, 0, 1 / 16, 0]]))[2].reshape(16, 16, 3)
    assert inside[:, :15].all()
    assert not inside[:, 15].any()


@pytest.mark.parametrize("seed", range(3))
def test_the_difference_of_a_pair_does_not_depend_on_the_pairs_beside_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, x = ((np.mgrid[0:16, 0:16] + 0.5) / 16) - 0.5
    whole = scene(x, y).astype(float)
    shifts = rng.uniform(-0.08, 0.08, size=(20, 2))
    others = np.stack([scene(x + right, y + down).astype(float) for right, down in shifts])
    alone = np.concatenate([fitted(whole, other[None]) for other in others])
    np.testing.assert_allclose(fitted(whole, others), alone, atol=1e-9)


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
