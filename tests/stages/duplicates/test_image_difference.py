"""What is left between two tiny pictures laid over one another: little between copies, much where one place differs."""

import numpy as np
import pytest
from PIL import ImageEnhance, ImageFilter

from pipeline.stages.duplicates.image_difference import largest_difference
from tests.stages.duplicates.scenes import scene, tiny


def test_a_copy_that_was_cut_and_brightened_fits_over_the_original() -> None:
    picture = scene(3)
    cut = picture.crop((6, 4, 192, 140)).resize((192, 144))
    bright = ImageEnhance.Brightness(cut).enhance(1.1)
    before, after = tiny(picture), tiny(bright)
    assert np.abs(before.astype(int) - after).max() > 40
    assert largest_difference(before, after[None])[0] < 30


def test_another_colour_in_one_place_does_not_fit() -> None:
    picture = scene(3).filter(ImageFilter.GaussianBlur(6))
    variant = picture.copy()
    variant.paste((230, 30, 30), (70, 60, 110, 100))
    assert largest_difference(tiny(picture), tiny(variant)[None])[0] > 60


def test_many_are_compared_as_each_alone() -> None:
    one, others = tiny(scene(0)), np.stack([tiny(scene(seed)) for seed in range(5)])
    together = largest_difference(one, others)
    alone = [largest_difference(one, other[None])[0] for other in others]
    assert together == pytest.approx(alone, abs=0.01)
    assert together[0] < 1
    assert len(largest_difference(one, others[:0])) == 0


def test_flat_pictures_compare_without_trouble() -> None:
    white, black = np.full((16, 16, 3), 255, np.uint8), np.zeros((16, 16, 3), np.uint8)
    assert np.isfinite(largest_difference(white, np.stack([white, black]))).all()


def test_a_pair_that_is_close_enough_uncut_is_not_fitted_further() -> None:
    picture = scene(3)
    cut = picture.crop((6, 4, 192, 140)).resize((192, 144))
    uncut = largest_difference(tiny(picture), tiny(cut)[None], enough=255.0)
    assert uncut[0] > largest_difference(tiny(picture), tiny(cut)[None])[0] + 10
