"""A strip at a time gives the pixels that the whole image gives."""

import numpy as np
import pytest
from PIL import Image

from pipeline.stages.images import pixels
from tests.odd_images import photograph

SIZE = (37, 53)


def images() -> dict[str, Image.Image]:
    photo = Image.fromarray(photograph(*SIZE))
    ramp = np.linspace(0, 1, SIZE[0] * SIZE[1], dtype=np.float32).reshape(SIZE[::-1])
    alpha = Image.fromarray((ramp * 255).astype(np.uint8))
    see_through = photo.copy()
    see_through.putalpha(alpha)
    made = {mode: photo.convert(mode) for mode in ("1", "L", "P", "CMYK", "YCbCr", "LAB", "HSV")}
    made |= {"RGB": photo, "RGBA": see_through, "LA": see_through.convert("LA")}
    made["P with a transparent colour"] = photo.quantize(8)
    made["P with a transparent colour"].info["transparency"] = 3
    made["RGB with a transparent colour"] = photo.copy()
    made["RGB with a transparent colour"].info["transparency"] = photo.getpixel((0, 0))
    made["white icon"] = Image.merge("RGBA", [Image.new("L", SIZE, 255)] * 3 + [alpha])
    made["16 bits"] = Image.fromarray((ramp * 65535).astype(np.uint16))
    made["32 bits"] = Image.fromarray((ramp * 100_000).astype(np.int32))
    made["floating point up to 1"] = Image.fromarray(ramp)
    holes = ramp * 300
    holes[3, 4:9] = [np.nan, np.inf, -np.inf, -5, 0]
    made["floating point with holes"] = Image.fromarray(holes)
    return made


@pytest.mark.parametrize("name", images())
def test_strips_give_the_same_pixels_as_the_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image = images()[name]
    whole, opacity = pixels.pillow_pixels(image, "#ffffff")
    monkeypatch.setattr(pixels, "STRIP_PIXELS", 5 * SIZE[0])
    found, found_opacity = pixels.pillow_pixels(image, "#ffffff")
    assert found.shape == (SIZE[1], SIZE[0], 3)
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, whole)
    assert (opacity is None) == (found_opacity is None)
    if opacity is not None:
        np.testing.assert_array_equal(found_opacity, opacity)


def test_floating_point_up_to_1_uses_the_whole_range() -> None:
    found, _ = pixels.pillow_pixels(images()["floating point up to 1"], "#ffffff")
    assert (found.min(), found.max()) == (0, 255)
