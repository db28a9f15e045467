"""The fast codecs return Pillow's pixels, and leave to Pillow what they do not decode whole."""

import io

import numpy as np
import pytest
from PIL import Image

from pipeline.settings import ImageParams
from pipeline.stages.images import decode as images
from pipeline.stages.images.decode import Decoded, decode
from pipeline.stages.images.torchvision_codecs import decode_fast
from tests.odd_images import encoded, photograph


@pytest.mark.parametrize("size", [(160, 120), (121, 163), (33, 57), (1, 9)])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 85}),
        ("JPEG", {"quality": 60, "subsampling": 2, "progressive": True}),
        ("JPEG", {"quality": 90, "keep_rgb": True}),
        ("WEBP", {"quality": 80}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_the_fast_path_returns_pillows_pixels(
    kind: str, options: dict[str, object], size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encoded(photograph(*size), kind, **options)
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(image.convert("RGB"))

    def refuse(*_: object) -> np.ndarray:
        raise AssertionError("Pillow was asked")

    monkeypatch.setattr(images, "pillow_pixels", refuse)
    fast = decode(data, ImageParams())
    assert isinstance(fast, Decoded)
    np.testing.assert_array_equal(fast.pixels, expected)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_a_file_that_is_cut_off_and_other_formats_are_left_to_pillow(kind: str) -> None:
    data = encoded(photograph(160, 120), kind)
    assert decode_fast(Image.open(io.BytesIO(data)), data) is not None
    assert decode_fast(Image.open(io.BytesIO(data)), data[:-10]) is None
    other = encoded(photograph(160, 120), "PNG")
    assert decode_fast(Image.open(io.BytesIO(other)), other) is None
