"""JPEG files in practice: without an end marker, with a trailer after it, with damaged header segments.

What belongs here: which bytes of a JPEG are its first picture, and whether they hold all of its pixels. Not here:
decoding (`stages/images/decode.py`), other formats (`stages/images/png.py`).

libjpeg fills missing data with grey and only warns, and it decodes as pixels whatever a phone appended to half a
picture. So decoding does not prove that a picture is complete. Two tests do, on the last scan, which ends where a known
kind of trailer begins: bytes appended to the scan must not change the picture (all pixels were decoded before them),
and removing the last bytes of the scan must change it (no pixel was read from what follows them).
"""

import io
import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from pipeline.stages.images.formats import DAMAGE

END = b"\xff\xd9"
_MARKER = re.compile(rb"\xff+[^\x00\xff]")
_MARKER_OR_RESTART = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_COEFFICIENTS = 64
# What phones and programs append to a picture: MP4 boxes, Samsung's blocks, XML, other pictures and archives. Not
# searched for in files that end with their picture; by chance it occurs in pixels once in hundreds of gigabytes.
_TRAILER = re.compile(
    rb"\0\0\0[\x08-\xff]ftyp|\0[\0-\xff]{3}(?:moov|mdat)|\0\0\0\x08(?:wide|free|skip)"
    rb"|\0\0[\0-\xff]{2}(?:[\x04-\x40]\0\0\0)?(?:Motion|[A-Z][A-Za-z]+_[A-Z][a-z_A-Z]{3})|MotionPhoto_Data|SEFH[\0-\xff]\0\0\0"
    rb"|<\?xml |<\?xpacket |<x:xmpmeta|\xff\xd8\xff|\x89PNG\r\n|RIFF[\0-\xff]{4}(?:WEBP|AVI )|PK\x03\x04[\0-\xff]{5}\0"
)
PADDING, TRAILER_BEGINS = 4096, 64  # bytes after an end marker that may be padding; that identify a trailer
FILLING = 16  # this many equal bytes at the end are the fill of an interrupted copy, not pixels
LAST_BYTES = 3  # at least one of them holds pixels: a scan ends in an incomplete byte, and some cameras add one
WINDOW = 1 << 16  # bytes of a scan searched first
MISSING_GREY = 128  # what libjpeg shows for missing data


@dataclass
class _Frame:
    width: int
    height: int
    sampling: dict[int, tuple[int, int]]
    open_bits: dict[int, list[int]] = field(default_factory=dict[int, list[int]])  # per coefficient: bits not sent yet

    def complete(self) -> bool:
        return all(not any(bits) for bits in self.open_bits.values())

    def units(self, components: list[int]) -> int:
        """How many coded units (MCUs) a scan over these components has."""
        across = max(h for h, _ in self.sampling.values())
        down = max(v for _, v in self.sampling.values())
        if len(components) > 1:
            return math.ceil(self.width / (8 * across)) * math.ceil(self.height / (8 * down))
        h, v = self.sampling[components[0]]
        return math.ceil(math.ceil(self.width * h / across) / 8) * math.ceil(math.ceil(self.height * v / down) / 8)


@dataclass(frozen=True)
class _Scan:
    """The scan that completes the picture: its coded data are `data[start:stop]`."""

    start: int
    stop: int
    restarts: int  # restart markers that its data must hold


def strip_segments(data: bytes) -> bytes | None:
    """The picture without header segments that no pixel depends on, or None if the header cannot be parsed."""
    kept = [b"\xff\xd8"]
    for marker, start, stop in _segments(data):
        if marker == 0xDA:
            return b"".join(kept) + data[start:]
        body = data[start + 4 : stop]
        is_exif = marker == 0xE1 and body.startswith(b"Exif\0\0")  # which way up it is
        colours = (marker == 0xEE and len(body) >= 12) or (marker == 0xE0 and len(body) >= 14)
        if is_exif or colours or not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            kept.append(data[start:stop])
    return None


def complete_picture(data: bytes) -> bytes | None:
    """The first picture with its end marker, or None if pixels are missing."""
    try:
        scan = _last_scan(data)
        return _picture_if_complete(data, scan) if scan is not None else None
    except DAMAGE:
        return None


def has_end(data: bytes) -> bool:
    """Whether the first picture has an end marker that does not belong to a trailer."""
    at, scan = 0, 0
    for marker, _, stop in _segments(data):
        at = _end_of_scan(data, stop, restarts=True) if marker == 0xDA else stop
        scan = stop
    end = _MARKER_OR_RESTART.search(data, at)
    if end is None or not end[0].endswith(b"\xd9"):
        return False
    behind = data[end.end() : end.end() + PADDING].lstrip(b"\0\xff\r\n ")
    if not behind and end.end() + PADDING >= len(data):
        return True
    # if the kind of the following data is unknown, the end marker may belong to it
    is_trailer = behind.startswith(b"\xd8") or _TRAILER.search(data, end.end(), end.end() + TRAILER_BEGINS) is not None
    return is_trailer and _TRAILER.search(data, scan, end.start()) is None


def is_complete(data: bytes) -> bool:
    """Whether the data hold all pixels of the first picture."""
    return complete_picture(data) is not None


def looks_cut(pixels: np.ndarray) -> bool:
    """Whether the last block looks as libjpeg shows missing data. A complete picture may look the same."""
    return bool((pixels[-1, -1] == MISSING_GREY).all() and (pixels[-8:, -8:] == MISSING_GREY).all())


def _picture_if_complete(data: bytes, scan: _Scan) -> bytes | None:
    trailer = _TRAILER.search(data, scan.start, scan.stop)
    coded = data[scan.start : trailer.start() if trailer is not None else scan.stop].rstrip(b"\xff")
    unfilled = coded.rstrip(coded[-1:])
    if len(coded) - len(unfilled) >= FILLING:
        coded = unfilled
    restarts = [mark[-1] & 7 for mark in _RESTART.findall(coded)]
    if restarts != [number % 8 for number in range(scan.restarts)]:
        return None
    head = data[: scan.start]
    pixels = _pixels(head + coded + END)
    noises = [bytes(random.Random(seed).choices(range(1, 255), k=512)) for seed in (1, 2)]
    if not all(np.array_equal(pixels, _pixels(head + coded + noise + END)) for noise in noises):
        return None
    shorter = coded[:-LAST_BYTES]
    if all(np.array_equal(pixels, _pixels(head + shorter + noise + END)) for noise in noises):
        return None  # the pixels end earlier, and data after them may have been decoded as pixels
    return head + coded + END


def _pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        return np.asarray(image)


def _last_scan(data: bytes) -> _Scan | None:
    """The scan after which no coefficient of the picture is missing, or None."""
    frame, interval = None, 0
    for marker, start, stop in _segments(data):
        body = data[start + 4 : stop]
        if marker in _FRAMES:
            frame = _read_frame(body)
        elif marker == 0xDD:
            interval = int.from_bytes(body[:2], "big")
        elif marker == 0xDA and frame is not None:
            components = _note_scan(frame, body)
            if frame.complete():
                restarts = math.ceil(frame.units(components) / interval) - 1 if interval else 0
                return _Scan(stop, _end_of_scan(data, stop, restarts=interval > 0), restarts)
    return None


def _read_frame(body: bytes) -> _Frame:
    height, width, number = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big"), body[5]
    parts = [body[6 + 3 * at : 9 + 3 * at] for at in range(number)]
    frame = _Frame(width, height, {part[0]: (part[1] >> 4, part[1] & 15) for part in parts})
    frame.open_bits = {name: [99] * _COEFFICIENTS for name in frame.sampling}
    return frame


def _note_scan(frame: _Frame, body: bytes) -> list[int]:
    number = body[0]
    components = [body[1 + 2 * at] for at in range(number)]
    first, last, low = body[1 + 2 * number], body[2 + 2 * number], body[3 + 2 * number] & 15
    for name in components:
        for at in range(first, min(last, _COEFFICIENTS - 1) + 1):
            frame.open_bits[name][at] = low
    return components


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and stop of each segment up to the picture's end; a scan's coded data are skipped."""
    at, restarts = 2, False
    while (match := _MARKER.search(data, at)) is not None:
        marker, start = data[match.end() - 1], match.end() - 2
        if marker in (0xD8, 0xD9):
            return
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:
            at = match.end()
            continue
        stop = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
        if stop > len(data) or stop < start + 4:
            return
        yield marker, start, stop
        if marker == 0xDD:
            restarts = any(data[start + 4 : start + 6])
        at = _end_of_scan(data, stop, restarts=restarts) if marker == 0xDA else stop


def _end_of_scan(data: bytes, start: int, *, restarts: bool) -> int:
    window = WINDOW
    while start + 1 < len(data):  # by arrays: a search by pattern takes ten times as long
        coded = np.frombuffer(data, np.uint8, min(window, len(data) - start), start)
        at = np.flatnonzero(coded[:-1] == 0xFF)
        follows = coded[at + 1]
        markers = (follows != 0) & (follows != 0xFF) & ~(restarts & (follows >= 0xD0) & (follows <= 0xD7))
        if markers.any():
            end = start + int(at[markers.argmax()])
            while data[end - 1] == 0xFF:
                end -= 1
            return end
        start, window = start + len(coded) - 1, 2 * window
    return len(data)
