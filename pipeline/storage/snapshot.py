"""A data directory as a list of files with their digests, to copy it whole and to notice what changed.

What belongs here: which files are a part of the library, their digests, and the list as bytes. Not here: where a copy
is kept (`adapters/snapshot_store.py`), the order of copying (`steps/data_copy.py`).

Not a part: caches, runs and uploads of the service, originals, locks and temporary files. The database of decisions is
listed by a copy of it, because a file that is being written to has no digest.
"""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.errors import DamagedFileError
from pipeline.storage.curation.copies import CategoryEvents
from pipeline.storage.files import file_digest, write_atomically
from pipeline.storage.layout import CURATION, OWN_NAMES, WORKING_COPY_LOCK, Layout
from pipeline.storage.leftovers import is_temporary

SCHEMA_VERSION = 1
_STAYS = frozenset({"cache", "service", "originals", "copied.json", "copying", WORKING_COPY_LOCK})
_POINTERS = frozenset({"current.json", "categories.json", "renames.json", "decisions.json"})


@dataclass(frozen=True)
class Entry:
    """One file: the digest of its bytes (`files.file_digest`) and its size in bytes."""

    digest: str
    size: int


@dataclass(frozen=True)
class Snapshot:
    """The library at `at` (ISO 8601). Paths are relative to the data directory, with `/`.

    `links`: symbolic links and what they point to. `decisions`: the events of each category; empty if they are in
    another database, or if there are none.
    """

    at: str
    files: Mapping[str, Entry]
    links: Mapping[str, str]
    decisions: Mapping[str, CategoryEvents] = field(default_factory=dict[str, CategoryEvents])

    @property
    def size(self) -> int:
        """The bytes of all files together."""
        return sum(entry.size for entry in self.files.values())

    def differs(self, other: "Snapshot") -> list[str]:
        """The paths in which two snapshots differ, sorted; decisions are compared by their events."""
        mine, theirs = ({**one.files, **one.links, CURATION: one.decisions or None} for one in (self, other))
        return sorted(path for path in {*mine, *theirs} if mine.get(path) != theirs.get(path))

    def encode(self) -> bytes:
        """As gzipped JSON; equal snapshots give equal bytes."""
        values = {"schemaVersion": SCHEMA_VERSION, **asdict(self)}
        values["files"] = {path: [entry.digest, entry.size] for path, entry in sorted(self.files.items())}
        return gzip.compress(json.dumps(values, ensure_ascii=False, sort_keys=True).encode(), mtime=0)


def decode(data: bytes, where: str) -> Snapshot:
    """The inverse of `Snapshot.encode`. Raises `DamagedFileError`, which names `where` it comes from."""
    try:
        values: dict[str, Any] = json.loads(gzip.decompress(data))
        version = values["schemaVersion"]
        files = {path: Entry(*entry) for path, entry in values["files"].items()}
        decisions = {slug: CategoryEvents(**events) for slug, events in values["decisions"].items()}
        snapshot = Snapshot(values["at"], files, values["links"], decisions)
    except (OSError, EOFError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedFileError(f"{where} is damaged: {error}. Copy the library there again.") from error
    if version > SCHEMA_VERSION:
        raise DamagedFileError(f"{where} was written by a newer version of image-cluster (schema {version}). Upgrade.")
    outside = [path for path in (*snapshot.files, *snapshot.links) if not _is_inside(path)]
    outside += [path for path, target in snapshot.links.items() if {"", ".."} & set(target.split("/"))]
    if outside:
        raise DamagedFileError(f"{where} is damaged: it lists {outside[0]!r}, which is no file of a data directory.")
    return snapshot


def take(layout: Layout, at: str, progress: Callable[[int, int], None]) -> Snapshot:
    """List the library without its decisions. `progress` receives how many files were looked at, and of how many.

    A file that did not change since it was last listed, by size and time, is not read again.
    """
    known = _known_digests(layout)
    files: dict[str, Entry] = {}
    links: dict[str, str] = {}
    seen: dict[str, list[Any]] = {}
    paths = sorted(_members(layout.root))
    for done, path in enumerate(paths, start=1):
        name = path.relative_to(layout.root).as_posix()
        if path.is_symlink():
            links[name] = path.readlink().as_posix()
        else:
            stat = path.stat()
            mark = [stat.st_size, stat.st_mtime_ns]
            before = known.get(name)
            digest = before[2] if before is not None and before[:2] == mark else file_digest(path)
            files[name], seen[name] = Entry(digest, stat.st_size), [*mark, digest]
        progress(done, len(paths))
    write_atomically(layout.copied_digests, json.dumps(seen).encode())
    return Snapshot(at, files, links)


def with_decisions(snapshot: Snapshot, entry: Entry, events: Mapping[str, CategoryEvents]) -> Snapshot:
    """The snapshot with the database of decisions, by a copy of it."""
    return replace(snapshot, files={**snapshot.files, CURATION: entry}, decisions=events)


def stays(name: str) -> bool:
    """Whether a name at the top of a folder is none that a copy would write, and no work of somebody else."""
    return name in _STAYS or name.startswith(".") or name == "lost+found"  # of a new disk


def order(path: str) -> tuple[int, str]:
    """A key to sort paths by: what never changes comes first, and what points at it last."""
    return (1 if path.rpartition("/")[2] in _POINTERS or path.startswith("published/.history/") else 0, path)


def _members(root: Path) -> Iterator[Path]:
    for name in OWN_NAMES - _STAYS:
        top = root / name
        if name.startswith(CURATION):
            continue
        for path in top.rglob("*") if top.is_dir() else [top]:
            own_only = path.name == ".lock" or path.name.startswith("replaced-") or is_temporary(path)
            if path.is_symlink() or (path.is_file() and not own_only):
                yield path


def _is_inside(path: str) -> bool:
    parts = path.split("/")
    return parts[0] in OWN_NAMES - _STAYS and not {"", ".", ".."} & set(parts)


def _known_digests(layout: Layout) -> dict[str, list[Any]]:
    try:
        return json.loads(layout.copied_digests.read_bytes())
    except (OSError, ValueError):  # a cache: files are read again
        return {}
