"""Which camera took an image, where its EXIF says so: append-only parts of `CAMERAS_SCHEMA`, one folder per category.

What belongs here: storing and reading them. Not here: reading EXIF (`stages/images/formats.py`), filtering by camera
(`steps/library_view/filters.py`).

They are for people who filter; nothing else depends on them. Images that an earlier version of this program read have
no row until they are read again.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from pipeline.storage.row_parts import RowParts

CAMERAS_SCHEMA = pl.Schema({"content_hash": pl.String(), "camera": pl.String()})


class CameraStore:
    """The cameras of one category; `root` is `Layout.cameras`."""

    def __init__(self, root: Path) -> None:
        self._folder = root.name
        self._rows = RowParts(root.parent, CAMERAS_SCHEMA, "content_hash", keep="last")

    def append(self, rows: Sequence[tuple[str, str]]) -> None:
        """Add rows of `CAMERAS_SCHEMA`; they are readable when this returns."""
        if rows:
            self._rows.append(self._folder, pl.DataFrame(list(rows), schema=CAMERAS_SCHEMA, orient="row"))

    def read(self) -> pl.DataFrame:
        """All rows, each image once with the camera that was stored last. Skips a damaged part."""
        return self._rows.read(lambda _: None, self._folder)

    def compact(self) -> None:
        """Merge the parts into one if there are many."""
        self._rows.compact(self._folder)
