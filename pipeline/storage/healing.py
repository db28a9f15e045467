"""Repairs a damaged artefact: drops it if it can be computed again, else goes back to an earlier version.

What belongs here: choosing the version to continue with. Not here: detecting the damage (`artifacts.py` raises
`DamagedArtifactError`), running the steps again (`steps/run.py`).

Most artefacts can be computed from the bucket and the settings. The ids of `identities` and of `objects` depend on
earlier ids, so the newest complete version of these becomes current again.
"""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import polars as pl

from pipeline.errors import DamagedArtifactError
from pipeline.storage.artifacts import ArtifactStore, Provenance
from pipeline.storage.files import file_digest, write_atomically

DROPPED = "dropped.json"  # the newest version when the artefact was dropped
KEPT = {  # artefacts that cannot be computed again, and the tables they need
    "identities": ("clusters", "members", "ledger"),
    "objects": ("images", "objects", "known"),
}


def heal(store: ArtifactStore, slug: str, name: str) -> str:
    """Repair a damaged artefact, or let the next run compute it again; returns what was done in words.

    Raises `DamagedArtifactError` if neither is possible.
    """
    folder = store.layout.artifact(slug, name)
    if name not in KEPT:
        # the pointer is gone from now on, and this tells that it is meant to be
        write_atomically(folder / DROPPED, json.dumps({"version": _newest(folder)}).encode())
        (folder / "current.json").unlink(missing_ok=True)
        return f"{name} of {slug} was damaged; it is made again."
    pointer = folder / "current.json"
    first, noisy = not pointer.exists(), _noisy_version(store, slug, name)
    versions = sorted((path for path in folder.glob("*") if path.name.isdigit()), reverse=True)
    for version in sorted(versions, key=lambda path: path.name == noisy):
        rows = _rows(version, KEPT[name])
        if rows is None:
            continue
        provenance = Provenance(version.name, "", "", rows=rows)
        write_atomically(pointer, json.dumps(asdict(provenance), indent=1).encode())
        for newer in folder.glob("*"):
            if newer.name.isdigit() and newer.name > version.name:
                shutil.rmtree(newer, ignore_errors=True)
        if version.name == noisy:
            return (f"{name} of {slug} was damaged, and no other version is whole. It is used as it is: "
                    "look whether the names are where they were, or bring the folder back from a backup.")  # fmt: skip
        return f"{name} of {slug} was damaged; version {version.name}, the newest that is whole, is taken up again."
    if first:  # a process was killed before it finished the first version
        return f"{name} of {slug} was begun and never finished; it is made again."
    raise DamagedArtifactError(
        f"{folder} is damaged, and no version of it is whole. Cluster ids cannot be computed again: bring the folder "
        "back from a backup of the data directory. Or remove it: then every cluster gets a new id, and decisions about "
        "the old ones wait.",
        slug=slug, name=name,
    )  # fmt: skip


def pointer_is_gone(store: ArtifactStore, slug: str, name: str) -> bool:
    """Whether there are versions but no pointer to one. The caller must hold the lock, since others may be writing."""
    folder = store.layout.artifact(slug, name)
    return not (folder / "current.json").exists() and bool(_newest(folder)) and not was_dropped(store, slug, name)


def was_dropped(store: ArtifactStore, slug: str, name: str) -> bool:
    """Whether `heal` dropped the artefact, and no version was written since."""
    folder = store.layout.artifact(slug, name)
    try:
        dropped = json.loads((folder / DROPPED).read_bytes())["version"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return not (folder / "current.json").exists() and dropped == _newest(folder)


def _noisy_version(store: ArtifactStore, slug: str, name: str) -> str:
    """The current version if its files are readable and yet not as they were written; else empty."""
    try:
        current = store.current(slug, name)
        recorded = current.provenance.digests if current is not None else {}
        changed = current and any(file_digest(current.folder / file) != digest for file, digest in recorded.items())
    except (DamagedArtifactError, OSError):  # what cannot be read at all is seen there
        return ""
    return current.folder.name if current is not None and changed else ""


def _newest(folder: Path) -> str:
    return max((path.name for path in folder.glob("*") if path.name.isdigit()), default="")


def _rows(version: Path, needed: tuple[str, ...]) -> dict[str, int] | None:
    """The number of rows of each table of a version; None if one is missing or unreadable."""
    try:
        rows = {path.stem: pl.read_parquet(path, glob=False).height for path in version.glob("*.parquet")}
    except (pl.exceptions.PolarsError, OSError):
        return None
    return rows if all(table in rows for table in needed) else None
