"""Vectors by content hash: append-only parts, each a plain array and the hashes of its rows.

What belongs here: storing and reading L2-normalised float16 vectors. Not here: computing them
(`stages/embeddings/stream.py`), vectors under another name (`vector_names.py`).

A part is `PART.npy` (float16 [n, d], memory-mapped on read), `PART.hashes.npy` and `PART.parquet` (both with its
hashes, sorted, in row order). A part exists once its Parquet file does, which is written last; a crash leaves at most
arrays that nobody reads. The name of a part holds the beginning of the digest of its Parquet file, which holds those of
the arrays; they are compared when the part is read (`verified.py`).

Parts lie in one folder per category, but hashes are looked up in all of them, so copying or moving images to another
category embeds nothing. Reading many vectors joins the Parquet files; reading a few bisects the mapped hashes, which
touches a few pages of a million. Vectors in a Parquet list column would take 30 times as long to read, in a fixed-size
binary column 9 times (200,000 × 512).
"""

import json
import re
import secrets
from collections.abc import Generator, Iterable, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pipeline.errors import DamagedFileError, DamagedVectorsError, MissingArtifactError
from pipeline.runtime.cpu import MOST_READERS, usable_cores
from pipeline.storage.files import file_digest, sync_directory, sync_file, write_atomically
from pipeline.storage.full_disk import writing
from pipeline.storage.layout import Layout
from pipeline.storage.vector_names import read_names
from pipeline.storage.verified import Remembered

SMALL_PARTS_KEPT = 16
CHUNK = 16_384  # rows copied at a time, so that reading all does not double the memory
FEW = 1 / 16  # share of the stored rows up to which bisection is faster than reading all hashes
Place = tuple[str, np.ndarray, np.ndarray]  # a part, positions among the wanted hashes, and their rows in the part
ARRAYS = (".npy", ".hashes.npy")
DIGEST_LETTERS = 16
_NAMED = re.compile(r"-([0-9a-f]{16})$")
INDEX_SCHEMA = pl.Schema({"content_hash": pl.String(), "part": pl.Int32(), "row": pl.Int64()})


def open_vectors(layout: Layout, fingerprint: str) -> "VectorStore":
    """The vectors of this fingerprint, under their ids."""
    return VectorStore(
        layout.vectors(fingerprint), layout.vector_names(fingerprint), compared=layout.compared_vectors(fingerprint)
    )


class VectorStore:
    """The vectors of one encoder fingerprint; `root` is `Layout.vectors(fingerprint)`, `names` a table of names.

    `compared` remembers from one process to the next which files are as they were written.
    """

    def __init__(self, root: Path, names: Path | None = None, *, compared: Path | None = None) -> None:
        self.root, self._names_file, self._compared = root, names, compared

    def append(self, slug: str, hashes: Sequence[str], vectors: np.ndarray) -> None:
        """Add float [n, d] `vectors` (stored as float16) under n `hashes`; they are readable when this returns."""
        if len(hashes) != len(vectors):
            raise ValueError(f"{len(hashes)} hashes but {len(vectors)} vectors; the numbers must be equal.")
        if not len(hashes):
            return
        folder = self.root / slug
        folder.mkdir(parents=True, exist_ok=True)
        staged = folder / f".{secrets.token_hex(4)}.tmp.parquet"
        try:
            self._stage(staged, hashes, vectors)
            number = len(list(folder.glob("*.parquet")))
            name = f"part-{number:06d}-{file_digest(staged)[:DIGEST_LETTERS]}"
            for ending in ARRAYS:
                staged.with_suffix(ending).replace(folder / f"{name}{ending}")
            sync_directory(folder)  # the arrays must exist before the Parquet file
            staged.replace(folder / f"{name}.parquet")
            sync_directory(folder)
        except BaseException:  # also Ctrl-C: half of a part must not stay behind
            for ending in (".parquet", *ARRAYS):
                staged.with_suffix(ending).unlink(missing_ok=True)
            raise

    def _stage(self, staged: Path, hashes: Sequence[str], vectors: np.ndarray) -> None:
        """Write the three files of a part beside `staged`, the last of them, and flush them to disk."""
        encoded = np.array([value.encode() for value in hashes])
        order = np.argsort(encoded, kind="stable")
        arrays = {ARRAYS[0]: np.asarray(vectors, dtype=np.float16)[order], ARRAYS[1]: encoded[order]}
        for ending, array in arrays.items():
            with writing(staged.with_suffix(ending)):
                np.save(staged.with_suffix(ending), array)
                sync_file(staged.with_suffix(ending))
        listed = pl.DataFrame({"content_hash": [hashes[row] for row in order.tolist()]})
        digests = {ending: file_digest(staged.with_suffix(ending)) for ending in ARRAYS}
        with writing(staged):
            listed.write_parquet(staged, compression="lz4", metadata=digests)
            sync_file(staged)

    def index(self) -> pl.DataFrame:
        """The part (by number) and row of each hash, `INDEX_SCHEMA`, one row per hash, unordered."""
        return self._rows().unique("content_hash", keep="first")

    def _rows(self) -> pl.DataFrame:
        """Like `index`, but with a row for each copy of a hash, in the order of the parts."""
        self._as_written(self._parts())
        with self._explaining_damage():
            frames = pl.collect_all(
                pl.scan_parquet(path, glob=False, row_index_name="row").select(
                    "content_hash", pl.lit(number, pl.Int32).alias("part"), pl.col("row").cast(pl.Int64)
                )
                for number, path in enumerate(self._parts().values())
            )
        return pl.concat(frames) if frames else pl.DataFrame(schema=INDEX_SCHEMA)

    @contextmanager
    def _explaining_damage(self) -> Generator[None]:
        try:
            yield
        except (pl.exceptions.PolarsError, OSError, ValueError, EOFError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise DamagedFileError(
                f"A part of the vectors in {self.root} is damaged ({reason}). Run `image-cluster doctor --repair`, "
                "which removes it; the next run embeds its images again."
            ) from error

    def _as_written(self, parts: Iterable[str]) -> None:
        """Raises `DamagedVectorsError` if files of these parts are not as they were written.

        Parts of earlier versions, with shorter names, have no digests.
        """
        with self._explaining_damage():
            digests = dict[Path, str]()
            for part in parts:
                path = self.root / f"{part}.parquet"
                if (named := _NAMED.search(part)) is not None:
                    digests |= {path: named[1], **_recorded(path, path.stat().st_mtime_ns)}
            compared = Remembered(self.root, self._compared)
            if damaged := compared.differing(digests):
                names = sorted({path.parent / path.name.partition(".")[0] for path in damaged})
                raise DamagedVectorsError(
                    f"{damaged[0]} is damaged: its bytes are not those that were written. The next `image-cluster run` "
                    "removes this part and embeds its images again.",
                    parts=[name.with_suffix(".parquet") for name in names],
                )

    def _parts(self) -> dict[str, Path]:
        """Name of each part below `root` → its Parquet file, sorted."""
        return {
            path.relative_to(self.root).with_suffix("").as_posix(): path
            for path in sorted(self.root.glob("*/*.parquet"))
            if not path.name.startswith(".")
        }

    def known(self) -> set[str]:
        """All hashes that have a vector."""
        stored = set(self.index()["content_hash"].to_list())
        return stored | self.renamed(stored)

    def renamed(self, stored: AbstractSet[str]) -> set[str]:
        """The ids whose vector is one of those `stored` under another name."""
        return {name for name, crop in self._names().items() if crop in stored}

    def _names(self) -> dict[str, str]:
        """Id → the name under which its vector is stored, where that is another."""
        if self._names_file is None:
            return {}
        with self._explaining_damage():
            return read_names(self._names_file)

    def holding(self, hashes: pl.Series) -> list[str]:
        """Names of the parts that hold these hashes."""
        names = list(self._parts())
        parts = self.index().filter(pl.col("content_hash").is_in(hashes.implode()))["part"].unique().sort()
        return [names[number] for number in parts.to_list()]

    def has_parts(self, names: Sequence[str]) -> bool:
        """Whether all these parts still exist. Reads no file."""
        files = [self.root / f"{name}{ending}" for name in names for ending in (".parquet", ".npy")]
        return all(path.exists() for path in files)

    def read(self, hashes: Sequence[str]) -> np.ndarray:
        """Float16 [n, d], row i the vector of `hashes[i]`. Raises `MissingArtifactError` if one is not stored."""
        names = self._names()
        return self._read([names.get(value, value) for value in hashes] if names else hashes)

    def _read(self, hashes: Sequence[str]) -> np.ndarray:
        places = self._find_by_bisection(hashes) if len(hashes) else []
        if places is None:
            places = self._find_by_join(hashes)
        lost = len(hashes) - sum(len(at) for _, at, _ in places)
        if lost:
            raise MissingArtifactError(
                f"{lost} of {len(hashes)} images have no vector from this encoder. Run `image-cluster embed` first."
            )
        if not places:
            return np.empty((0, self.dimension() or 0), dtype=np.float16)
        self._as_written(part for part, _, _ in places)
        with self._explaining_damage():
            stored: list[Any] = [np.load(self.root / f"{part}.npy", mmap_mode="r") for part, _, _ in places]
        result = np.empty((len(hashes), stored[0].shape[1]), dtype=np.float16)

        def copy(number: int, start: int) -> None:
            _, at, rows = places[number]
            here, wanted = at[start : start + CHUNK], rows[start : start + CHUNK]
            if (np.diff(wanted) == 1).all():  # consecutive rows, as when all are read
                result[here] = stored[number][wanted[0] : wanted[-1] + 1]
            else:
                result[here] = np.take(stored[number], wanted, axis=0)

        pieces = [(number, start) for number, (_, at, _) in enumerate(places) for start in range(0, len(at), CHUNK)]
        if len(hashes) <= CHUNK:
            for piece in pieces:
                copy(*piece)
            return result
        with ThreadPoolExecutor(min(usable_cores(), MOST_READERS)) as pool:
            for done in [pool.submit(copy, *piece) for piece in pieces]:
                done.result()
        return result

    def _find_by_bisection(self, hashes: Sequence[str]) -> list[Place] | None:
        """The places of these hashes by bisection; None if reading all hashes is faster."""
        files = {name: self.root / f"{name}.hashes.npy" for name in self._parts()}
        if not all(path.exists() for path in files.values()):
            return None  # parts of an earlier version of this program
        with self._explaining_damage():
            mapped: dict[str, Any] = {name: np.load(path, mmap_mode="r") for name, path in files.items()}
        if len(hashes) > FEW * sum(map(len, mapped.values())):
            return None
        wanted = np.array([value.encode() for value in hashes])
        missing, places = np.arange(len(hashes)), list[Place]()
        for name, stored in mapped.items():
            if len(stored) and len(missing):
                rows = np.searchsorted(stored, wanted[missing]).clip(max=len(stored) - 1)
                here = np.asarray(stored[rows] == wanted[missing])
                places.append((name, missing[here], rows[here]))
                missing = missing[~here]
        return places

    def _find_by_join(self, hashes: Sequence[str]) -> list[Place]:
        """The places of these hashes by a join with all stored hashes."""
        wanted = pl.DataFrame({"content_hash": list(hashes)}, schema={"content_hash": pl.String()}).with_row_index("at")
        joined = wanted.join(self._rows(), on="content_hash")
        if joined.height > wanted.height:  # rare; removing duplicates before the join would double its cost
            joined = joined.sort("part").unique("at", keep="first")
        joined = joined.sort("part", "row")
        parts, at, rows = (joined[name].to_numpy() for name in ("part", "at", "row"))
        names = list(self._parts())
        starts = np.searchsorted(parts, np.arange(len(names) + 1))
        pieces = [(name, slice(starts[number], starts[number + 1])) for number, name in enumerate(names)]
        return [(name, at[piece], rows[piece]) for name, piece in pieces if piece.start < piece.stop]

    def description(self) -> dict[str, Any]:
        """The encoder of these vectors; empty if nothing readable is stored."""
        described = self.root / "encoder.json"
        try:
            values = json.loads(described.read_bytes())
        except (FileNotFoundError, ValueError):  # a damaged one is written again by the next run
            return {}
        return values if isinstance(values, dict) else {}  # pyright: ignore[reportUnknownVariableType]

    def dimension(self) -> int | None:
        """Numbers per vector, None if nothing is stored."""
        return self.description().get("dimension")

    def describe(self, encoder: dict[str, Any]) -> None:
        """Store the encoder of these vectors, for people and for checks."""
        data = json.dumps(encoder, indent=1, sort_keys=True).encode()
        path = self.root / "encoder.json"
        if not path.exists() or path.read_bytes() != data:
            write_atomically(path, data)

    def compact(self, slug: str) -> None:
        """Merge this category's parts into one if there are many; a crash in between only leaves duplicates."""
        parts = sorted(path for path in (self.root / slug).glob("*.parquet") if not path.name.startswith("."))
        if len(parts) <= SMALL_PARTS_KEPT:
            return
        hashes = [value for path in parts for value in pl.read_parquet(path, glob=False)["content_hash"].to_list()]
        unique = list(dict.fromkeys(hashes))
        self.append(slug, unique, self._read(unique))
        for path in parts:
            path.unlink(missing_ok=True)
            for ending in (".npy", ".hashes.npy"):
                path.with_suffix(ending).unlink(missing_ok=True)


@lru_cache(maxsize=4096)
def _recorded(part: Path, _written: int) -> dict[Path, str]:
    """The digests of the arrays of a part, from its Parquet file as it was at that time."""
    metadata = pl.read_parquet_metadata(part)
    return {part.with_suffix(ending): metadata[ending] for ending in ARRAYS if ending in metadata}
