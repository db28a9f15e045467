"""What must hold of odd PNGs: what stands beside the pixels costs no picture, and missing rows always do."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pipeline.settings import ImageParams
from pipeline.stages.images import png
from pipeline.stages.images.decode import Decoded, Rejected, decode
from tests.odd_images import encoded, photograph, with_exif

PARAMS = ImageParams()
PIXELS = photograph(80, 60, 2)
DATA = encoded(PIXELS, "PNG")
HEADER = 33  # signature and IHDR


def chunk(name: bytes, body: bytes, check: int | None = None) -> bytes:
    return (
        struct.pack(">I", len(body))
        + name
        + body
        + struct.pack(">I", zlib.crc32(name + body) if check is None else check)
    )


EMPTY = (b"gAMA", b"pHYs", b"cHRM", b"sRGB", b"acTL", b"tIME")
LARGE = zlib.compress(bytes(5_000_000))
BESIDE = {
    "a text with a wrong checksum": chunk(b"tEXt", b"a\0b", 0),
    "a private chunk with a wrong checksum": chunk(b"prVt", b"x", 0),
    "a large compressed text": chunk(b"zTXt", b"a\0\0" + LARGE),
    "a large international text": chunk(b"iTXt", b"a\0\1\0\0\0" + LARGE),
    "many large texts": chunk(b"tEXt", b"a\0" + b"x" * 9_000_000) * 8,
    "a large profile": chunk(b"iCCP", b"a\0\0" + LARGE),
    "a damaged profile": chunk(b"iCCP", b"a\0\0garbage"),
    **{
        f"an empty {name.decode()}": chunk(name, b"") for name in (b"gAMA", b"pHYs", b"cHRM", b"sRGB", b"acTL", b"tIME")
    },
}


@pytest.mark.parametrize("name", BESIDE)
def test_an_odd_chunk_beside_the_pixels_costs_no_picture(name: str) -> None:
    for at in (HEADER, len(DATA) - 12):
        result = decode(DATA[:at] + BESIDE[name] + DATA[at:], PARAMS)
        assert isinstance(result, Decoded), result
        np.testing.assert_array_equal(result.pixels, PIXELS)


def test_a_picture_with_an_odd_chunk_still_stands_upright() -> None:
    data = with_exif(6, kind="PNG")
    result = decode(data[:HEADER] + BESIDE["an empty gAMA"] + data[HEADER:], PARAMS)
    assert isinstance(result, Decoded)
    assert (result.width, result.height) == (96, 64)


@pytest.mark.parametrize("tail", [b"", b"x" * 1000, bytes(500)])
def test_the_end_may_be_missing_and_anything_may_follow(tail: bytes) -> None:
    for data in (DATA, DATA[:-4], DATA[:-12], DATA[:-16]):
        result = decode(data + tail, PARAMS)
        assert isinstance(result, Decoded), result
        np.testing.assert_array_equal(result.pixels, PIXELS)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "LA", "1"])
@pytest.mark.parametrize("interlaced", [False, True])
def test_a_stream_of_pixels_that_ends_early_is_half_a_picture(mode: str, interlaced: bool) -> None:
    picture = Image.fromarray(PIXELS).convert(mode)
    data = _made(picture, rows=picture.height, interlaced=interlaced)
    assert isinstance(decode(data, PARAMS), Decoded)
    assert isinstance(decode(_made(picture, rows=picture.height // 2, interlaced=interlaced), PARAMS), Rejected)


def _made(picture: Image.Image, *, rows: int, interlaced: bool) -> bytes:
    """A PNG by hand whose stream of pixels ends, without a word, after so many rows of the last pass."""
    kinds = {"RGB": (8, 2), "RGBA": (8, 6), "L": (8, 0), "P": (8, 3), "LA": (8, 4), "1": (1, 0)}
    depth, colour = kinds[picture.mode]
    array = np.asarray(picture)
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    lines: list[bytes] = []
    for left, top, across, down in passes:
        part = array[top::down, left::across]
        lines += [b"\0" + (np.packbits(row) if depth == 1 else row).tobytes() for row in part]
    missing = picture.height - rows
    stream = zlib.compress(b"".join(lines[: len(lines) - missing // (2 if interlaced else 1)]))
    header = struct.pack(">IIBBBBB", picture.width, picture.height, depth, colour, 0, 0, int(interlaced))
    palette = chunk(b"PLTE", bytes(picture.getpalette() or [])[:768]) if picture.mode == "P" else b""
    return b"".join([DATA[:8], chunk(b"IHDR", header), palette, chunk(b"IDAT", stream), chunk(b"IEND", b"")])


@pytest.mark.parametrize("size", [(5, 7), (900, 700), (2000, 1500)])
def test_rows_are_counted_piece_by_piece(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), np.uint8)
    for picture in (noise, np.zeros_like(noise)):
        data = encoded(picture, "PNG")
        assert png.is_complete(data)
        assert png.is_complete(data + b"trailer")
        assert not png.is_complete(data[: len(data) * 2 // 3])
