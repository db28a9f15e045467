"""The interface of a bucket: what the product asks of S3, R2 and folders.

What belongs here: the protocol and the row of a listing. Not here: talking to S3 or a disk (`adapters/`), what the
objects of a listing are (`stages/manifest/build.py`).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from pipeline.errors import BucketError, BucketUnreachableError, ObjectMissingError


class ObjectInfo(NamedTuple):
    """One object of a listing: key relative to the source, ETag without quotes, bytes, UTC-aware time.

    With `trouble` it is no object, but a folder (`key` ends with a slash) or file that could not be listed, and the
    reason. Known images there are kept.
    """

    key: str
    etag: str
    size: int
    last_modified: datetime
    trouble: str = ""


class Bucket(Protocol):
    """The interface of an object store. All keys are relative to `url`.

    Every method raises `BucketError` if the bucket refuses and `BucketUnreachableError` if it does not answer. A
    listing is complete, or says where it is not (`ObjectInfo.trouble`), or raises; it never ends early in silence.
    """

    @property
    def url(self) -> str:
        """For people; without secrets."""
        ...

    def folders(self) -> list[str]:
        """Names of the top folders, sorted, without hidden ones."""
        ...

    def pages(
        self, prefix: str = "", *, after: str | None = None, recursive: bool = True
    ) -> Iterator[list[ObjectInfo]]:
        """Objects in the folder `prefix` in ascending order of key, beginning after the key `after`."""
        ...

    def head(self, key: str) -> ObjectInfo | None:
        """The object as in a listing; None if there is none."""
        ...

    def read(self, key: str) -> bytes:
        """The whole object. Also raises `ObjectMissingError`."""
        ...

    def read_part(self, key: str, start: int, length: int) -> bytes:
        """`length` bytes of an object from byte `start` on, fewer where it ends before. Raises as `read`."""
        ...

    def unlisted(self, keys: Sequence[str]) -> list[str]:
        """The objects that exist although a listing left out their keys. Asks for some of `keys`."""
        ...

    def probe(self, key: str) -> None:
        """Read a little of an object anew, not from a cache of this machine. Raises as `read`."""
        ...

    def read_many(
        self, keys: Iterable[str], *, most: int | None = None
    ) -> Iterator[tuple[str, bytes | ObjectMissingError | BucketUnreachableError | BucketError]]:
        """Objects in the order of `keys`, with bounded read-ahead. An error is yielded in the place of its object.

        An object of more than `most` bytes is not read: it yields an `ObjectTooLargeError`.
        """
        ...

    def write(self, key: str, data: bytes, *, content_type: str) -> None:
        """Create or replace one object; a reader sees the old bytes or the new ones."""
        ...

    def delete(self, key: str) -> None:
        """Remove one object; no error if there is none."""
        ...

    def check(self) -> None:
        """Make one cheap request, which raises what any other request would raise."""
        ...
