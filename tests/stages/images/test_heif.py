"""HEIC files of phones. The files in `tests/data/heic` hold the four quadrants of `tests/odd_images.py`; nothing in the
lock file can write HEIC, so they were written once."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from pipeline.settings import ImageParams
from pipeline.stages.images.decode import Decoded, Rejected, decode, inspect
from tests.odd_images import HEIC, ODD_HEIC, quadrants

PARAMS = ImageParams()


@pytest.mark.parametrize("name", ["plain", "turned", "burst"])
def test_the_primary_picture_is_decoded_upright(name: str) -> None:
    result = decode((HEIC / f"{name}.heic").read_bytes(), PARAMS)
    assert isinstance(result, Decoded), result
    assert (result.format, result.width, result.height) == ("HEIF", 96, 64)
    np.testing.assert_allclose(result.pixels.astype(int), np.asarray(quadrants()).astype(int), atol=12)


def test_time_and_place_are_read_with_and_without_decoding() -> None:
    data = (HEIC / "turned.heic").read_bytes()
    for result in (decode(data, PARAMS), inspect(data, PARAMS)):
        assert not isinstance(result, Rejected), result
        assert result.taken_at == datetime(2024, 5, 6, 7, 8, 9)  # noqa: DTZ001
        assert (result.latitude, result.longitude) == pytest.approx((-1.034167, 4.085), abs=1e-5)
        assert (result.width, result.height) == (96, 64)


def test_a_file_cut_anywhere_is_set_aside() -> None:
    for path in (HEIC / "plain.heic", HEIC / "turned.heic"):
        data = path.read_bytes()
        whole = decode(data, PARAMS)
        assert isinstance(whole, Decoded)
        for length in range(40, len(data) - 1, 7):
            result = decode(data[:length], PARAMS)
            if isinstance(result, Decoded):  # only what follows the pixels is missing
                np.testing.assert_array_equal(result.pixels, whole.pixels)
            else:
                assert result.status == "broken"


def test_a_cap_of_pixels_holds_before_decoding() -> None:
    result = decode((HEIC / "plain.heic").read_bytes(), ImageParams(max_megapixels=0.001))
    assert isinstance(result, Rejected)
    assert result.status == "too_large"


def test_the_folder_of_test_files_is_there() -> None:
    assert {path.stem for path in Path(HEIC).iterdir()} == set(ODD_HEIC)
