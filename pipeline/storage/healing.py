"""A stored result that is cut, overwritten or gone: what can be computed again goes, what cannot comes from before.

What belongs here: choosing the version to go on with. Not here: noticing the damage (`artifacts.py`, which raises
`DamagedArtifactError`), running the steps again (`steps/run.py`).

Everything but `identities` follows from the bucket and the settings. The ids in `identities` follow from those before
them, so there the newest version that is whole becomes current again.
"""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import polars as pl

from pipeline.errors import DamagedArtifactError
from pipeline.storage.artifacts import ArtifactStore, Provenance
from pipeline.storage.files import write_atomically

KEPT = {"identities": ("clusters", "members", "ledger")}  # what no run can make again, and the tables that it needs


def heal(store: ArtifactStore, slug: str, name: str) -> str:
    """Make a damaged artefact usable or have the next run make it again; returns what was done in words.

    Raises `DamagedArtifactError` where neither is possible.
    """
    folder = store.layout.artifact(slug, name)
    if name not in KEPT:
        (folder / "current.json").unlink(missing_ok=True)
        return f"{name} of {slug} was damaged; it is made again."
    pointer = folder / "current.json"
    first = not pointer.exists()
    for version in sorted((path for path in folder.glob("*") if path.name.isdigit()), reverse=True):
        rows = _rows(version, KEPT[name])
        if rows is None:
            continue
        provenance = Provenance(version.name, "", "", rows=rows)
        write_atomically(pointer, json.dumps(asdict(provenance), indent=1).encode())
        for newer in folder.glob("*"):
            if newer.name.isdigit() and newer.name > version.name:
                shutil.rmtree(newer, ignore_errors=True)
        return f"{name} of {slug} was damaged; version {version.name}, the newest that is whole, is taken up again."
    if first:  # a process was killed before it had written the first one
        return f"{name} of {slug} was begun and never finished; it is made again."
    raise DamagedArtifactError(
        f"{folder} is damaged, and no version of it is whole. Cluster ids cannot be computed again: bring the folder "
        "back from a backup of the data directory. Or remove it: then every cluster gets a new id, and decisions about "
        "the old ones wait.",
        slug=slug, name=name,
    )  # fmt: skip


def pointer_is_gone(store: ArtifactStore, slug: str, name: str) -> bool:
    """Whether there are versions that nothing points at. Only whoever holds the category can tell: others may write."""
    folder = store.layout.artifact(slug, name)
    return not (folder / "current.json").exists() and any(path.name.isdigit() for path in folder.glob("*"))


def _rows(version: Path, needed: tuple[str, ...]) -> dict[str, int] | None:
    """The rows of each table of a version; None where one is missing or cannot be read."""
    try:
        rows = {path.stem: pl.read_parquet(path, glob=False).height for path in version.glob("*.parquet")}
    except (pl.exceptions.PolarsError, OSError):
        return None
    return rows if all(table in rows for table in needed) else None
