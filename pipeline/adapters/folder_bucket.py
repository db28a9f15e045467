"""A local folder as a bucket.

What belongs here: walking, reading and atomic writing of files, and what their trouble means. Not here: which files are
hidden or no images (`stages/manifest/keys.py`), choosing this class (`adapters/buckets.py`).

Plain files and not obstore's LocalStore, which refuses a whole listing for one control character in a name and gives
no order, so that a listing could not be resumed.
"""

import errno
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.adapters.read_ahead import BadKeyError, Outcome, read_ahead
from pipeline.errors import BucketError, BucketUnreachableError, ObjectMissingError
from pipeline.stages.manifest.build import ObjectInfo
from pipeline.stages.manifest.keys import is_hidden

PAGE = 1000  # objects per page, as S3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_GONE = (FileNotFoundError, NotADirectoryError)
_PERMANENT = frozenset(
    {errno.EROFS, errno.EFBIG, errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOENT}
)


class FolderBucket:
    """The files below one folder. Implements `Bucket`.

    Symbolic links are followed; a link that leads back to a folder it lies in is passed over. A name that is not UTF-8
    is shown with its odd bytes as `\\xNN`, and is found again by that.
    """

    def __init__(self, root: Path, *, concurrency: int = 16) -> None:
        self.url: str = str(root)
        self._root: Path = root.expanduser().absolute()
        self._concurrency: int = concurrency

    def __repr__(self) -> str:
        return f"FolderBucket({self.url!r})"

    def folders(self) -> list[str]:
        """Names of the folders at the top, sorted, hidden ones left out."""
        self.check()
        entries = self._entries(self._root, "", (), top=True)
        return [name.rstrip("/") for name, _, is_folder in entries if is_folder and not is_hidden(name.rstrip("/"))]

    def pages(
        self, prefix: str = "", *, after: str | None = None, recursive: bool = True
    ) -> Iterator[list[ObjectInfo]]:
        """Objects in the folder `prefix` in ascending order of key. Raises `BucketError` for an unreadable folder."""
        self.check()
        prefix = prefix.strip("/")
        folder = self._path(prefix) if prefix else self._root
        if prefix and not folder.is_dir():
            return
        page: list[ObjectInfo] = []
        for info in self._walk(folder, f"{prefix}/" if prefix else "", after or "", (), recursive=recursive):
            page.append(info)
            if len(page) == PAGE:
                yield page
                page = []
        if page:
            yield page

    def head(self, key: str) -> ObjectInfo | None:
        """What a listing would say of one file; None where there is none."""
        path = self._path(key)
        try:
            found = path.stat()
        except _GONE:
            self.check()
            return None
        except OSError as error:
            raise self._trouble(error, f"look at {key!r}") from None
        return None if path.is_dir() else _info(key, found)

    def read(self, key: str) -> bytes:
        """The whole file. One that may not be read, or is a folder, counts as missing."""
        try:
            return self._path(key).read_bytes()
        except _GONE:
            self.check()  # a disk that was unplugged must not look like images that were deleted
            raise ObjectMissingError(f"There is no {key!r} in {self.url} any more.") from None
        except (PermissionError, IsADirectoryError) as error:
            raise ObjectMissingError(f"{key!r} in {self.url} cannot be read: {error.strerror}.") from None
        except OSError as error:
            raise self._trouble(error, f"read {key!r}") from None

    def read_many(self, keys: Iterable[str]) -> Iterator[tuple[str, Outcome]]:
        """Files in the order of `keys`, read ahead by a bounded number; one file's trouble is a value."""
        return read_ahead(self.read, keys, self._concurrency)

    def write(self, key: str, data: bytes, *, content_type: str) -> None:  # noqa: ARG002 a folder keeps no types
        """Create or replace one file by renaming a finished one over it; makes the folders it needs."""
        path = self._path(key)
        unfinished = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                _write_durably(unfinished, data)
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)
            _sync_folder(path.parent)
        except OSError as error:
            raise self._trouble(error, f"write {key!r}") from None

    def delete(self, key: str) -> None:
        """Remove one file; not an error where there is none."""
        try:
            self._path(key).unlink(missing_ok=True)
        except OSError as error:
            raise self._trouble(error, f"delete {key!r}") from None

    def check(self) -> None:
        """Raises `BucketError` where the folder is not there or may not be listed."""
        try:
            with os.scandir(self._root):
                pass
        except _GONE:
            raise BucketError(f"There is no folder {self._root}. Correct the url, or make the folder.") from None
        except OSError as error:
            raise self._trouble(error, "list") from None

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if not key or "\0" in key or any(part in ("", ".", "..") for part in parts):
            raise BadKeyError(f"{key!r} is no key in {self.url}: it must name a file below the folder.")
        path = self._root.joinpath(*parts)
        if "\\x" in key and not os.path.lexists(path):
            return self._root / os.fsdecode(_bytes_of(key))
        return path

    def _walk(
        self, folder: Path, prefix: str, after: str, above: tuple[tuple[int, int], ...], *, recursive: bool
    ) -> Iterator[ObjectInfo]:
        """Files below `folder` whose key is greater than `after`, in order of key."""
        place = folder.stat()
        here = (*above, (place.st_dev, place.st_ino))
        for name, entry, is_folder in self._entries(folder, prefix, here, top=False):
            key = prefix + name
            if is_folder:
                if recursive and (key > after or after.startswith(key)):
                    yield from self._walk(Path(entry.path), key, after, here, recursive=True)
            elif key > after:
                found = _stat(entry)
                if found is not None:
                    yield _info(key, found)

    def _entries(
        self, folder: Path, prefix: str, above: tuple[tuple[int, int], ...], *, top: bool
    ) -> list[tuple[str, "os.DirEntry[str]", bool]]:
        """(shown name, entry, whether a folder); a folder has a slash and sorts with it, as the keys below it do."""
        found: list[tuple[str, os.DirEntry[str], bool]] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    is_folder = entry.is_dir()
                    if is_folder and not top and entry.is_symlink():
                        place = entry.stat()
                        if (place.st_dev, place.st_ino) in above:
                            continue
                    found.append((_shown(entry.name) + ("/" if is_folder else ""), entry, is_folder))
        except OSError as error:
            raise self._trouble(error, f"list {prefix or 'it'!r}") from None
        return sorted(found, key=lambda item: item[0])

    def _trouble(self, error: OSError, doing: str) -> BucketError | BucketUnreachableError:
        said = f"Cannot {doing} in folder {self.url}: {error.strerror or error}."
        if isinstance(error, PermissionError):
            return BucketError(f"{said} Give this user the right to do so.")
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return BucketError(f"{said} Free some space; what was there before is untouched.")
        if error.errno in _PERMANENT:
            return BucketError(said)
        return BucketUnreachableError(f"{said} Is the disk or share still connected?")


def _info(key: str, found: os.stat_result) -> ObjectInfo:
    # No inode in the ETag: FUSE mounts (sshfs, rclone) hand out new ones, and everything would look changed for ever.
    etag = f"{found.st_mtime_ns:x}-{found.st_size:x}"
    return ObjectInfo(key, etag, found.st_size, _EPOCH + timedelta(microseconds=found.st_mtime_ns // 1000))


def _stat(entry: "os.DirEntry[str]") -> os.stat_result | None:
    """Of the file that a link leads to; of the link itself where it leads nowhere, so that its trouble gets told."""
    for follow in (True, False):
        try:
            return entry.stat(follow_symlinks=follow)
        except OSError:
            continue
    return None  # deleted while we were listing


def _shown(name: str) -> str:
    """A file name as text that can be stored; bytes that are not UTF-8 appear as \\xNN."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _bytes_of(key: str) -> bytes:
    parts = re.split(r"\\x([89a-f][0-9a-f])", key)
    return b"".join(bytes.fromhex(part) if index % 2 else os.fsencode(part) for index, part in enumerate(parts))


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
