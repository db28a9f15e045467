"""Finds stored files that are damaged: each function returns the fault in words, or nothing.

What belongs here: artefacts, parts of vectors and contents, published sets, thumbnails. Not here: files that stopped
processes left behind (`leftovers.py`), the decisions (`curation/reading.py`), repairs (`steps/doctor/`).
"""

import contextlib
import json
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import polars as pl

from pipeline.errors import DamagedFileError, PublishRefusedError
from pipeline.stages.images.identity import CONTENTS_SCHEMA
from pipeline.stages.published import duplicates, schema
from pipeline.stages.published.canonical import content_digest, decode
from pipeline.storage.artifacts import Artifact
from pipeline.storage.files import file_digest
from pipeline.storage.history import DIGEST_LETTERS, History, number_of
from pipeline.storage.layout import CHANGES, DOCUMENT, PAGE, TABLE_SUFFIX, Layout, published_set, published_sets
from pipeline.storage.vectors import VectorStore, open_vectors

HASH = r"^[0-9a-f]{32}$"
LENGTH_TOLERANCE = 0.01  # float16 changes the length of a unit vector by less than 0.001
ROWS_AT_ONCE = 16_384
_UNREADABLE = (pl.exceptions.PolarsError, OSError, ValueError, EOFError)


def unlisted_categories(layout: Layout, listed: Collection[str]) -> list[str]:
    """Slugs with stored results that the list of categories lacks, sorted."""
    stored = {path.parent.parent.name for path in (layout.root / "categories").glob("*/*/current.json")}
    return sorted(stored - set(listed))


def artifact_fault(artifact: Artifact) -> str:
    """The fault in the files of a stored version; empty if there is none."""
    recorded = artifact.provenance
    if not artifact.folder.is_dir():
        return f"{artifact.folder} is gone"
    if fault := _digest_fault(artifact.folder, recorded.digests):
        return fault
    for table, rows in recorded.rows.items():
        path = artifact.folder / f"{table}{TABLE_SUFFIX}"
        try:
            height = pl.read_parquet(path, glob=False).height
        except _UNREADABLE as error:
            return f"{path} cannot be read: {_first_line(error)}"
        if height != rows:
            return f"{path} has {height:,} rows, but {rows:,} were written"
    return ""


def vector_parts(layout: Layout, slug: str) -> list[Path]:
    """The parts of a category's vectors, of every encoder."""
    return _visible(layout.root.glob(f"vectors/*/{slug}/*{TABLE_SUFFIX}"))


def vector_part_fault(part: Path) -> str:
    """The fault in a part, which must list the same hashes in both files, each with a vector of length 1; empty if
    there is none."""
    try:
        hashes = pl.read_parquet(part, glob=False)["content_hash"]
        vectors = np.load(part.with_suffix(".npy"), mmap_mode="r")
        listed = part.with_suffix(".hashes.npy")
        if listed.exists() and np.load(listed).astype(str).tolist() != hashes.to_list():
            return f"{listed} and {part} list different images"
        if len(vectors) != len(hashes):
            return f"{part.with_suffix('.npy')} has {len(vectors):,} vectors for {len(hashes):,} images"
        for start in range(0, len(vectors), ROWS_AT_ONCE):
            lengths = np.linalg.norm(vectors[start : start + ROWS_AT_ONCE].astype(np.float32), axis=1)
            if not (np.abs(lengths - 1) < LENGTH_TOLERANCE).all():
                return f"{part.with_suffix('.npy')} holds vectors that are not of length 1"
    except _UNREADABLE as error:
        return f"{part} cannot be read: {_first_line(error)}"
    return ""


def encoder_file(layout: Layout, fingerprint: str) -> Path:
    """The description of the encoder of these vectors."""
    return layout.vectors(fingerprint) / "encoder.json"


def encoder_fault(layout: Layout, fingerprint: str) -> str:
    """The fault in the description of an encoder: gone, unreadable, or without its dimension; empty if there is
    none."""
    path = encoder_file(layout, fingerprint)
    if not path.exists():
        return f"{path} is gone"
    if not isinstance(VectorStore(layout.vectors(fingerprint)).dimension(), int):
        return f"{path} cannot be read"
    return ""


def embedded_hashes(layout: Layout, fingerprint: str) -> set[str]:
    """The hashes with a vector of this encoder, in readable parts."""
    stored = _hashes(_visible(layout.vectors(fingerprint).glob(f"*/*{TABLE_SUFFIX}")))
    with contextlib.suppress(DamagedFileError):
        return stored | open_vectors(layout, fingerprint).renamed(stored)
    return stored


def journal_hashes(layout: Layout, slug: str) -> set[str]:
    """The hashes in the journal of an unfinished run, in readable parts."""
    return _hashes(_visible(layout.journal(slug).glob(f"*{TABLE_SUFFIX}")))


def remove_part(part: Path) -> None:
    """Remove a part of the vectors; its Parquet file first, without which it does not exist."""
    for path in (part, part.with_suffix(".npy"), part.with_suffix(".hashes.npy")):
        path.unlink(missing_ok=True)


def content_parts(layout: Layout, slug: str) -> list[Path]:
    """The parts of a category's resolved contents."""
    return _visible(layout.contents.glob(f"{slug}/*{TABLE_SUFFIX}"))


def content_part_fault(part: Path) -> str:
    """The fault in one of `content_parts`; empty if there is none."""
    try:
        rows = pl.read_parquet(part, glob=False).match_to_schema(CONTENTS_SCHEMA)
    except _UNREADABLE as error:
        return f"{part} cannot be read: {_first_line(error)}"
    wrong = rows.filter(
        ~pl.all_horizontal(pl.col(name).str.contains(HASH).fill_null(value=False) for name in rows.columns)
    )
    return f"{part} has {wrong.height:,} rows that are no hashes" if wrong.height else ""


def set_fault(root: Path, slug: str, version: str, history: History) -> str:
    """The fault in a published set: its files, their digests, or clusters.json; empty if there is none."""
    folder = published_set(root, slug, version)
    recorded = history.files.get(version, {})
    if fault := _digest_fault(folder, recorded):
        return fault
    for name in (DOCUMENT, CHANGES, PAGE):
        if not (folder / name).exists():
            return f"{folder / name} is gone"
    if recorded and (strange := {path.name for path in folder.iterdir()} - set(recorded)):
        return f"{folder} holds files that were not published: {', '.join(sorted(strange)[:5])}"
    return _document_fault(folder, version)


def unlisted_sets(root: Path, slug: str, listed: Collection[str | None]) -> list[str]:
    """The names of the stored sets that are not in `listed`, oldest first; without unfinished ones."""
    folder = published_sets(root, slug)
    names = {path.name for path in folder.iterdir()} if folder.exists() else set[str]()
    return sorted((name for name in names - {*listed} if number_of(name)), key=number_of)


def complete_sets(root: Path, slug: str) -> list[str]:
    """The sets that are complete and hold what their name says, oldest first, whether recorded or not."""
    return [name for name in unlisted_sets(root, slug, ()) if not set_fault(root, slug, name, History())]


def _document_fault(folder: Path, version: str) -> str:
    try:
        document = decode((folder / DOCUMENT).read_bytes())
        schema.validate(document)
        digest = content_digest(document)
        alike = folder / duplicates.FILE
        if alike.exists():
            digest = duplicates.digest_with(digest, decode(alike.read_bytes()))
    except PublishRefusedError as error:
        return f"{folder / DOCUMENT}: {_first_line(error)}"
    except (ValueError, KeyError, TypeError, OSError) as error:
        return f"{folder / DOCUMENT} cannot be read: {_first_line(error)}"
    if not version.endswith(f"-{digest[:DIGEST_LETTERS]}"):
        return f"{folder / DOCUMENT} does not say what the name of its set says (digest {digest[:DIGEST_LETTERS]})"
    return ""


def decodes(path: Path) -> bool:
    """Whether a thumbnail can be decoded to its last row. Noise that is still a picture is not seen."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, ValueError, SyntaxError):  # what Pillow raises for damaged files
        return False
    return True


def _digest_fault(folder: Path, digests: dict[str, str]) -> str:
    for name, digest in digests.items():
        path = folder / name
        if not path.exists():
            return f"{path} is gone"
        if file_digest(path) != digest:
            return f"{path} is not as it was written"
    return ""


def _visible(paths: Iterator[Path]) -> list[Path]:
    return sorted(path for path in paths if not path.name.startswith("."))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _hashes(paths: list[Path]) -> set[str]:
    hashes: set[str] = set()
    for path in paths:
        with contextlib.suppress(*_UNREADABLE):
            hashes |= set(pl.read_parquet(path, glob=False, columns=["content_hash"])["content_hash"].drop_nulls())
    return hashes


def published_keys(root: Path, slug: str, version: str) -> tuple[str, list[str]]:
    """The time of clusters.json of a set, and the key of every image in it, once however many objects it has."""
    document = json.loads((published_set(root, slug, version) / DOCUMENT).read_bytes())
    images = [image for cluster in document["clusters"] for image in cluster["images"]]
    entries = [*images, *document["unclustered"], *document["rejected"]]
    return document["generatedAt"], sorted({entry["key"] for entry in entries})
