"""JPEG files as they really are: without their end marker, with a trailer behind it, with damaged header segments.

What belongs here: which bytes of a JPEG are its first picture, and whether all of its pixels are in them. Not here:
decoding (`stages/images/decode.py`), other formats (`stages/images/png.py`).

libjpeg fills what is missing with grey and only warns, so a decoded picture does not tell that it is whole. What tells
is this: bytes put behind the last scan change nothing when every pixel was decoded before them, and are read as pixels
when some were missing.
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
FILLING = 16  # that many equal bytes in a row are the filling of a file whose copy was interrupted, not pixels
MISSING_GREY = 128  # what libjpeg shows where there are no data


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
    """The same picture without header segments that no pixel depends on, None where the header cannot be followed."""
    kept = [b"\xff\xd8"]
    for marker, start, stop in _segments(data):
        if marker == 0xDA:
            return b"".join(kept) + data[start:]
        body = data[start + 4 : stop]
        told = marker == 0xE1 and body.startswith(b"Exif\0\0")  # which way up it is
        colours = (marker == 0xEE and len(body) >= 12) or (marker == 0xE0 and len(body) >= 14)
        if told or colours or not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            kept.append(data[start:stop])
    return None


def complete_picture(data: bytes) -> bytes | None:
    """The first picture with its end marker, None when pixels of it are missing."""
    try:
        scan = _last_scan(data)
        return _if_whole(data, scan) if scan is not None else None
    except DAMAGE:
        return None


def has_end(data: bytes) -> bool:
    """Whether an end marker follows the first picture's own segments, and is not just somewhere in what follows."""
    if data.endswith(END):
        return True
    at = 0
    for marker, _, stop in _segments(data):
        at = _end_of_scan(data, stop, restarts=True) if marker == 0xDA else stop
    found = _MARKER_OR_RESTART.search(data, at)
    return found is not None and found[0].endswith(b"\xd9")


def is_complete(data: bytes) -> bool:
    """Whether all pixels of the first picture are in the data."""
    return complete_picture(data) is not None


def looks_cut(pixels: np.ndarray) -> bool:
    """Whether the last block is what libjpeg shows where data are missing. Whole pictures may look so too."""
    return bool((pixels[-1, -1] == MISSING_GREY).all() and (pixels[-8:, -8:] == MISSING_GREY).all())


def _if_whole(data: bytes, scan: _Scan) -> bytes | None:
    coded = data[scan.start : scan.stop].rstrip(b"\xff")
    unfilled = coded.rstrip(coded[-1:])
    if len(coded) - len(unfilled) >= FILLING:
        coded = unfilled
    if len(_RESTART.findall(coded)) < scan.restarts:
        return None
    picture = data[: scan.start] + coded
    pixels = _pixels(picture + END)
    for seed in (1, 2):
        noise = bytes(random.Random(seed).choices(range(1, 255), k=512))
        if not np.array_equal(pixels, _pixels(picture + noise + END)):
            return None
    return picture + END


def _pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        return np.asarray(image)


def _last_scan(data: bytes) -> _Scan | None:
    """The scan after which no coefficient of the picture is missing; None when there is none."""
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
    while (found := _MARKER.search(data, at)) is not None:
        marker, start = data[found.end() - 1], found.end() - 2
        if marker in (0xD8, 0xD9):
            return
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:
            at = found.end()
            continue
        stop = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
        if stop > len(data) or stop < start + 4:
            return
        yield marker, start, stop
        if marker == 0xDD:
            restarts = any(data[start + 4 : start + 6])
        at = _end_of_scan(data, stop, restarts=restarts) if marker == 0xDA else stop


def _end_of_scan(data: bytes, start: int, *, restarts: bool) -> int:
    found = (_MARKER_OR_RESTART if restarts else _MARKER).search(data, start)
    return found.start() if found is not None else len(data)
