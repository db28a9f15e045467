"""What must hold of which known image a file shows: equal pixels are one image, and nothing is by chance."""

import io
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from PIL import Image, ImageDraw, ImageEnhance

from pipeline.settings import ImageParams
from pipeline.stages.images.decode import Decoded, decode, thumbnail
from pipeline.stages.images.identity import (
    CONTENTS_SCHEMA,
    KnownImages,
    Likeness,
    likeness,
    pixel_hash,
    same_in_another_size,
)
from tests.odd_images import encoded, photograph

PIXELS = photograph(320, 240, 7)


def known(
    *rows: tuple[str, str, str],
    shown: dict[str, str] | None = None,
    named: tuple[str, ...] = (),
    looks_like: Callable[[str, bytes], Likeness | None] = lambda _image, _thumbnail: None,
) -> KnownImages:
    stored = pl.DataFrame(list(rows), schema=CONTENTS_SCHEMA, orient="row")
    return KnownImages(stored, shown or {}, {*named, *(shown or {}).values()}, looks_like)


def test_other_bytes_with_the_same_pixels_are_the_image_that_was_known() -> None:
    images = known(("b1", "p", "b1"))
    assert images.resolve("key", "b2", "p", None) == "b1"
    assert images.of_bytes("b2") == "b1"
    assert images.new_rows == [("b2", "p", "b1")]


def test_what_was_resolved_once_stays_even_under_another_key() -> None:
    assert known(("b2", "p", "b1"), ("b3", "q", "b3"), shown={"key": "b3"}).resolve("key", "b2", "p", None) == "b1"


def test_of_several_images_with_the_same_pixels_a_key_keeps_its_own() -> None:
    rows = (("b1", "p", "b1"), ("b2", "p", "b2"))
    assert known(*rows, shown={"key": "b2"}).resolve("key", "b3", "p", None) == "b2"
    assert known(*rows).resolve("key", "b3", "p", None) == "b1"


def test_an_image_that_an_earlier_version_knew_stays_itself_when_it_is_decoded_again() -> None:
    images = known(("b1", "p", "b1"), shown={"key": "b2"})
    assert images.resolve("key", "b2", "p", None) == "b2"


def test_two_files_that_an_earlier_version_knew_may_change_places_although_they_look_the_same() -> None:
    images = known(shown={"one": "b1", "other": "b2"}, looks_like=lambda _image, _thumbnail: "same")
    assert [images.resolve("one", "b2", "q", b""), images.resolve("other", "b1", "p", b"")] == ["b2", "b1"]


def test_two_new_files_with_the_same_pixels_are_one_image() -> None:
    images = known()
    assert images.resolve("one", "b1", "p", None) == images.resolve("other", "b2", "p", None) == "b1"


def test_near_equality_counts_under_the_same_key_only() -> None:
    images = known(shown={"key": "b1"}, looks_like=lambda image, _thumbnail: "same" if image == "b1" else None)
    assert images.resolve("key", "b2", "p2", b"") == "b1"
    assert images.resolve("other key", "b3", "p3", b"") == "b3"


def test_nothing_known_is_an_image_of_its_own() -> None:
    images = known()
    assert (images.of_bytes("b1"), images.resolve("key", "b1", "p", None)) == ("b1", "b1")


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {"compress_level": 1}), ("TIFF", {}), ("BMP", {}), ("WEBP", {"lossless": True}), ("QOI", {})],
)
def test_the_hash_of_the_pixels_is_the_same_whatever_the_file(kind: str, options: dict[str, object]) -> None:
    result = decode(encoded(PIXELS, kind, **options), ImageParams())
    assert isinstance(result, Decoded)
    assert result.pixel_hash == pixel_hash(PIXELS)


def test_the_hash_of_the_pixels_tells_shapes_apart() -> None:
    assert pixel_hash(np.zeros((4, 6, 3), np.uint8)) != pixel_hash(np.zeros((6, 4, 3), np.uint8))


def shown_as(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    result = decode(encoded(picture, kind, **options), ImageParams())
    assert isinstance(result, Decoded)
    return thumbnail(result.pixels, 192)


PICTURE = Image.fromarray(PIXELS)


@pytest.mark.parametrize("quality", [95, 85, 75])
def test_a_picture_saved_anew_is_nearly_equal(quality: int) -> None:
    assert likeness(shown_as(PICTURE), shown_as(PICTURE, "JPEG", quality=quality)) == "same"


def _flat(seed: int) -> Image.Image:
    """A small picture with saturated shapes on a flat ground, the hardest kind for JPEG."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (200, 160), tuple(int(v) for v in rng.integers(40, 220, 3)))
    draw = ImageDraw.Draw(picture)
    for _ in range(6):
        x, y, size = (int(v) for v in rng.integers((10, 10, 8), (150, 110, 40)))
        draw.ellipse((x, y, x + size, y + size), fill=tuple(int(v) for v in rng.choice([20, 235], 3)))
    return picture


def _saved(picture: Image.Image, quality: int) -> Image.Image:
    return Image.open(io.BytesIO(encoded(picture, "JPEG", quality=quality)))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("quality", [90, 75, 60])
def test_a_small_flat_picture_that_is_saved_again_is_nearly_equal(seed: int, quality: int) -> None:
    first = _saved(_flat(seed), 90)
    assert likeness(shown_as(first), shown_as(_saved(first, quality))) == "same"


@pytest.mark.parametrize("seed", range(4))
def test_a_small_flat_picture_with_a_dot_more_is_another_one(seed: int) -> None:
    dotted = _flat(seed)
    ImageDraw.Draw(dotted).ellipse((170, 20, 182, 32), fill=(0, 0, 0))
    assert likeness(shown_as(_saved(_flat(seed), 90)), shown_as(_saved(dotted, 90))) is None


def test_a_picture_at_twice_the_size_is_nearly_equal() -> None:
    assert likeness(shown_as(PICTURE), shown_as(PICTURE.resize((640, 480), Image.Resampling.LANCZOS))) == "same"


def _written_on() -> Image.Image:
    picture = PICTURE.copy()
    ImageDraw.Draw(picture).rectangle((20, 20, 60, 50), fill=(255, 255, 255))
    return picture


@pytest.mark.parametrize(
    "other",
    [
        PICTURE.crop((20, 15, 300, 225)),
        ImageEnhance.Brightness(PICTURE).enhance(1.1),
        PICTURE.convert("L"),
        _written_on(),
        Image.fromarray(photograph(320, 240, 8)),
    ],
    ids=["cropped", "brighter", "grey", "written on", "another"],
)
def test_a_picture_that_was_worked_on_is_not_nearly_equal(other: Image.Image) -> None:
    assert likeness(shown_as(PICTURE), shown_as(other)) is None


@pytest.mark.parametrize("turn", Image.Transpose)
@pytest.mark.parametrize("quality", [95, 75])
def test_a_turned_or_mirrored_picture_is_known_as_such(turn: Image.Transpose, quality: int) -> None:
    assert likeness(shown_as(PICTURE), shown_as(PICTURE.transpose(turn), "JPEG", quality=quality)) == "turned"


def test_another_picture_is_not_a_turned_one() -> None:
    assert likeness(shown_as(PICTURE), shown_as(Image.fromarray(photograph(240, 320, 8)))) is None
    assert likeness(shown_as(_chart(1)), shown_as(_chart(2).transpose(Image.Transpose.ROTATE_90))) is None


def test_the_thumbnail_of_an_image_with_several_looks_may_be_another_turn() -> None:
    images = known(
        ("b1", "p", "b1"), ("b2", "q", "b1"), ("b3", "r", "b3"), ("b4", "r", "b3"),
        shown={"key": "b5"}, looks_like=lambda _image, _thumbnail: "turned",
    )  # fmt: skip
    assert [images.may_be_turned(name) for name in ("b1", "b3", "b5")] == [True, False, False]
    assert images.resolve("key", "b6", "s", b"") == "b5"
    assert images.may_be_turned("b5")


def test_thumbnails_of_any_mode_are_compared() -> None:
    out = io.BytesIO()
    Image.new("L", (30, 20), 90).save(out, "PNG")
    assert likeness(out.getvalue(), out.getvalue()) == "same"


def _chart(seed: int) -> Image.Image:
    """A line chart as a job draws it anew each day: white, axes, one thin line."""
    picture = Image.new("RGB", (800, 600), "white")
    heights = 300 + np.cumsum(np.random.default_rng(seed).normal(0, 20, 40))
    draw = ImageDraw.Draw(picture)
    draw.line((60, 20, 60, 560, 780, 560), fill="black", width=2)
    draw.line([(60 + 18 * day, float(height)) for day, height in enumerate(heights)], fill=(30, 60, 200), width=1)
    return picture


def test_another_line_on_the_same_white_ground_is_another_picture() -> None:
    assert likeness(shown_as(_chart(1)), shown_as(_chart(1), "JPEG", quality=75)) == "same"
    assert likeness(shown_as(_chart(1)), shown_as(_chart(2))) is None


def resized(seed: int, size: tuple[int, int], quality: int = 80) -> bytes:
    image = Image.fromarray(photograph(800, 600, seed)).resize(size, Image.Resampling.LANCZOS)
    image.thumbnail((192, 192))
    return encoded(image, "JPEG", quality=quality)


@pytest.mark.parametrize("size", [(200, 150), (400, 300), (800, 600)])
@pytest.mark.parametrize("quality", [30, 95])
def test_one_picture_in_another_size_is_the_same(size: tuple[int, int], quality: int) -> None:
    assert same_in_another_size(resized(1, (800, 600)), resized(1, size, quality))


def test_another_picture_or_another_aspect_is_not_the_same_in_another_size() -> None:
    assert not same_in_another_size(resized(1, (800, 600)), resized(2, (400, 300)))
    assert not same_in_another_size(resized(1, (800, 600)), resized(1, (400, 250)))


def test_a_new_key_shows_the_only_known_image_of_its_name_that_looks_the_same() -> None:
    def named(*images: str) -> KnownImages:
        stored = pl.DataFrame(schema=CONTENTS_SCHEMA)
        return KnownImages(
            stored, {}, set(), lambda image, _thumbnail: "same" if image < "b3" else "turned", {"key": images}
        )

    assert named("b1", "b3").resolve("key", "n", "p", b"") == "b1"
    assert named("b1", "b2").resolve("key", "n", "p", b"") == "n"
    assert named("b3").resolve("key", "n", "p", b"") == "n"
    assert named("b1").resolve("other key", "n", "p", b"") == "n"
    assert named("b1").resolve("key", "n", "p", None) == "n"
