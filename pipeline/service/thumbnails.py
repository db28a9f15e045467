"""Thumbnails for responses: WebP in the requested size, cached in memory.

What belongs here: resizing stored thumbnails. Not here: storing them (`storage/thumbnails.py`), originals
(`routes/images.py`).
"""

import io
import threading
from collections import OrderedDict

from PIL import Image

from pipeline.service.problems import Problem
from pipeline.steps.project import Project

MEMORY_BYTES = 64 << 20
QUALITY = 78
SMALLEST, LARGEST = 16, 512


class Thumbnails:
    """Thumbnails by content hash and size, at most `MEMORY_BYTES` of them. Thread-safe."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._cached: OrderedDict[tuple[str, int | None], bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, content_hash: str, size: int | None) -> bytes:
        """WebP whose longer side is `size` at most, never enlarged; None: the stored size.

        Raises `Problem` 404 if there is none: the image is unusable, or its thumbnail was deleted.
        """
        key = (content_hash, size)
        with self._lock:
            if key in self._cached:
                self._cached.move_to_end(key)
                return self._cached[key]
        stored = self._project.thumbnails.read(content_hash)
        if stored is None:
            raise Problem(404, "no-thumbnail", f"There is no thumbnail of the content {content_hash}.")
        made = _webp(stored, size)
        with self._lock:
            if key not in self._cached:
                self._cached[key] = made
                self._bytes += len(made)
            while self._bytes > MEMORY_BYTES:
                self._bytes -= len(self._cached.popitem(last=False)[1])
        return made


def _webp(data: bytes, size: int | None) -> bytes:
    if size is None and data[8:12] == b"WEBP":
        return data
    with Image.open(io.BytesIO(data), formats=("JPEG", "WEBP", "PNG")) as image:
        small = image.convert("RGB")
        if size is not None and max(small.size) > size:
            small.thumbnail((size, size), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        small.save(out, "WEBP", quality=QUALITY, method=2)
    return out.getvalue()
