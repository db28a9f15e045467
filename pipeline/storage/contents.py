"""Which bytes show which image: append-only parts of `CONTENTS_SCHEMA`, one folder per category, read as one.

What belongs here: storing and reading what was resolved. Not here: the rule (`stages/images/identity.py`).

Where a part is lost, an image is still known by its key and its look; one that was edited and renamed is taken for a
new one when it is read again. A data directory of an earlier version has none; its images come in as they are decoded.
"""

import io
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from pipeline.stages.images.identity import CONTENTS_SCHEMA
from pipeline.storage.files import write_atomically

SMALL_PARTS_KEPT = 16


class ContentStore:
    """What all categories resolved; `root` is `Layout.contents`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def append(self, slug: str, rows: Sequence[tuple[str, str, str]]) -> None:
        """Add rows of `CONTENTS_SCHEMA`; readable once this returns."""
        if rows:
            self._write(slug, pl.DataFrame(list(rows), schema=CONTENTS_SCHEMA, orient="row"))

    def read(self, on_damage: Callable[[Path], None]) -> pl.DataFrame:
        """All rows, each content once, in the order in which they were stored within a category.

        A part that cannot be read is passed over; `on_damage` is called with its path.
        """
        every = self._joined(sorted(self.root.glob("*/*.parquet")), on_damage)
        return every.unique("content_hash", keep="first", maintain_order=True)

    def compact(self, slug: str) -> None:
        """Merge this category's parts into one when many have piled up; a crash in between only leaves duplicates."""
        parts = [path for path in sorted((self.root / slug).glob("*.parquet")) if not path.name.startswith(".")]
        if len(parts) <= SMALL_PARTS_KEPT:
            return
        damaged: list[Path] = []
        rows = self._joined(parts, damaged.append)
        self._write(slug, rows.unique("content_hash", keep="first", maintain_order=True), number=0)
        for path in parts:
            if path not in damaged:
                path.unlink(missing_ok=True)

    def _joined(self, paths: Sequence[Path], on_damage: Callable[[Path], None]) -> pl.DataFrame:
        frames = [pl.DataFrame(schema=CONTENTS_SCHEMA)]
        for path in paths:
            if path.name.startswith("."):
                continue
            try:
                frames.append(pl.read_parquet(path, glob=False).match_to_schema(CONTENTS_SCHEMA))
            except (pl.exceptions.PolarsError, OSError):
                on_damage(path)
        return pl.concat(frames)

    def _write(self, slug: str, rows: pl.DataFrame, *, number: int | None = None) -> None:
        folder = self.root / slug
        if number is None:
            number = len(list(folder.glob("*.parquet")))
        encoded = io.BytesIO()
        rows.write_parquet(encoded, compression="lz4")
        write_atomically(folder / f"part-{number:06d}-{secrets.token_hex(4)}.parquet", encoded.getvalue())
