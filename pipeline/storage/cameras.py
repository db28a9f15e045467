"""Which camera took an image, where its EXIF says so: append-only parts of `CAMERAS_SCHEMA`, one folder per category.

What belongs here: storing and reading them. Not here: reading EXIF (`stages/images/formats.py`), filtering by camera
(`steps/library_view/filters.py`).

They are for people who filter; nothing else depends on them. Images that an earlier version of this program read have
no row until they are read again.
"""

import io
import secrets
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from pipeline.storage.files import write_atomically
from pipeline.storage.layout import TABLE_SUFFIX

CAMERAS_SCHEMA = pl.Schema({"content_hash": pl.String(), "camera": pl.String()})
SMALL_PARTS_KEPT = 16


class CameraStore:
    """The cameras of one category; `root` is `Layout.cameras`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def append(self, rows: Sequence[tuple[str, str]]) -> None:
        """Add rows of `CAMERAS_SCHEMA`; they are readable when this returns."""
        if rows:
            self._write(pl.DataFrame(list(rows), schema=CAMERAS_SCHEMA, orient="row"))

    def read(self) -> pl.DataFrame:
        """All rows, each image once with the camera that was stored last. Skips a damaged part."""
        frames = [pl.DataFrame(schema=CAMERAS_SCHEMA)]
        for path in self._parts():
            try:
                frames.append(pl.read_parquet(path, glob=False).match_to_schema(CAMERAS_SCHEMA))
            except (pl.exceptions.PolarsError, OSError):
                continue
        return pl.concat(frames).unique("content_hash", keep="last", maintain_order=True)

    def compact(self) -> None:
        """Merge the parts into one if there are many; a crash in between only leaves duplicates."""
        parts = self._parts()
        if len(parts) > SMALL_PARTS_KEPT:
            self._write(self.read())
            for path in parts:
                path.unlink(missing_ok=True)

    def _parts(self) -> list[Path]:
        found = self.root.glob(f"*{TABLE_SUFFIX}")
        return sorted(path for path in found if not path.name.startswith("."))

    def _write(self, rows: pl.DataFrame) -> None:
        parts = self._parts()
        number = int(parts[-1].name.split("-")[1]) + 1 if parts else 0
        encoded = io.BytesIO()
        rows.write_parquet(encoded, compression="lz4")
        write_atomically(self.root / f"part-{number:06d}-{secrets.token_hex(4)}{TABLE_SUFFIX}", encoded.getvalue())
