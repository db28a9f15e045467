"""Rows in append-only parts, a folder per category: a killed run keeps what it wrote.

What belongs here: writing, reading and merging parts of one schema. Not here: what the rows mean (`contents.py`,
`detections.py`, `cameras.py`).
"""

import io
import re
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import polars as pl

from pipeline.storage.files import write_atomically

SMALL_PARTS_KEPT = 16


class RowParts:
    """Parts of `schema` below `root`; of several rows with the same `key`, the first or the last one counts."""

    def __init__(self, root: Path, schema: pl.Schema, key: str, keep: Literal["first", "last"] = "first") -> None:
        self.root = root
        self.schema = schema
        self.key = key
        self.keep: Literal["first", "last"] = keep

    def append(self, slug: str, rows: pl.DataFrame, *, number: int | None = None) -> None:
        """Add rows of the schema; they are readable when this returns."""
        folder = self.root / slug
        if number is None:
            number = max((_number(path) for path in self.paths(slug)), default=-1) + 1
        encoded = io.BytesIO()
        rows.write_parquet(encoded, compression="lz4")
        write_atomically(folder / f"part-{number:06d}-{secrets.token_hex(4)}.parquet", encoded.getvalue())

    def read(self, on_damage: Callable[[Path], None], slug: str = "*") -> pl.DataFrame:
        """The rows of one category or all, each key once, in the order of storing within a category.

        Skips an unreadable part and calls `on_damage` with its path.
        """
        return self._read(sorted(self.root.glob(f"{slug}/*.parquet")), on_damage)

    def paths(self, slug: str) -> list[Path]:
        """The parts of a category, oldest first."""
        return [path for path in sorted((self.root / slug).glob("*.parquet")) if not path.name.startswith(".")]

    def compact(self, slug: str) -> None:
        """Merge this category's parts into one if there are many; a crash in between only leaves duplicates."""
        parts = self.paths(slug)
        if len(parts) <= SMALL_PARTS_KEPT:
            return
        damaged: list[Path] = []
        self.append(slug, self._read(parts, damaged.append), number=0)
        for path in parts:
            if path not in damaged:
                path.unlink(missing_ok=True)

    def _read(self, paths: Sequence[Path], on_damage: Callable[[Path], None]) -> pl.DataFrame:
        frames = [self.schema.to_frame()]
        for path in paths:
            if path.name.startswith("."):
                continue
            try:
                frames.append(pl.read_parquet(path, glob=False).match_to_schema(self.schema))
            except (pl.exceptions.PolarsError, OSError):
                on_damage(path)
        return pl.concat(frames).unique(self.key, keep=self.keep, maintain_order=True)


def _number(path: Path) -> int:
    """The number of a part; -1 for a file of another name."""
    match = re.match(r"part-(\d+)-", path.name)
    return int(match[1]) if match else -1
