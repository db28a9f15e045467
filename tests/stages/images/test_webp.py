"""The first picture of an animation is the same whether it is cut out of the file or played."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.settings import ImageParams
from pipeline.stages.images.decode import Decoded, decode
from pipeline.stages.images.webp import first_picture
from tests.odd_images import encoded, quadrants


def animation(seed: int, **options: Any) -> bytes:
    random = np.random.default_rng(seed)
    shape = (*random.integers(1, 70, 2), 4)
    pictures = [Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)) for _ in range(3)]
    for picture in pictures:
        if seed % 3 == 0:
            picture.putalpha(255)
    out = io.BytesIO()
    pictures[0].save(out, "WEBP", save_all=True, append_images=pictures[1:], **options)
    return out.getvalue()


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 40}, {"allow_mixed": True}])
def test_the_first_picture_has_the_pixels_that_playing_shows(options: dict[str, Any]) -> None:
    for seed in range(12):
        data = animation(seed, **options)
        assert first_picture(data) is not None
        cut, played = decode(data, ImageParams()), decode(data, ImageParams(), quick=False)
        assert isinstance(cut, Decoded)
        assert isinstance(played, Decoded)
        assert cut.pixel_hash == played.pixel_hash


def test_a_still_picture_with_alpha_is_the_same_by_both_decoders() -> None:
    for options in ({"lossless": True, "exact": True}, {"quality": 30}):
        picture = quadrants()
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
        data = encoded(picture, "WEBP", **options)
        here, pillow = decode(data, ImageParams()), decode(data, ImageParams(), quick=False)
        assert isinstance(here, Decoded)
        assert isinstance(pillow, Decoded)
        assert here.pixel_hash == pillow.pixel_hash


def test_what_is_no_animation_or_is_cut_has_no_first_picture() -> None:
    assert first_picture(encoded(quadrants(), "WEBP")) is None
    data = animation(1, lossless=True)
    assert [first_picture(data[:size]) for size in (0, 12, 20, 44, 60)] == [None] * 5


def test_a_first_picture_that_does_not_cover_the_canvas_is_left_to_the_player() -> None:
    data = bytearray(animation(1, lossless=True))
    at = data.index(b"ANMF") + 8
    data[at] = 1  # two pixels from the left
    assert first_picture(bytes(data)) is None
