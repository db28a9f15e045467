"""The image behind each byte content: append-only parts of `CONTENTS_SCHEMA`, one folder per category, read as one.

What belongs here: storing and reading resolved contents. Not here: the rule (`stages/images/identity.py`).

Without a part, images are still recognised by key and look; only one that was both edited and renamed would count as
new. So the parts of a finished run and their digests are recorded (`parts`), and what is lost is read again
(`steps/lost_contents.py`). Data directories of earlier versions have no parts; they are added as images are decoded.
"""

import io
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl

from pipeline.stages.images.identity import CONTENTS_SCHEMA
from pipeline.storage.files import file_digest, write_atomically

SMALL_PARTS_KEPT = 16
TO_BE_MADE = ""  # recorded instead of a digest: the part was removed, and the next run makes its rows again


class ContentStore:
    """The resolved contents of all categories; `root` is `Layout.contents`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def append(self, slug: str, rows: Sequence[tuple[str, str, str]]) -> None:
        """Add rows of `CONTENTS_SCHEMA`; they are readable when this returns."""
        if rows:
            self._write(slug, pl.DataFrame(list(rows), schema=CONTENTS_SCHEMA, orient="row"))

    def read(self, on_damage: Callable[[Path], None]) -> pl.DataFrame:
        """All rows, each content once, oldest first within a category.

        Skips an unreadable part and calls `on_damage` with its path.
        """
        every = self._read_parts(sorted(self.root.glob("*/*.parquet")), on_damage)
        return every.unique("content_hash", keep="first", maintain_order=True)

    def compact(self, slug: str) -> None:
        """Merge this category's parts into one if there are many; a crash in between only leaves duplicates."""
        parts = [path for path in sorted((self.root / slug).glob("*.parquet")) if not path.name.startswith(".")]
        if len(parts) <= SMALL_PARTS_KEPT:
            return
        damaged: list[Path] = []
        rows = self._read_parts(parts, damaged.append)
        self._write(slug, rows.unique("content_hash", keep="first", maintain_order=True), number=0)
        for path in parts:
            if path not in damaged:
                path.unlink(missing_ok=True)

    def parts(self, slug: str) -> dict[str, str]:
        """The parts of a category and the digest of each, to be recorded."""
        paths = sorted((self.root / slug).glob("*.parquet"))
        return {f"{slug}/{path.name}": file_digest(path) for path in paths if not path.name.startswith(".")}

    def lost(self, slug: str, recorded: Mapping[str, str]) -> list[Path]:
        """The recorded parts of this category that are gone or not as they were written."""
        paths = {self.root / name: digest for name, digest in recorded.items() if name.startswith(f"{slug}/")}
        return [path for path, digest in paths.items() if not path.exists() or file_digest(path) != digest]

    def _read_parts(self, paths: Sequence[Path], on_damage: Callable[[Path], None]) -> pl.DataFrame:
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
