"""A JPEG 2000 file that would need too much memory is read at a smaller scale, and keeps its size."""

import numpy as np

from pipeline.settings import ImageParams
from pipeline.stages.images.decode import Decoded, Rejected, decode, thumbnail
from pipeline.stages.images.identity import same_in_another_size
from pipeline.stages.images.jpeg2000 import scales
from tests.odd_images import encoded, photograph

PHOTOGRAPH = photograph(640, 480)
NEEDED = 640 * 480 * 24 / 1e6  # MB


def test_a_smaller_scale_shows_the_same_picture_with_its_true_size() -> None:
    data = encoded(PHOTOGRAPH, "JPEG2000")
    whole = decode(data, ImageParams())
    assert isinstance(whole, Decoded)
    assert whole.pixels.shape == (480, 640, 3)
    for share, halved in ((2, 2), (5, 4), (40, 8)):
        small = decode(data, ImageParams(decode_megabytes=NEEDED / share))
        assert isinstance(small, Decoded)
        assert (small.width, small.height) == (640, 480)
        assert small.pixels.shape == (480 // halved, 640 // halved, 3)
    assert same_in_another_size(thumbnail(decode_at(data, 5).pixels, 128), thumbnail(whole.pixels, 128))


def decode_at(data: bytes, share: float) -> Decoded:
    decoded = decode(data, ImageParams(decode_megabytes=NEEDED / share))
    assert isinstance(decoded, Decoded)
    return decoded


def test_a_file_without_smaller_scales_is_set_aside_with_both_numbers() -> None:
    data = encoded(PHOTOGRAPH, "JPEG2000", num_resolutions=1)
    assert isinstance(decode(data, ImageParams()), Decoded)
    found = decode(data, ImageParams(decode_megabytes=2))
    assert isinstance(found, Rejected)
    assert found.status == "too_large"
    assert "needs 7 MB, more than decode_megabytes = 2" in found.reason


def test_the_number_of_scales_is_in_the_header_and_never_guessed() -> None:
    assert [scales(encoded(PHOTOGRAPH, "JPEG2000", num_resolutions=number)) for number in (1, 3, 6)] == [0, 2, 5]
    data = encoded(PHOTOGRAPH, "JPEG2000")
    assert [scales(noise) for noise in (b"", data[:90], np.random.default_rng(0).bytes(5000))] == [0, 0, 0]
