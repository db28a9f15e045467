"""Crops are cut from the decoded original, and every image gets its own answer."""

from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pictures

from pipeline.errors import BucketUnreachableError, ObjectMissingError
from pipeline.settings import ImageParams
from pipeline.stages.embeddings.crops import MOST_SIDE, Crop, Embedded, Image, crop_of, embed_crops, squared
from pipeline.stages.images.decode import Decoded, Rejected, content_hash, decode
from pipeline.stages.objects.boxes import Box
from tests.fakes import MeanColourEncoder
from tests.odd_images import encoded

BOXES = (Box(0, 0, 0.5, 1), Box(0.5, 0, 0.5, 1))


def halves(number: int) -> bytes:
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, :20], pixels[:, 20:] = (number * 37 % 256, 10, 200), (10, number * 59 % 256, 30)
    return encoded(Pictures.fromarray(pixels), "PNG")


def image(number: int, data: bytes) -> Image:
    crops = tuple(Crop(f"crop-{number}-{place}", f"id-{number}-{place}", box) for place, box in enumerate(BOXES))
    return Image(f"{number}.png", content_hash(data), crops)


def embedded(items: list[tuple[Image, Any]], encoder: Any = None, **options: Any) -> list[Embedded]:
    settings = {"params": ImageParams(), "margin": 0.0, "batch_size": 3, "threads": 2, **options}
    return list(embed_crops(items, encoder or MeanColourEncoder(), **settings))


def test_each_crop_has_the_vector_of_its_own_pixels() -> None:
    items = [(image(number, halves(number)), halves(number)) for number in range(7)]
    results = embedded(items)
    assert [result.image for result in results] == [one for one, _ in items]
    encoder = MeanColourEncoder()
    for result, (_, data) in zip(results, items, strict=True):
        decoded = decode(data, ImageParams())
        assert isinstance(decoded, Decoded)
        assert not isinstance(result.cuts, Rejected)
        assert result.digest == content_hash(data)
        for cut, box in zip(result.cuts, BOXES, strict=True):
            pixels = crop_of(decoded.pixels, box, 0.0)
            np.testing.assert_array_equal(cut.vector, encoder.encode(encoder.prepare(squared(pixels))[None])[0])
            assert cut.thumbnail


def test_a_bad_and_a_missing_image_in_the_middle_shift_nothing() -> None:
    items: list[tuple[Image, Any]] = [(image(number, halves(number)), halves(number)) for number in range(6)]
    items[2] = (items[2][0], b"no image")
    items[3] = (items[3][0], ObjectMissingError("It is gone."))
    results = embedded(items)
    reasons = [result.cuts.status if isinstance(result.cuts, Rejected) else "ok" for result in results]
    assert reasons == ["ok", "ok", "not_an_image", "missing", "ok", "ok"]


def test_an_unreachable_bucket_ends_it_after_what_came_before() -> None:
    items: list[tuple[Image, Any]] = [(image(0, halves(0)), halves(0)), (image(1, b""), BucketUnreachableError("no"))]
    with pytest.raises(BucketUnreachableError):
        embedded(items)


def test_a_crop_without_a_usable_vector_says_so() -> None:
    class Odd(MeanColourEncoder):
        def encode(self, batch: np.ndarray) -> np.ndarray:
            vectors = super().encode(batch)
            vectors[0] = np.nan
            return vectors

    (result,) = embedded([(image(1, halves(1)), halves(1))], Odd())
    assert not isinstance(result.cuts, Rejected)
    assert [cut.vector is None for cut in result.cuts] == [True, False]
    assert "no usable vector" in result.cuts[0].reason


def test_a_batch_that_memory_does_not_hold_is_halved_with_a_notice() -> None:
    def refuse(batch: np.ndarray) -> None:
        if len(batch) > 2:
            raise RuntimeError("out of memory")

    notices: SimpleQueue[str] = SimpleQueue()
    items = [(image(number, halves(number)), halves(number)) for number in range(4)]
    assert len(embedded(items, MeanColourEncoder(refuse), batch_size=8, notices=notices)) == 4
    assert "going on with" in notices.get_nowait()


def test_a_tall_crop_stands_whole_in_a_square_of_its_mean_colour() -> None:
    pixels = np.zeros((40, 10, 3), np.uint8)
    pixels[:20] = (200, 100, 0)
    square = squared(pixels)
    assert square.shape == (40, 40, 3)
    np.testing.assert_array_equal(square[:, 15:25], pixels)
    assert square[0, 0].tolist() == [100, 50, 0]
    np.testing.assert_array_equal(squared(pixels[:10]), pixels[:10])


def test_the_square_of_a_long_thin_crop_is_bounded() -> None:
    assert squared(np.zeros((6, 5 * MOST_SIDE, 3), np.uint8)).shape == (MOST_SIDE, MOST_SIDE, 3)
