"""Colours of embedded profiles become sRGB."""

import io

import numpy as np
import pytest
from PIL import Image

from pipeline.settings import ImageParams
from pipeline.stages.images.decode import Decoded, decode
from tests.odd_images import encoded, photograph, quadrants
from tests.profiles import ADOBE_RGB, DISPLAY_P3, grey_profile, rgb_profile

PARAMS = ImageParams()
XYZ_TO_SRGB = np.array([[3.1341, -1.6174, -0.4907], [-0.9788, 1.9161, 0.0334], [0.0719, -0.2290, 1.4052]])  # D50


def as_srgb(colour: tuple[int, int, int], primaries: np.ndarray) -> np.ndarray:
    """The sRGB values of a colour of gamma 2.2 under these primaries, computed from the definition of sRGB."""
    linear = np.clip(XYZ_TO_SRGB @ primaries @ (np.array(colour) / 255) ** 2.2, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def decoded(data: bytes) -> Decoded:
    result = decode(data, PARAMS)
    assert isinstance(result, Decoded), result
    return result


@pytest.mark.parametrize("primaries", [DISPLAY_P3, ADOBE_RGB], ids=["display p3", "adobe rgb"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_wide_colour_is_converted_in_every_format(kind: str, primaries: np.ndarray) -> None:
    colour = (180, 120, 70)
    options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    data = encoded(Image.new("RGB", (64, 48), colour), kind, icc_profile=rgb_profile(primaries), **options)
    expected = as_srgb(colour, primaries)
    assert np.abs(expected - colour).max() > 5
    np.testing.assert_allclose(decoded(data).pixels[20, 20], expected, atol=3)


@pytest.mark.parametrize("mode", ["P", "RGBA"])
def test_palettes_and_transparent_pictures_are_converted_too(mode: str) -> None:
    plain = Image.new("RGB", (64, 48), (180, 120, 70))
    picture = plain.quantize(4) if mode == "P" else plain.convert(mode)
    pixels = decoded(encoded(picture, "PNG", icc_profile=rgb_profile(ADOBE_RGB))).pixels
    np.testing.assert_allclose(pixels[20, 20], as_srgb((180, 120, 70), ADOBE_RGB), atol=3)


def test_grey_values_of_another_gamma_are_converted() -> None:
    pixels = decoded(encoded(Image.new("L", (64, 48), 100), "JPEG", icc_profile=grey_profile(1.0), quality=95)).pixels
    np.testing.assert_allclose(pixels[20, 20].astype(int), 167, atol=2)  # linear 100 of 255 in sRGB


@pytest.mark.parametrize(
    "profile",
    [
        b"no profile at all",
        rgb_profile(ADOBE_RGB)[:200],
        rgb_profile(ADOBE_RGB, name="sRGB IEC61966-2.1"),
        grey_profile(1.0),
    ],
    ids=["garbage", "cut", "srgb", "of grey values"],
)
def test_a_profile_that_does_not_apply_changes_nothing(profile: bytes) -> None:
    data = encoded(quadrants(), "PNG", icc_profile=profile)
    np.testing.assert_array_equal(decoded(data).pixels, np.asarray(quadrants()))


def test_an_image_is_the_same_with_and_without_a_profile() -> None:
    """Its identity is that of its stored pixels, so decisions survive a program that writes or drops a profile."""
    picture = photograph(160, 120)
    with_profile = decoded(encoded(picture, "PNG", icc_profile=rgb_profile(DISPLAY_P3)))
    without = decoded(encoded(picture, "PNG"))
    assert with_profile.pixel_hash == without.pixel_hash
    assert (with_profile.pixels != without.pixels).any()


def test_a_picture_of_several_strips_is_converted_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(photograph(160, 120), "PNG", icc_profile=rgb_profile(ADOBE_RGB))
    whole = decoded(data).pixels
    monkeypatch.setattr("pipeline.stages.images.colour.STRIP_PIXELS", 160 * 7)
    np.testing.assert_array_equal(decoded(data).pixels, whole)


def test_cmyk_without_a_profile_is_still_read() -> None:
    with Image.open(io.BytesIO(encoded(quadrants().convert("CMYK"), "JPEG", quality=95))) as image:
        expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(decoded(encoded(quadrants().convert("CMYK"), "JPEG", quality=95)).pixels, expected)
