"""A thumbnail that is gone or damaged is made again from its image.

What belongs here: finding and decoding the image. Not here: storing (`storage/thumbnails.py`), the thumbnails of new
images (`ingest.py`), all thumbnails at once (`doctor/`).
"""

import threading
from contextlib import closing, suppress

import polars as pl

from pipeline.adapters.decode_apart import DecodingProcess
from pipeline.errors import ImageClusterError
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.images.decode import Decoded, content_hash, thumbnail
from pipeline.steps.project import Project

AT_ONCE = 4  # callers that may wait for the one process that decodes


class ThumbnailMaker:
    """Makes lost thumbnails again, one at a time, in a process of its own. Thread-safe."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._process = DecodingProcess(project.settings.images)
        self._room, self._turn = threading.BoundedSemaphore(AT_ONCE), threading.Lock()

    def read(self, name: str, key: str, *, store: bool = True) -> bytes | None:
        """The thumbnail of the image `name` (its content hash), whose object is `key`, stored or made again.

        None if its object cannot be read or shows another image by now, or if too many are being made.
        """
        stored = self._project.thumbnails.read(name)
        if stored is not None or not self._room.acquire(blocking=False):
            return stored
        try:
            with self._turn:
                made = self._project.thumbnails.read(name) or self._made(name, key)
        finally:
            self._room.release()
        if made is not None and store:
            with suppress(OSError):  # a full disk: it is shown nevertheless
                self._project.thumbnails.write(name, made)
        return made

    def _made(self, name: str, key: str) -> bytes | None:
        try:
            data = self._project.bucket.read(key)
        except ImageClusterError:
            return None
        if not self._shows(data, name):
            return None
        decoded = self._process.decode(data, name)
        if not isinstance(decoded, Decoded):
            return None
        self._project.talk.notice(f"The thumbnail of {key} was gone or damaged; it was made again.")
        return thumbnail(decoded.pixels, self._project.settings.images.thumbnail_pixels)

    def _shows(self, data: bytes, name: str) -> bool:
        """Whether these bytes are those of the image, or were resolved to it."""
        digest = content_hash(data)
        if digest == name:
            return True
        known = self._project.contents.read(lambda _: None)
        return not known.filter(content_hash=digest, image=name).is_empty()

    def close(self) -> None:
        """End the process."""
        self._process.close()


def make_lost(project: Project, slug: str, names: list[str]) -> None:
    """Make the thumbnails of these images of a category again where they are gone or damaged."""
    lost = [name for name in names if not project.thumbnails.has(name)]
    if not lost:
        return
    images = project.store.require(slug, "images").table("images", IMAGES_SCHEMA, ["content_hash", "key", "status"])
    keys = images.filter(pl.col("status") == "ok", pl.col("content_hash").is_in(lost)).unique("content_hash")
    with closing(ThumbnailMaker(project)) as maker:
        for name, key, _ in keys.iter_rows():
            maker.read(name, key)
