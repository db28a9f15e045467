"""Whether a stored file is as it was written: its digest is compared when it is read.

What belongs here: the comparison, and remembering which files were compared. Not here: recording digests
(`artifacts.py`, `vectors.py`), what follows from damage (`healing.py`).

A file is compared again only if its size, time of change or inode is another. Small files are remembered by this
process. Parts of vectors are large: they are remembered in a file of the cache, so that a night does not read them all.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock

from pipeline.storage.files import file_digest, write_atomically

MOST = 100_000  # files remembered
_lock = Lock()
_compared: dict[str, str] = {}  # path → what it looked like when it was compared, and the digest that it has


def is_as_written(path: Path, digest: str) -> bool:
    """Whether a file has this digest, or one that begins so. Raises `OSError` if it cannot be read."""
    looks = _looks(path, digest)
    if _compared.get(str(path)) == looks:
        return True
    if not file_digest(path).startswith(digest):
        return False
    with _lock:
        if len(_compared) >= MOST:
            _compared.clear()
        _compared[str(path)] = looks
    return True


class Remembered:
    """The comparisons of files below `root`, kept in `file` from one process to the next; without it, in this one."""

    def __init__(self, root: Path, file: Path | None) -> None:
        self._root, self._file = root, file

    def differing(self, digests: Mapping[Path, str]) -> list[Path]:
        """The files that do not have the digest given for them; those that are gone are left out."""
        names = {path: path.relative_to(self._root).as_posix() for path in digests}
        looks = {path: _looks(path, digest) for path, digest in digests.items() if path.exists()}
        if all(_compared.get(str(path)) == look for path, look in looks.items()):
            return []
        before = self._read()
        for path, look in looks.items():
            if before.get(names[path]) == look:
                _compared[str(path)] = look
        differing = [path for path in looks if not is_as_written(path, digests[path])]
        whole = {names[path]: look for path, look in looks.items() if path not in differing}
        if self._file is not None and whole.items() - before.items():
            with suppress(OSError):  # a cache: without it, the files are compared again
                write_atomically(self._file, json.dumps({**before, **whole}).encode())
        return differing

    def _read(self) -> dict[str, str]:
        if self._file is None:
            return {}
        try:
            values = json.loads(self._file.read_bytes())
        except (OSError, ValueError):
            return {}
        return values if isinstance(values, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _looks(path: Path, digest: str) -> str:
    status = path.stat()
    return f"{status.st_mtime_ns}-{status.st_size}-{status.st_ino}-{digest}"
