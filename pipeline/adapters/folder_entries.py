"""The entries of one folder of a source: files, folders to walk, skipped and closed ones.

What belongs here: the kinds of entries, links out of the source, recognising our own data directory, and opening only
regular files. Not here: walking folders, keys and error messages (`folder_bucket.py`), names of system files
(`stages/manifest/keys.py`).
"""

import errno
import json
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from pipeline.stages.manifest.keys import skipped_part
from pipeline.storage.layout import MARKER, OWN_NAMES

PROBED = 512  # bytes
_KINDS = {
    stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip


class Entry(NamedTuple):
    """One entry. `name` is its part of a key, with a final slash except for files, so that entries sort like keys.

    Kinds: file, an object, regular or not; folder, to be walked; skipped, a system folder or our own; closed, a folder
    that is not walked, for `reason`.
    """

    name: str
    path: str
    kind: Literal["file", "folder", "skipped", "closed"]
    reason: str = ""


@dataclass(frozen=True)
class FolderRules:
    """The rules for which entries of a source are read. `root` is the source with links resolved."""

    root: Path
    skip_names: Sequence[str]
    follow_links: Literal["inside", "all"]

    def leads_out(self, path: str | Path) -> bool:
        """Whether a path leads out of the source although `follow_links` forbids it."""
        return self.follow_links == "inside" and not Path(os.path.realpath(path)).is_relative_to(self.root)

    def entries(self, folder: str | Path, prefix: str, above: Sequence[tuple[int, int]]) -> list[Entry]:
        """The entries of `folder` in the order of their keys; `above` are (device, inode) of the folders around it.

        Leaves out links to a folder in `above`. Raises `OSError` if the folder cannot be listed.
        """
        own = OWN_NAMES if is_data_directory(folder) else frozenset[str]()
        with os.scandir(folder) as listing:
            entries = [self._entry(entry, prefix, own, above) for entry in listing]
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

    def holds_a_file(self, folder: str | Path) -> bool:
        """Whether a folder or one below it holds anything but folders and system files; also if that cannot be told."""
        levels: list[tuple[str | Path, tuple[tuple[int, int], ...]]] = [(folder, ())]
        while levels:
            here, above = levels.pop()
            try:
                place = os.stat(here)  # noqa: PTH116 an entry's path is text
                around = (*above, (place.st_dev, place.st_ino))
                entries = [entry for entry in self.entries(here, "", around) if entry.kind != "skipped"]
            except OSError:
                return True
            if any(entry.kind != "folder" and not skipped_part(entry.name, self.skip_names) for entry in entries):
                return True
            levels += [(entry.path, around) for entry in entries if entry.kind == "folder"]
        return False

    def holds_only_our_own(self, folder: str | Path) -> bool:
        """Whether a folder is a data directory of this program without foreign files."""
        if not is_data_directory(folder):
            return False
        return all(
            entry.kind == "skipped" or skipped_part(entry.name, self.skip_names)
            for entry in self.entries(folder, "", ())
        )


def is_data_directory(folder: str | Path) -> bool:
    """Whether a folder is a data directory of this program."""
    path = Path(folder, MARKER)
    try:
        marker: object = json.loads(path.read_bytes()[:1000]) if path.is_file() else None
    except (OSError, ValueError):
        return False
    return isinstance(marker, dict) and "schemaVersion" in marker


def inside_of_our_own(folder: Path) -> Path | None:
    """The data directory that a folder is a part of; None if it may be a source.

    `originals` may be one: a later run can read the copies that `download` puts there.
    """
    for part, parent in zip((folder, *folder.parents), folder.parents):  # noqa: B905 the last parent has none
        if part.name in OWN_NAMES - {"originals"} and is_data_directory(parent):
            return parent
    return None


def read_regular(path: str | Path, most: int | None, part: tuple[int, int] | None = None) -> bytes | str:
    """The bytes of a regular file, or in words its kind if it is not one. Raises `OSError`, and `FileTooLargeError` if
    it has more than `most` bytes. `part`: only so many bytes from a byte on, start and length.

    Only regular files are opened, because a pipe without a writer would block forever. O_NONBLOCK covers a file that
    was replaced by a pipe after the check.
    """
    try:
        kind = _irregular(Path(path).stat())
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        kind = "a link that ends in itself"  # says nothing of the disk
    if kind:
        return kind
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        kind = _irregular(status)
        if kind:
            return kind
        if most is not None and status.st_size > most:
            raise FileTooLargeError(status.st_size)
        if part is not None:
            file.seek(part[0])
            return file.read(part[1])
        data = file.read() if most is None else file.read(most + 1)
        if most is not None and len(data) > most:
            raise FileTooLargeError(len(data))
        return data


def read_anew(path: str | Path) -> bytes | str:
    """The first bytes of a file as `read_regular` has them, from its disk: those in the system's cache are dropped."""
    if hasattr(os, "posix_fadvise"):  # not on macOS
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
    return read_regular(path, None, (0, PROBED))


class FileTooLargeError(Exception):
    """A file has more bytes than allowed; `size` is their number."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size: int = size


def shown(name: str) -> str:
    """A file name as valid text; bytes that are not UTF-8 appear as \\xNN."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def place_of(root: Path, key: str) -> Path:
    """The file of a key below `root`: with the bytes that `shown` wrote as \\xNN, unless one has that very name."""
    path = root.joinpath(*key.split("/"))
    if "\\x" in key and not os.path.lexists(path):
        return root / os.fsdecode(_bytes_of(key))
    return path


def _bytes_of(key: str) -> bytes:
    parts = re.split(r"\\x([89a-f][0-9a-f])", key)
    return b"".join(bytes.fromhex(part) if index % 2 else os.fsencode(part) for index, part in enumerate(parts))


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # reading it later gives the reason


def _irregular(status: os.stat_result) -> str:
    return _KINDS.get(stat.S_IFMT(status.st_mode), "")
