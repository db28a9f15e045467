"""The image behind each byte content: append-only parts of `CONTENTS_SCHEMA`, one folder per category, read as one.

What belongs here: storing and reading resolved contents. Not here: the rule (`stages/images/identity.py`).

Without a part, images are still recognised by key and look; only one that was both edited and renamed would count as
new. So the parts of a finished run and their digests are recorded (`parts`), and what is lost is read again
(`steps/lost_contents.py`). Data directories of earlier versions have no parts; they are added as images are decoded.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl

from pipeline.stages.images.identity import CONTENTS_SCHEMA
from pipeline.storage.files import file_digest
from pipeline.storage.row_parts import RowParts

TO_BE_MADE = ""  # recorded instead of a digest: the part was removed, and the next run makes its rows again


class ContentStore:
    """The resolved contents of all categories; `root` is `Layout.contents`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._rows = RowParts(root, CONTENTS_SCHEMA, "content_hash")

    def append(self, slug: str, rows: Sequence[tuple[str, str, str]]) -> None:
        """Add rows of `CONTENTS_SCHEMA`; they are readable when this returns."""
        if rows:
            self._rows.append(slug, pl.DataFrame(list(rows), schema=CONTENTS_SCHEMA, orient="row"))

    def read(self, on_damage: Callable[[Path], None]) -> pl.DataFrame:
        """All rows, each content once, oldest first within a category.

        Skips an unreadable part and calls `on_damage` with its path.
        """
        return self._rows.read(on_damage)

    def compact(self, slug: str) -> None:
        """Merge this category's parts into one if there are many."""
        self._rows.compact(slug)

    def parts(self, slug: str) -> dict[str, str]:
        """The parts of a category and the digest of each, to be recorded."""
        return {f"{slug}/{path.name}": file_digest(path) for path in self._rows.paths(slug)}

    def lost(self, slug: str, recorded: Mapping[str, str]) -> list[Path]:
        """The recorded parts of this category that are gone or not as they were written."""
        paths = {self.root / name: digest for name, digest in recorded.items() if name.startswith(f"{slug}/")}
        return [path for path, digest in paths.items() if not path.exists() or file_digest(path) != digest]
