"""A process of its own gives the same image; whatever becomes of it, the caller gets a row."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from pipeline.adapters.decode_apart import DecodingProcess, decode_apart
from pipeline.settings import ImageParams
from pipeline.stages.images.decode import Decoded, ImageInfo, Rejected, decode
from tests.broken_codec import break_codec
from tests.odd_images import odd_images, quadrants, with_exif

PARAMS = ImageParams()


def test_the_image_is_the_same() -> None:
    data = with_exif(6, taken="2024:05:01 12:00:00", latitude=48.2, longitude=16.4)
    apart, here = decode_apart(data, PARAMS, digest="ab"), decode(data, PARAMS, digest="ab")
    assert isinstance(apart, Decoded)
    assert isinstance(here, Decoded)
    for field in fields(ImageInfo):
        assert getattr(apart, field.name) == getattr(here, field.name)
    np.testing.assert_array_equal(apart.pixels, here.pixels)
    assert apart.pixels.flags.writeable  # torch warns people of arrays that are not


def test_a_file_that_is_no_image_gets_its_reason() -> None:
    assert decode_apart(b"hello", PARAMS, digest="ab") == decode(b"hello", PARAMS, digest="ab")


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", r"Its decoder crashed (SIGSEGV)."),
        ("os._exit(3)", "Its decoder crashed (exit code 3)."),
        ("time.sleep(3600)", "Its decoder did not end within 1 s (images.decode_seconds)."),
    ],
)
def test_a_crash_and_an_endless_loop_are_rejected_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, reason: str
) -> None:
    break_codec(tmp_path, what, quadrants().size)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    found = decode_apart(with_exif(1, kind="PNG"), ImageParams(decode_seconds=1), digest="ab")
    assert found == Rejected("broken", reason, "ab")


def test_one_process_decodes_file_after_file_the_same_as_this_one() -> None:
    process = DecodingProcess(PARAMS)
    try:
        for name, odd in odd_images().items():
            there, here = process.decode(odd.data, "ab"), decode(odd.data, PARAMS, digest="ab")
            if isinstance(there, Decoded) and isinstance(here, Decoded):
                assert (there.info(), there.pixel_hash) == (here.info(), here.pixel_hash), name
            else:
                assert there == here, name
    finally:
        process.close()


def test_a_sound_file_is_not_blamed_for_the_crash_of_a_process_that_another_one_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later_dies = "load.n = getattr(load, 'n', 0) + 1; load.n == 5 and os.kill(os.getpid(), signal.SIGSEGV)"
    break_codec(tmp_path, later_dies, quadrants().size)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    process = DecodingProcess(PARAMS)
    try:
        for _ in range(5):
            assert isinstance(process.decode(with_exif(1, kind="PNG"), "ab"), Decoded)
    finally:
        process.close()
