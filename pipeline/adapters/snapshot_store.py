"""Copies of a library in a bucket: files by their digest, a list of files for each copy, a pointer to the newest.

What belongs here: the objects of a copy, and that no writer overwrites another. Not here: what a data directory
consists of (`storage/snapshot.py`), the order of copying (`steps/data_copy.py`).

      URL/image-cluster-data.json          which snapshot is the newest; replaced only by its ETag
      URL/snapshots/TIME-DIGEST.json.gz    all files of one copy; never changed
      URL/objects/AB/DIGEST                the bytes of a file; never changed, and shared by all copies
      URL/conditions-probe                 what `require_conditions` tries the server with

A file that did not change between two copies is stored once. Snapshots and objects that no copy needs any more are
removed late, so that a reader of an older copy can finish.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.adapters.s3_bucket import ObstoreBucket
from pipeline.errors import DamagedFileError, DataCopyError, ObjectMissingError
from pipeline.storage.files import file_digest
from pipeline.storage.snapshot import Entry, Snapshot, decode

POINTER, PROBE = "image-cluster-data.json", "conditions-probe"
SCHEMA_VERSION = 1
ENDING = ".json.gz"
KEPT = 10  # snapshots that are never removed
KEPT_FOR = timedelta(days=7)  # a younger snapshot or object is never removed either


@dataclass(frozen=True)
class Newest:
    """The name of the newest snapshot, and the ETag of the pointer to it."""

    name: str
    etag: str


class SnapshotStore:
    """The copies of one library below the URL of a bucket."""

    def __init__(self, bucket: ObstoreBucket) -> None:
        self.bucket = bucket
        self.url = bucket.url

    def newest(self, *, damaged: bool = False) -> Newest | None:
        """The newest snapshot; None if nothing was ever copied here.

        Raises `DamagedFileError`; with `damaged`, the name of a damaged pointer is empty instead.
        """
        try:
            data, etag = self.bucket.read_version(POINTER)
        except ObjectMissingError:
            return None
        try:
            values = json.loads(data)
            name, version = str(values["snapshot"]), int(values["schemaVersion"])
        except (ValueError, TypeError, KeyError) as error:
            if damaged:
                return Newest("", etag)
            raise DamagedFileError(
                f"{POINTER} in {self.url} is damaged: {error}. Copy a good library there with --replace."
            ) from error
        if version > SCHEMA_VERSION:
            raise DataCopyError(f"{self.url} was written by a newer version of image-cluster. Upgrade.")
        return Newest(name, etag)

    def names(self) -> dict[str, datetime]:
        """When each snapshot was written, by the server's clock; oldest first, and the newest last of all."""
        listed = (info for page in self.bucket.pages("snapshots") for info in page if info.key.endswith(ENDING))
        times = {info.key.removeprefix("snapshots/").removesuffix(ENDING): info.last_modified for info in listed}
        newest = self.newest()
        last = newest.name if newest is not None else ""
        return {name: times[name] for name in sorted(times, key=lambda name: (name == last, times[name], name))}

    def read(self, name: str) -> Snapshot:
        """One snapshot. Raises `DataCopyError` if it is gone, `DamagedFileError`."""
        where = f"the list {name} in {self.url}"
        try:
            data = self.bucket.read(f"snapshots/{name}{ENDING}")
        except ObjectMissingError:
            raise DataCopyError(
                f"There is no copy {name} in {self.url}. `image-cluster data list` shows them."
            ) from None
        if name.rpartition("-")[2] != _digest(data):
            raise DamagedFileError(f"{where} is damaged: its bytes are not those that were written.")
        return decode(data, where)

    def recent_objects(self) -> set[str]:
        """The digests of objects that are too young to be removed: those of a copy that was interrupted."""
        youngest = datetime.now(UTC) - KEPT_FOR / 2
        return {digest for digest, modified in self._objects() if modified > youngest}

    def store(self, entry: Entry, file: Path) -> bool:
        """Store the bytes of a file under its digest; False, and nothing stored, if the file has another one by now."""
        if file_digest(file) != entry.digest:
            return False
        self.bucket.upload(_key(entry.digest), file)
        if file_digest(file) == entry.digest:
            return True
        self.bucket.delete(_key(entry.digest))  # it was written to meanwhile: which bytes were sent is not known
        return False

    def fetch(self, entry: Entry, file: Path) -> None:
        """Write the bytes of an entry to `file`. Raises `DamagedFileError` if they are not those that were stored."""
        try:
            self.bucket.download(_key(entry.digest), file)
        except ObjectMissingError:
            raise DamagedFileError(
                f"{self.url} has lost the object {entry.digest}. Copy from an older snapshot."
            ) from None
        if file_digest(file) != entry.digest:
            file.unlink()
            raise DamagedFileError(f"The object {entry.digest} in {self.url} is damaged. Copy from an older snapshot.")

    def require_conditions(self) -> None:
        """Raise `DataCopyError` if the server ignores conditions, so that one writer could overwrite another."""
        self.bucket.write_if(PROBE, b"1", etag=None)
        ignored = self.bucket.write_if(PROBE, b"2", etag=None) or self.bucket.write_if(PROBE, b"3", etag='"no such"')
        if ignored:
            raise DataCopyError(
                f"The server of {self.url} ignores the conditions If-None-Match and If-Match. Two machines could "
                "overwrite each other's library there without a word. Use S3, R2 or another server that holds them."
            )

    def publish(self, snapshot: Snapshot, before: Newest | None) -> str:
        """Make a snapshot the newest one, in the place of `before`; its name. All its objects must be stored.

        Raises `DataCopyError` if another writer was quicker.
        """
        data = snapshot.encode()
        name = f"{snapshot.at.replace('-', '').replace(':', '')}-{_digest(data)}"
        self.bucket.write(f"snapshots/{name}{ENDING}", data, content_type="application/gzip")
        pointer = json.dumps({"schemaVersion": SCHEMA_VERSION, "snapshot": name}).encode() + b"\n"
        written = self.bucket.write_if(POINTER, pointer, etag=before.etag if before else None)
        # a write whose answer was lost is tried again, and is then refused because of itself
        now = None if written else self.newest()
        if now is not None and now.name != name:
            raise DataCopyError(
                f"Another machine copied its library to {self.url} meanwhile ({now.name}). Nothing was replaced there; "
                "your data directory is unchanged. Copy from there first, or repeat with --replace."
            )
        return name

    def remove_old(self) -> int:
        """Remove old snapshots, and objects that no snapshot needs; returns the number of objects.

        Ages count from the newest snapshot, by the server's clock: one of this machine may be wrong.
        """
        names = self.names()
        youngest = max(names.values()) - KEPT_FOR
        old = [name for name in list(names)[:-KEPT] if names[name] < youngest]
        if not old:
            return 0
        needed = {entry.digest for name in names if name not in old for entry in self.read(name).files.values()}
        for name in old:
            self.bucket.delete(f"snapshots/{name}{ENDING}")
        unneeded = [digest for digest, modified in self._objects() if digest not in needed and modified < youngest]
        for digest in unneeded:
            self.bucket.delete(_key(digest))
        return len(unneeded)

    def _objects(self) -> Iterator[tuple[str, datetime]]:
        for page in self.bucket.pages("objects"):
            for info in page:
                yield info.key.rpartition("/")[2], info.last_modified


def _key(digest: str) -> str:
    return f"objects/{digest[:2]}/{digest}"


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()
