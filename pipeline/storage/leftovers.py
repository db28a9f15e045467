"""Files that stopped processes left behind: temporary files, and versions that never became current.

What belongs here: finding such files by name, and removing them. Not here: making sure that no process still writes
them (the caller holds the lock, or an hour has passed), damaged files (`integrity.py`).
"""

import contextlib
import json
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.storage.history import History
from pipeline.storage.integrity import set_fault
from pipeline.storage.layout import DOCUMENT, TABLE_SUFFIX, Layout, published_record, published_sets
from pipeline.storage.publications import linked_version

# names of temporary files: see files.py, thumbnails.py, vectors.py, and the journal
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}(\.tmp)?|\..+\.tmp\.(npy|hashes\.npy|parquet)|\.\d{6}-[0-9a-f]{8}\.parquet")
SECONDS = 3600.0  # age from which a file that no lock protects counts as left behind


def of_category(layout: Layout, slug: str, history: History) -> list[Path]:
    """The leftovers of one category. The caller must hold its lock."""
    return sorted(
        {
            *_temporary(layout.lock(slug).parent.rglob(".*")),
            *_versions(layout, slug),
            *_vectors(layout, slug),
            *_temporary((layout.contents / slug).glob(".*")),
            *_sets(layout, slug, history),
            *_temporary(layout.last_published(slug).parent.glob(f".{slug}.json.*")),
        }
    )


def shared(layout: Layout, now: float) -> list[Path]:
    """The leftovers in folders that all categories share; `now` in seconds since 1970."""
    places = (
        layout.root.glob(".*"), layout.cache.rglob(".*"), layout.thumbnails.glob("*/.*"), layout.copies.glob(".*"),
        layout.service_database.parent.glob(".*"),
    )  # fmt: skip
    candidates = (path for place in places for path in _temporary(place))
    copying = [layout.copying] if all(is_old(path, now) for path in layout.copying.rglob("*")) else []
    return sorted(path for path in (*candidates, *copying) if is_old(path, now))


def is_old(path: Path, now: float) -> bool:
    """Whether a file was not written for so long that no process can still be writing it."""
    try:
        return now - path.lstat().st_mtime > SECONDS
    except FileNotFoundError:  # it was renamed meanwhile
        return False


def remove(paths: Iterable[Path]) -> int:
    """Remove files, links and folders; returns how many."""
    count = 0
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        count += 1
    return count


def is_temporary(path: Path) -> bool:
    """Whether a file has the name of one that is still being written."""
    return _TEMPORARY.fullmatch(path.name) is not None


def _temporary(paths: Iterable[Path]) -> Iterator[Path]:
    return filter(is_temporary, paths)


def _versions(layout: Layout, slug: str) -> Iterator[Path]:
    """Versions after the current one, which were written but never made current."""
    for pointer in layout.lock(slug).parent.glob("*/current.json"):
        with contextlib.suppress(ValueError, KeyError, TypeError):  # a damaged pointer is a fault of its own
            current = json.loads(pointer.read_bytes())["version"]
            yield from (path for path in pointer.parent.iterdir() if path.name.isdigit() and path.name > current)


def _vectors(layout: Layout, slug: str) -> Iterator[Path]:
    """Arrays without the Parquet file of their part."""
    for folder in layout.root.glob(f"vectors/*/{slug}"):
        yield from _temporary(folder.glob(".*"))
        for path in folder.glob("*.npy"):
            name = path.name.removesuffix(".npy").removesuffix(".hashes")
            if not path.name.startswith(".") and not (folder / f"{name}{TABLE_SUFFIX}").exists():
                yield path


def _sets(layout: Layout, slug: str, history: History) -> Iterator[Path]:
    """Incomplete sets that are neither published nor a candidate, and links that were never moved into place.

    A complete set is never one: the record may have lost it. Without a record, damaged ones stay too.
    """
    root = layout.published
    sets = published_sets(root, slug)
    kept = {*history.versions(), linked_version(root, slug), history.candidate.version if history.candidate else None}
    recorded = published_record(root, slug).exists()
    for path in sets.iterdir() if sets.exists() else ():
        if path.name in kept or (not recorded and (path / DOCUMENT).exists() and not path.name.startswith(".")):
            continue
        if path.name.startswith(".") or set_fault(root, slug, path.name, History()):  # staged under a dotted name
            yield path
    yield from _temporary(root.glob(f".{slug}.*"))
    yield from _temporary(published_record(root, slug).parent.glob(f".{slug}.json.*"))
