"""Memory by pixels: how many bytes a decode needs, and a budget that all decoders share.

What belongs here: the estimate from the header, and waiting for one's turn. Not here: decoding (`decode.py`), threads
(`stages/embeddings/stream.py`).

A file of a few hundred kB may hold 99 megapixels. Threads that decode such files at the same time would need gigabytes
each, so each decode reserves its bytes once the header is read. Reservations are served in order, so that small images
do not overtake a large one for ever. An image that is larger than the whole budget is decoded alone.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager

from PIL import Image

from pipeline.runtime.memory import trim
from pipeline.runtime.torch_threads import has_torch

Admit = Callable[[int], None]

LARGE = 200_000_000  # bytes; freeing the memory of smaller images at once is not worth a call
_STORED = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}  # bytes per pixel in Pillow, else 4
_SHOWN = 4  # RGB pixels and their opacity
# Further memory of decoders, in bytes per pixel: canvases and copies of AVIF, 32-bit planes of JPEG 2000
_DECODER = {"WEBP": 4, "AVIF": 12, "JPEG2000": 16, "TIFF": 4, "HEIF": 4, "GIF": 4, "ICO": 4}


def decoded_bytes(image: Image.Image) -> int:
    """The peak memory, in bytes, of decoding an opened image, estimated without decoding it."""
    stored = _STORED.get(image.mode, 4)
    further = _DECODER.get(image.format or "", 0)
    if image.format == "WEBP" and not has_torch():  # Pillow keeps two canvases, as for an animation
        further = 8
    if image.info.get("progressive"):  # libjpeg keeps the coefficients of the whole picture
        further = 2 * len(image.getbands())
    return image.width * image.height * (stored + _SHOWN + further)


class PixelBudget:
    """At most `limit` bytes in flight, unless a single image needs more. Thread-safe."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.in_flight = self.peak = 0
        self._tickets: deque[object] = deque()
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """Decodes that wait for their turn."""
        return len(self._tickets)

    @contextmanager
    def turn(self) -> Generator[Admit]:
        """Yields a function that waits until that many bytes are free; they are released at the end."""
        taken = 0

        def admit(needed: int) -> None:
            nonlocal taken
            self._take(needed)
            taken += needed
            if needed >= LARGE:
                trim()  # hands back what smaller images freed, which would add to the peak of this one

        try:
            yield admit
        finally:
            if taken >= LARGE:
                trim()  # before the next image: what this one freed is not to count twice
            if taken:
                self._give_back(taken)

    def _take(self, needed: int) -> None:
        ticket = object()
        with self._changed:
            self._tickets.append(ticket)
            self._changed.wait_for(lambda: self._tickets[0] is ticket and self._fits(needed))
            self._tickets.popleft()
            self.in_flight += needed
            self.peak = max(self.peak, self.in_flight)
            self._changed.notify_all()

    def _fits(self, needed: int) -> bool:
        return self.in_flight == 0 or self.in_flight + needed <= self.limit

    def _give_back(self, taken: int) -> None:
        with self._changed:
            self.in_flight -= taken
            self._changed.notify_all()
