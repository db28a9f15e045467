"""PNG files in practice: with damaged or very large chunks beside the pixels, or without their end.

What belongs here: which chunks of a PNG its pixels depend on, and whether they hold all rows. Not here: decoding
(`stages/images/decode.py`), other formats (`stages/images/jpeg.py`).
"""

import struct
import zlib
from collections.abc import Iterator

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT")
PIECE = 1 << 20
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def strip_chunks(data: bytes) -> bytes | None:
    """The picture without chunks that no pixel depends on. Intact EXIF stays: it has the orientation."""
    kept = [SIGNATURE]
    for name, start, stop in _chunks(data):
        sound = stop <= len(data) and zlib.crc32(data[start + 4 : stop - 4]) == int.from_bytes(data[stop - 4 : stop])
        if name in _PIXEL_CHUNKS or (name == b"eXIf" and sound):
            kept.append(data[start:stop])
    return b"".join([*kept, _chunk(b"IEND", b"")]) if len(kept) > 1 else None


def complete_picture(data: bytes) -> bytes | None:
    """The picture with its pixel stream written anew, or None if rows are missing."""
    rows = _rows(data)
    if rows is None:
        return None
    beside = [_chunk(name, body) for name, body in _pixel_chunks(data) if name != b"IDAT"]
    return b"".join([SIGNATURE, *beside, _chunk(b"IDAT", zlib.compress(rows, 1)), _chunk(b"IEND", b"")])


def has_end(_: bytes) -> bool:
    """Always true: Pillow raises an exception for an incomplete PNG."""
    return True


def is_complete(data: bytes) -> bool:
    """Whether the data hold all rows. They are counted piece by piece: together they may be hundreds of MB."""
    stream = _stream(data)
    if stream is None:
        return False
    needed, packed = stream
    unpacking = zlib.decompressobj()
    try:
        for start in range(
            0, len(packed) + PIECE, PIECE
        ):  # the last one is empty: what was unpacked and not handed out
            tail = packed[start : start + PIECE]
            while needed > 0 and (piece := unpacking.decompress(tail, min(needed, PIECE))):
                needed, tail = needed - len(piece), unpacking.unconsumed_tail
    except zlib.error:
        return False
    return needed == 0


def looks_cut(pixels: np.ndarray) -> bool:
    """Whether the last row has a single colour, as if rows were missing. A complete picture may look the same."""
    return bool((pixels[-1] == pixels[-1, 0]).all())


def _pixel_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    return [(name, data[start + 8 : stop - 4]) for name, start, stop in _chunks(data) if name in _PIXEL_CHUNKS]


def _rows(data: bytes) -> bytes | None:
    """All rows with their filters, or None if some are missing."""
    stream = _stream(data)
    if stream is None:
        return None
    needed, packed = stream
    try:
        rows = zlib.decompressobj().decompress(packed, needed)
    except zlib.error:
        return None
    return rows if len(rows) == needed else None


def _stream(data: bytes) -> tuple[int, bytes] | None:
    """How many bytes all rows have, and their compressed stream; None if there is no header."""
    chunks = _pixel_chunks(data)
    needed = _bytes_of_rows(chunks[0][1]) if chunks and chunks[0][0] == b"IHDR" and len(chunks[0][1]) == 13 else None
    return None if needed is None else (needed, b"".join(body for name, body in chunks if name == b"IDAT"))


def _bytes_of_rows(header: bytes) -> int | None:
    """Uncompressed length of the pixels, each row with its filter byte."""
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    bits = _CHANNELS.get(colour, 0) * depth
    if not bits or not depth:
        return None
    total = 0
    for left, top, across, down in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-max(0, width - left) // across), -(-max(0, height - top) // down)
        total += rows * (1 + (columns * bits + 7) // 8) if columns else 0
    return total


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and stop of each chunk up to the end of the picture; the last may be truncated."""
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        name, stop = data[at + 4 : at + 8], at + 12 + int.from_bytes(data[at : at + 4], "big")
        if name == b"IEND" or not name.isalpha():
            return
        yield name, at, stop
        at = stop


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
