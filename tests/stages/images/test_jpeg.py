"""What must hold of odd JPEGs: whole pictures are used whatever stands around them, half a picture never is."""

import random
import struct

import numpy as np
import pytest
from PIL import Image

from pipeline.settings import ImageParams
from pipeline.stages.images.decode import Decoded, Rejected, decode
from pipeline.stages.images.jpeg import complete_picture
from tests.odd_images import encoded, photograph, with_exif

PARAMS = ImageParams()
END = b"\xff\xd9"
KINDS: dict[str, dict[str, object]] = {
    "baseline": {"quality": 90},
    "subsampled": {"quality": 75, "subsampling": 2},
    "progressive": {"quality": 85, "progressive": True},
    "with restarts": {"quality": 85, "restart_marker_rows": 1},
    "restarts in short": {"quality": 85, "restart_marker_blocks": 3},
    "optimised": {"quality": 60, "optimize": True},
}


def box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + name + body


# as phones write it: boxes that are mostly zeros, which decode as many pixels in few bytes
MOVIE = (
    box(b"ftyp", b"mp42\0\0\0\0isommp42")
    + box(b"moov", box(b"mvhd", bytes(100)) + box(b"trak", bytes(24_000)))
    + box(b"mdat", random.Random(1).randbytes(60_000))
)
TRAILERS = {
    "nothing": b"",
    "one byte": b"\xff",
    "zeros": bytes(4096),
    "motion photo": b"\0\0\x30\x0aMotion" + b"\0\0\0\x18ftypmp42" + random.Random(1).randbytes(60_000) + b"SEFT",
    "a movie": MOVIE,
    "Samsung's movie": b"\0\0\x30\x0a\x10\0\0\0MotionPhoto_Data" + MOVIE + b"SEFH" + bytes(40) + b"SEFT",
    "a movie with a picture": MOVIE + encoded(photograph(60, 40, 5), "JPEG"),
    "a second picture": encoded(photograph(60, 40, 5), "JPEG"),
    "text": b"<?xml version='1.0'?><x:xmpmeta/>" * 20,
}
UNKNOWN = {  # behind pixels that have no end marker, nobody can tell these from pixels
    "noise": random.Random(2).randbytes(20_000),
    "zeros and noise": b"\1" + bytes(6_000) + random.Random(3).randbytes(2_000),
    "noise with an end marker": random.Random(6).randbytes(20_000).replace(b"\xff", b"\0") + END + b"more",
    "zeros with an end marker": bytes(9_000) + END + b"more",
}


def picture(kind: str) -> tuple[bytes, np.ndarray]:
    data = encoded(photograph(150, 110, 3), "JPEG", **KINDS[kind])
    result = decode(data, PARAMS)
    assert isinstance(result, Decoded)
    return data, result.pixels


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


@pytest.mark.parametrize("trailer", TRAILERS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_without_its_end_marker_is_used_whatever_follows(kind: str, trailer: str) -> None:
    data, whole = picture(kind)
    for end in (b"", END):
        result = decode(data[:-2] + end + TRAILERS[trailer], PARAMS)
        assert isinstance(result, Decoded), result
        np.testing.assert_array_equal(result.pixels, whole)


@pytest.mark.parametrize("trailer", UNKNOWN)
@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_picture_with_its_end_marker_is_used_before_anything_unknown(kind: str, trailer: str) -> None:
    data, whole = picture(kind)
    result = decode(data + UNKNOWN[trailer], PARAMS)
    assert isinstance(result, Decoded), result
    np.testing.assert_array_equal(result.pixels, whole)


@pytest.mark.parametrize("trailer", [*TRAILERS, *UNKNOWN])
@pytest.mark.parametrize("kind", KINDS)
def test_half_a_picture_is_never_used_whatever_follows(kind: str, trailer: str) -> None:
    data, _ = picture(kind)
    for part in (0.5, 0.75, 0.9, 0.97):
        result = decode(data[: int(len(data) * part)] + (TRAILERS | UNKNOWN)[trailer], PARAMS)
        assert isinstance(result, Rejected), (part, trailer)
        assert result.status == "broken"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "progressive"])
def test_an_end_marker_put_behind_half_a_picture_does_not_make_it_whole(kind: str) -> None:
    data, _ = picture(kind)
    assert isinstance(decode(data[: len(data) // 2] + END, PARAMS), Rejected)


@pytest.mark.parametrize("kind", KINDS)
def test_cut_anywhere_near_its_end_it_is_the_same_picture_or_none(kind: str) -> None:
    data, whole = picture(kind)
    for length in range(len(data) - 60, len(data)):
        result = decode(data[:length], PARAMS)
        if isinstance(result, Decoded):
            np.testing.assert_array_equal(result.pixels, whole, err_msg=f"{length} of {len(data)}")


def test_a_grey_picture_that_looks_as_if_data_were_missing_is_used() -> None:
    grey = encoded(Image.new("RGB", (64, 48), (128, 128, 128)), "JPEG")
    assert isinstance(decode(grey, PARAMS), Decoded)


@pytest.mark.parametrize(
    "header",
    [
        segment(0xE2, b"ICC_PROFILE\0"),
        segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04"),
        segment(0xE0, b"JFIF"),
        segment(0xEE, b"Adobe"),
        segment(0xE2, b"MPF\0II*\0\xff\xff"),
    ],
)
def test_a_damaged_header_segment_says_nothing_about_the_pixels(header: bytes) -> None:
    data, whole = picture("baseline")
    for end in (b"", END):
        result = decode(data[:2] + header + data[2:-2] + end, PARAMS)
        assert isinstance(result, Decoded), result
        np.testing.assert_array_equal(result.pixels, whole)


def test_a_picture_with_a_damaged_profile_still_stands_upright() -> None:
    data = with_exif(6)
    result = decode(data[:2] + segment(0xE2, b"ICC_PROFILE\0") + data[2:], PARAMS)
    assert isinstance(result, Decoded)
    assert (result.width, result.height) == (96, 64)


def test_random_damage_never_raises() -> None:
    data, _ = picture("with restarts")
    chance = random.Random(4)
    for _ in range(300):
        damaged = bytearray(data[: chance.randrange(4, len(data))])
        for _ in range(4):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        complete_picture(bytes(damaged))
