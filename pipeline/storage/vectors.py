"""Vectors by content hash: append-only parts, each a plain array and the hashes of its rows.

What belongs here: storing and finding L2-normalised float16 vectors. Not here: computing them (`stages/embeddings.py`).

A part is `PART.npy` (float16 [n, d], memory-mapped on read) and `PART.parquet` (its hashes, in row order). The Parquet
file is written last and is what makes a part exist, so a crash leaves at most an array that nobody reads. Parts lie in
one folder per category, but a hash is looked for in all of them: a copy or a move to another category embeds nothing.
A Parquet list column costs 30 times as long to read, fixed-size binary values 9 times (200,000 × 512).
"""

import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pipeline.errors import MissingArtifactError
from pipeline.storage.files import write_atomically

SMALL_PARTS_KEPT = 16
INDEX_SCHEMA = pl.Schema({"content_hash": pl.String(), "part": pl.String(), "row": pl.Int64()})


class VectorStore:
    """The vectors of one encoder fingerprint; `root` is `Layout.vectors(fingerprint)`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def append(self, slug: str, hashes: Sequence[str], vectors: np.ndarray) -> None:
        """Add float [n, d] `vectors` (stored as float16) under n `hashes`; readable once this returns."""
        if len(hashes) != len(vectors):
            raise ValueError(f"{len(hashes)} hashes but {len(vectors)} vectors: they must be as many.")
        if not len(hashes):
            return
        folder = self.root / slug
        folder.mkdir(parents=True, exist_ok=True)
        number = len(list(folder.glob("*.parquet")))
        name = f"part-{number:06d}-{secrets.token_hex(4)}"
        temporary = folder / f".{name}.tmp.npy"
        np.save(temporary, np.ascontiguousarray(vectors, dtype=np.float16))
        temporary.replace(folder / f"{name}.npy")
        staged = folder / f".{name}.tmp.parquet"
        pl.DataFrame({"content_hash": list(hashes)}).write_parquet(staged)
        staged.replace(folder / f"{name}.parquet")

    def index(self) -> pl.DataFrame:
        """Which part and row holds each hash (`INDEX_SCHEMA`), one row per hash, sorted by hash."""
        frames = [
            pl.read_parquet(path, glob=False, memory_map=False)
            .with_row_index("row")
            .select(
                "content_hash",
                pl.lit(path.relative_to(self.root).with_suffix("").as_posix()).alias("part"),
                pl.col("row").cast(pl.Int64),
            )
            for path in sorted(self.root.glob("*/*.parquet"))
            if not path.name.startswith(".")
        ]
        if not frames:
            return pl.DataFrame(schema=INDEX_SCHEMA)
        return pl.concat(frames).unique("content_hash", keep="first", maintain_order=True).sort("content_hash")

    def known(self) -> set[str]:
        """All hashes that have a vector."""
        return set(self.index()["content_hash"].to_list())

    def read(self, hashes: Sequence[str]) -> np.ndarray:
        """Float16 [n, d], row i the vector of `hashes[i]`. Raises `MissingArtifactError` when one is not stored."""
        wanted = pl.DataFrame({"content_hash": list(hashes)}, schema={"content_hash": pl.String()}).with_row_index("at")
        found = wanted.join(self.index(), on="content_hash", how="left", maintain_order="left")
        lost = found["part"].null_count()
        if lost:
            raise MissingArtifactError(
                f"{lost} of {len(hashes)} images have no vector from this encoder. Run `image-cluster embed` first."
            )
        result: np.ndarray | None = None
        for (part,), rows in found.group_by("part", maintain_order=True):
            stored: Any = np.load(self.root / f"{part}.npy", mmap_mode="r")
            if result is None:
                result = np.empty((len(hashes), stored.shape[1]), dtype=np.float16)
            result[rows["at"].to_numpy()] = stored[rows["row"].to_numpy()]
        return np.empty((0, self.dimension() or 0), dtype=np.float16) if result is None else result

    def description(self) -> dict[str, Any]:
        """Which encoder these vectors come from; empty while nothing is stored."""
        described = self.root / "encoder.json"
        return json.loads(described.read_text()) if described.exists() else {}

    def dimension(self) -> int | None:
        """Numbers per vector, None while nothing is stored."""
        return self.description().get("dimension")

    def describe(self, encoder: dict[str, Any]) -> None:
        """Keep which encoder these vectors come from, for people and for checks."""
        data = json.dumps(encoder, indent=1, sort_keys=True).encode()
        path = self.root / "encoder.json"
        if not path.exists() or path.read_bytes() != data:
            write_atomically(path, data)

    def compact(self, slug: str) -> None:
        """Merge this category's parts into one when many have piled up; a crash in between only leaves duplicates."""
        parts = sorted(path for path in (self.root / slug).glob("*.parquet") if not path.name.startswith("."))
        if len(parts) <= SMALL_PARTS_KEPT:
            return
        hashes = [value for path in parts for value in pl.read_parquet(path, glob=False)["content_hash"].to_list()]
        unique = list(dict.fromkeys(hashes))
        self.append(slug, unique, self.read(unique))
        for path in parts:
            path.unlink(missing_ok=True)
            path.with_suffix(".npy").unlink(missing_ok=True)
