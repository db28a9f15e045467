"""Thumbnails for responses: WebP in the requested size, cached in memory.

What belongs here: resizing stored thumbnails. Not here: storing them (`storage/thumbnails.py`), originals
(`routes/images.py`).
"""

import io
import threading
from collections import OrderedDict

import polars as pl
from PIL import Image

from pipeline.service.problems import Problem
from pipeline.steps.library_view.cache import Library
from pipeline.steps.project import Project
from pipeline.steps.thumbnails import ThumbnailMaker

MEMORY_BYTES = 64 << 20
QUALITY = 78
SMALLEST, LARGEST = 16, 512


class Thumbnails:
    """Thumbnails by content hash, size and stamp, at most `MEMORY_BYTES` of them. Thread-safe."""

    def __init__(self, project: Project, library: Library, *, read_only: bool) -> None:
        self._project, self._library, self._read_only = project, library, read_only
        self._maker = ThumbnailMaker(project)
        self._cached: OrderedDict[tuple[str, int | None, int], bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def stamp(self, content_hash: str) -> int:
        """When the stored thumbnail was written: another one is stored when an image was turned. 0 if there is none."""
        return self._project.thumbnails.stamp(content_hash)

    def get(self, content_hash: str, size: int | None) -> bytes:
        """WebP whose longer side is `size` at most, never enlarged; None: the stored size.

        A lost or damaged one is made again. Raises `Problem` 404 if there is none and none can be made.
        """
        key = (content_hash, size, self.stamp(content_hash))
        with self._lock:
            if key in self._cached:
                self._cached.move_to_end(key)
                return self._cached[key]
        stored = self._project.thumbnails.read(content_hash) or self._made_again(content_hash)
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

    def _made_again(self, content_hash: str) -> bytes | None:
        for snapshot in self._library.all():
            named = (pl.col("content_hash") == content_hash) | (pl.col("source_hash") == content_hash)
            keys = snapshot.frame.filter(named, pl.col("status") == "ok")["key"]
            if not keys.is_empty():
                return self._maker.read(content_hash, keys[0], store=not self._read_only)
        return None

    def close(self) -> None:
        """End the process that makes lost thumbnails."""
        self._maker.close()


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
