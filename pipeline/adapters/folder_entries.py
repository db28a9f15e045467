"""What lies in one folder of a source: files, folders to walk, what is skipped, and what may not be looked at.

What belongs here: telling the entries of a folder apart, links that lead elsewhere, our own data directory, and opening
nothing but regular files. Not here: the walk over folders, keys and errors for people (`adapters/folder_bucket.py`),
which names are a system's (`stages/manifest/keys.py`).
"""

import json
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from pipeline.stages.manifest.keys import skipped_part
from pipeline.storage.layout import MARKER, OWN_NAMES

_KINDS = {
    stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip


class Entry(NamedTuple):
    """One entry. `name` is as shown in keys, with a closing slash for all but files, and sorts as the keys below it.

    file: an object, regular or not; folder: to be walked; skipped: a system's folder, or our own; closed: a folder
    that is not walked, for `reason`.
    """

    name: str
    path: str
    kind: Literal["file", "folder", "skipped", "closed"]
    reason: str = ""


@dataclass(frozen=True)
class FolderRules:
    """Which entries of a source are looked at. `root` is the source without links in its path."""

    root: Path
    skip_names: Sequence[str]
    follow_links: Literal["inside", "all"]

    def leads_out(self, path: str | Path) -> bool:
        """Whether a path ends up outside of the source, and may not."""
        return self.follow_links == "inside" and not Path(os.path.realpath(path)).is_relative_to(self.root)

    def entries(self, folder: str | Path, prefix: str, above: Sequence[tuple[int, int]]) -> list[Entry]:
        """The entries of `folder` in the order of the keys below it; `above` are the places that it lies in.

        A link back to a place above is left out. Raises `OSError` where the folder cannot be listed.
        """
        own = OWN_NAMES if is_data_directory(folder) else frozenset[str]()
        with os.scandir(folder) as found:
            entries = [self._entry(entry, prefix, own, above) for entry in found]
        return sorted(entry for entry in entries if entry is not None)

    def _entry(
        self, entry: "os.DirEntry[str]", prefix: str, own: frozenset[str], above: Sequence[tuple[int, int]]
    ) -> Entry | None:
        name, is_folder = shown(entry.name), _is_folder(entry)
        if entry.name in own or (is_folder and skipped_part(f"{prefix}{name}/", self.skip_names)):
            return Entry(f"{name}/", entry.path, "skipped")
        if not is_folder:
            return Entry(name, entry.path, "file")
        if entry.is_symlink():
            if self.leads_out(entry.path):
                return Entry(f"{name}/", entry.path, "closed", "it is a link that leads out of the source")
            place = entry.stat()
            if (place.st_dev, place.st_ino) in above:
                return None
        return Entry(f"{name}/", entry.path, "folder")

    def holds_only_our_own(self, folder: str | Path) -> bool:
        """Whether a folder is a data directory of ours with nothing of anybody else's in it."""
        if not is_data_directory(folder):
            return False
        return all(
            entry.kind == "skipped" or skipped_part(entry.name, self.skip_names)
            for entry in self.entries(folder, "", ())
        )


def is_data_directory(folder: str | Path) -> bool:
    """Whether a folder is a data directory of this program, whichever run made it."""
    path = Path(folder, MARKER)
    try:
        marker: object = json.loads(path.read_bytes()[:1000]) if path.is_file() else None
    except (OSError, ValueError):
        return False
    return isinstance(marker, dict) and "schemaVersion" in marker


def inside_of_our_own(folder: Path) -> Path | None:
    """The data directory whose own files a folder belongs to; None for one that people may read from.

    `originals` is where `download` puts copies to be read by a later run.
    """
    for part, parent in zip((folder, *folder.parents), folder.parents):  # noqa: B905 the last parent has none
        if part.name in OWN_NAMES - {"originals"} and is_data_directory(parent):
            return parent
    return None


def read_regular(path: str | Path, most: int | None) -> bytes | str:
    """The bytes of a regular file, or in words what it is instead. Raises `OSError`; `FileTooLargeError` over `most`.

    A pipe without a writer would keep a reader waiting for ever, so nothing else is opened, and what was swapped in
    between is opened without waiting.
    """
    kind = _irregular(Path(path).stat())
    if kind:
        return kind
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        kind = _irregular(found)
        if kind:
            return kind
        if most is not None and found.st_size > most:
            raise FileTooLargeError(found.st_size)
        data = file.read() if most is None else file.read(most + 1)
        if most is not None and len(data) > most:
            raise FileTooLargeError(len(data))
        return data


class FileTooLargeError(Exception):
    """A file is larger than what was to be read; holds its bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size: int = size


def shown(name: str) -> str:
    """A file name as text that can be stored; bytes that are not UTF-8 appear as \\xNN."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # looked at again where it is read, which tells the reason


def _irregular(found: os.stat_result) -> str:
    return _KINDS.get(stat.S_IFMT(found.st_mode), "")
