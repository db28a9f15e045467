"""Images whose vector is stored under another name than theirs.

What belongs here: the table of these names, and fingerprints that read by one. Not here: the vectors (`vectors.py`).

The vector of an object that kept its id while its box changed is stored under the name of its crop. A table of names
then belongs to the fingerprint, so that what was made of other vectors is made again.
"""

import io
from pathlib import Path

import polars as pl

from pipeline.storage.files import write_atomically
from pipeline.storage.layout import NAMES_MARK, Layout

NAMES_SCHEMA = pl.Schema({"content_hash": pl.String(), "crop": pl.String()})


def with_names(layout: Layout, fingerprint: str, names: pl.DataFrame, digest: str) -> str:
    """Store a table of names (`NAMES_SCHEMA`) for a fingerprint; returns the fingerprint that reads by them.

    `digest` is one of `names`. Without any, it is the fingerprint itself.
    """
    if not names.height:
        return fingerprint
    named = f"{fingerprint}{NAMES_MARK}{digest}"
    path = layout.vector_names(named)
    if path is not None and not path.exists():
        encoded = io.BytesIO()
        names.select(list(NAMES_SCHEMA)).write_parquet(encoded)
        write_atomically(path, encoded.getvalue())
    return named


def comparable(fingerprint: str, other: str) -> bool:
    """Whether vectors of two fingerprints can be compared."""
    return fingerprint.partition(NAMES_MARK)[0] == other.partition(NAMES_MARK)[0]


def read_names(file: Path) -> dict[str, str]:
    """Id → the name under which its vector is stored."""
    return dict(pl.read_parquet(file, glob=False).select(list(NAMES_SCHEMA)).iter_rows())
