"""A local folder as a bucket.

What belongs here: walking, reading and writing files, and explaining their errors. Not here: the entries of one folder
(`folder_entries.py`), which files are hidden or no images (`stages/manifest/keys.py`), choosing this class
(`buckets.py`).

Does not use obstore's LocalStore: that refuses a whole listing for one control character in a name, and its listings
have no order, so they cannot be resumed.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal

from pipeline.adapters.folder_entries import (
    Entry,
    FileTooLargeError,
    FolderRules,
    inside_of_our_own,
    place_of,
    read_anew,
    read_regular,
)
from pipeline.adapters.read_ahead import BadKeyError, Outcome, read_ahead, too_large
from pipeline.errors import (
    BucketError,
    BucketUnreachableError,
    FullBucketError,
    ObjectMissingError,
    ObjectUnusableError,
)
from pipeline.settings import CONCURRENCY, SKIP_NAMES
from pipeline.stages.manifest.bucket import ObjectInfo
from pipeline.stages.manifest.keys import skipped_part
from pipeline.storage.files import sync_directory, write_atomically

PAGE = 1000  # objects per page, as S3
_NAMED = 5  # folders in a notice
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Microseconds since then that Python has a date for, in any time zone; disks and broken clocks have others.
_FIRST, _LAST = ((datetime(year, 6, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1) for year in (1, 9999))
_Around = tuple[tuple[int, int], ...]  # (device, inode) of the folders around a place
_GONE = (FileNotFoundError, NotADirectoryError)
_PERMANENT = frozenset(
    {errno.EROFS, errno.EFBIG, errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOENT}
)


class FolderBucket:
    """The files below one folder. Implements `Bucket`.

    Symbolic links are followed if `follow_links` allows it, except links to a folder that contains them. A name that is
    not UTF-8 has its other bytes as `\\xNN` in the key. `notice` receives what `folders` leaves out.
    """

    def __init__(
        self,
        root: Path,
        *,
        concurrency: int = CONCURRENCY,
        skip_names: Sequence[str] = SKIP_NAMES,
        follow_links: Literal["inside", "all"] = "all",
        notice: Callable[[str], None] | None = None,
    ) -> None:
        self.url: str = str(root)
        self._root: Path = root.expanduser().absolute()
        self._concurrency: int = concurrency
        self._skip_names: Sequence[str] = skip_names
        self._follow_links: Literal["inside", "all"] = follow_links
        self._notice: Callable[[str], None] = notice or (lambda _: None)

    def __repr__(self) -> str:
        return f"FolderBucket({self.url!r})"

    @cached_property
    def _rules(self) -> FolderRules:
        return FolderRules(Path(os.path.realpath(self._root)), self._skip_names, self._follow_links)

    def folders(self) -> list[str]:
        """Names of the readable top folders that hold a file, sorted, without hidden ones."""
        self.check()
        try:
            entries = self._rules.entries(self._root, "", ())
        except OSError as error:
            raise self._explain(error, "list") from None
        names = {entry.name.rstrip("/"): entry.path for entry in entries if self._is_open(entry)}
        empty = [name for name, path in names.items() if not self._rules.holds_a_file(path)]
        if empty:
            more = f" and {len(empty) - _NAMED:,} more" if len(empty) > _NAMED else ""
            self._notice(f"Skipped in {self.url}, without a file: {', '.join(empty[:_NAMED])}{more}.")
        return [name for name in names if name not in set(empty)]

    def _is_open(self, entry: Entry) -> bool:
        """Whether a top folder belongs to the source; gives a notice with the reason if not."""
        if entry.kind in ("file", "skipped"):
            if entry.kind == "skipped" and skipped_part(entry.name, self._skip_names):
                self._notice(f"Skipped in {self.url}: {entry.name} (source.skip_names).")
            return False
        reason = entry.reason
        try:
            with os.scandir(entry.path):
                pass
            if not reason and self._rules.holds_only_our_own(entry.path):
                self._notice(f"Skipped in {self.url}: {entry.name} is a data directory of image-cluster.")
                return False
        except OSError as error:
            reason = reason or error.strerror or str(error)
        if reason:
            self._notice(f"{entry.name} in {self.url} is not looked at: {reason}. What is known of it stays.")
        return not reason

    def pages(
        self, prefix: str = "", *, after: str | None = None, recursive: bool = True
    ) -> Iterator[list[ObjectInfo]]:
        """Objects in the folder `prefix` in ascending order of key. Raises `BucketError` for an unreadable folder."""
        self.check()
        prefix = prefix.strip("/")
        folder = self._path(prefix) if prefix else self._root
        if prefix and not os.path.lexists(folder):
            return
        page: list[ObjectInfo] = []
        start = f"{prefix}/" if prefix else ""
        if prefix and self._rules.leads_out(folder):
            yield [ObjectInfo(start, "", 0, _EPOCH, "it is a link that leads out of the source")]
            return
        for info in self._walk(folder, start, after or "", self._around(folder), recursive=recursive):
            page.append(info)
            if len(page) == PAGE:
                yield page
                page = []
        if page:
            yield page

    def _around(self, folder: Path) -> _Around:
        """(device, inode) of the folders of the source around `folder`: links to them are not followed."""
        found: list[tuple[int, int]] = []
        for parent in folder.parents:
            if not parent.is_relative_to(self._root):
                break
            with contextlib.suppress(OSError):  # listing `folder` gives the error
                place = parent.stat()
                found.append((place.st_dev, place.st_ino))
        return tuple(found)

    def head(self, key: str) -> ObjectInfo | None:
        """The entry of one file in a listing; None if there is none."""
        path = self._path(key)
        try:
            status = path.stat()
        except _GONE:
            self.check()
            return None
        except OSError as error:
            raise self._explain(error, f"look at {key!r}") from None
        return _info(key, status) if stat.S_ISREG(status.st_mode) else None

    def read(self, key: str) -> bytes:
        """The whole file. Opens regular files only; a folder or an unreadable file counts as missing."""
        return self._read(key, lambda path: read_regular(path, None))

    def read_part(self, key: str, start: int, length: int) -> bytes:
        """A part of the file."""
        return self._read(key, lambda path: read_regular(path, None, (start, length)))

    def unlisted(self, keys: Sequence[str]) -> list[str]:  # noqa: ARG002 as of every bucket
        """None: a disk lists what it has, and one that ignores case would find a renamed file by its old name."""
        return []

    def probe(self, key: str) -> None:
        """Read the first bytes of a file from its disk."""
        self._read(key, read_anew)

    def read_many(self, keys: Iterable[str], *, most: int | None = None) -> Iterator[tuple[str, Outcome]]:
        """Files in the order of `keys`, read ahead up to `concurrency`; an error of one file is a value."""
        return read_ahead(lambda key: self._read_whole(key, most), keys, self._concurrency)

    def _read_whole(self, key: str, most: int | None) -> bytes:
        try:
            return self._read(key, lambda path: read_regular(path, most))
        except FileTooLargeError as error:
            raise too_large(key, error.size, most or 0) from None

    def _read(self, key: str, read: "Callable[[Path], bytes | str]") -> bytes:
        path = self._path(key)
        try:
            if self._rules.leads_out(path):
                raise ObjectUnusableError(f"{key!r} is a link that leads out of {self.url} (source.follow_links).")
            data = read(path)
        except _GONE:
            self.check()  # an unplugged disk must not look like deleted images
            raise ObjectMissingError(f"There is no {key!r} in {self.url} any more.") from None
        except (PermissionError, IsADirectoryError) as error:
            raise ObjectMissingError(f"{key!r} in {self.url} cannot be read: {error.strerror}.") from None
        except OSError as error:
            raise self._explain(error, f"read {key!r}") from None
        if isinstance(data, str):
            raise ObjectUnusableError(f"{key!r} in {self.url} is {data}, not a regular file.")
        return data

    def write(self, key: str, data: bytes, *, content_type: str) -> None:  # noqa: ARG002 a folder keeps no types
        """Create or replace one file atomically; creates missing folders."""
        path = self._path(key)
        try:
            write_atomically(path, data)
            sync_directory(path.parent)
        except OSError as error:
            raise self._explain(error, f"write {key!r}") from None

    def delete(self, key: str) -> None:
        """Remove one file; does nothing if it does not exist."""
        try:
            self._path(key).unlink(missing_ok=True)
        except OSError as error:
            raise self._explain(error, f"delete {key!r}") from None

    def check(self) -> None:
        """Raises `BucketError` if the folder does not exist, cannot be listed, or belongs to a data directory."""
        try:
            with os.scandir(self._root):
                pass
        except _GONE:
            raise BucketError(f"There is no folder {self._root}. Correct the url, or make the folder.") from None
        except OSError as error:
            raise self._explain(error, "list") from None
        ours = inside_of_our_own(self._rules.root)
        if ours is not None:
            raise BucketError(
                f"{self._root} belongs to the data directory {ours} of image-cluster. It holds no photos of "
                "yours. Name the folder that your images are in."
            )

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if not key or "\0" in key or any(part in ("", ".", "..") for part in parts):
            raise BadKeyError(f"{key!r} is no key in {self.url}: it must name a file below the folder.")
        return place_of(self._root, key)

    def _walk(self, folder: Path, prefix: str, after: str, above: _Around, *, recursive: bool) -> Iterator[ObjectInfo]:
        """Files below `folder` with keys after `after`, sorted by key. An unreadable subfolder is an item too.

        The folders around an entry are a list, not nested calls: Python allows fewer of those than a disk has levels.
        """
        levels = [self._level(folder, prefix, above)]
        while levels:
            if (found := next(levels[-1], None)) is None:
                levels.pop()
                continue
            key, entry, here = found
            if entry.kind == "folder":
                if recursive and (key > after or after.startswith(key)):
                    levels.append(self._level(Path(entry.path), key, here))
            elif not entry.name or (key > after and (recursive or entry.kind == "file")):
                info = self._object(key, entry)
                if info is not None:
                    yield info

    def _level(self, folder: Path, prefix: str, above: _Around) -> Iterator[tuple[str, Entry, _Around]]:
        """The entries of one folder with their keys and the folders around them; if it cannot be listed, one without a
        name that says why."""
        try:
            place = folder.stat()
            here = (*above, (place.st_dev, place.st_ino))
            entries = self._rules.entries(folder, prefix, here)
        except _GONE:
            self.check()  # the folder was deleted meanwhile, unless the whole source is gone
            return
        except OSError as error:
            if not prefix:
                raise self._explain(error, "list") from None
            yield prefix, Entry("", str(folder), "closed", error.strerror or str(error)), above
            return
        for entry in entries:
            yield prefix + entry.name, entry, here

    def _object(self, key: str, entry: Entry) -> ObjectInfo | None:
        """The item of a listing for a file or a closed folder; None for a file that was deleted meanwhile."""
        if entry.kind != "file":
            return ObjectInfo(key, "", 0, _EPOCH, entry.reason)
        try:
            status = os.lstat(entry.path)
            if stat.S_ISLNK(status.st_mode) and not self._rules.leads_out(entry.path):
                with contextlib.suppress(OSError):  # a broken link: reading it will give the error
                    status = os.stat(entry.path)  # noqa: PTH116 a DirEntry's path is text
        except _GONE:
            return None
        except OSError as error:
            return ObjectInfo(key, "", 0, _EPOCH, error.strerror or str(error))
        return _info(key, status)

    def _explain(self, error: OSError, doing: str) -> BucketError | BucketUnreachableError:
        message = f"Cannot {doing} in folder {self.url}: {error.strerror or error}."
        if isinstance(error, PermissionError):
            return BucketError(f"{message} Give this user the right to do so.")
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return FullBucketError(f"{message} The disk is full. Free some space; what was there before is untouched.")
        if error.errno in _PERMANENT:
            return BucketError(message)
        return BucketUnreachableError(f"{message} Is the disk or share still connected?")


def _info(key: str, status: os.stat_result) -> ObjectInfo:
    # No inode in the ETag: FUSE mounts (sshfs, rclone) change it, and every file would always look changed.
    etag = f"{status.st_mtime_ns:x}-{status.st_size:x}"
    microseconds = min(max(status.st_mtime_ns // 1000, _FIRST), _LAST)
    return ObjectInfo(key, etag, status.st_size, _EPOCH + timedelta(microseconds=microseconds))
