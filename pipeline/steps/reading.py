"""Objects of the bucket, one by one: a single object that cannot be read costs one row, a bucket that fails ends all.

What belongs here: telling the two apart. Not here: reading and retries (`adapters/`), what becomes of the bytes
(`ingest_pass.py`, `crops.py`).

A bad sector, a file without the right to read it and a key that the server always refuses are the trouble of one
object. An unplugged disk, a lost share and expired credentials look the same in the first object that they hit. So an
object that was readable before is asked for again: if that succeeds, the trouble is that of one object.
"""

from collections.abc import Iterable, Iterator, Sequence

import polars as pl

from pipeline.errors import BucketError, BucketUnreachableError, ImageClusterError, ObjectMissingError
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.manifest.bucket import Bucket
from pipeline.steps.project import Project

Trouble = BucketError | BucketUnreachableError
ASKED_AGAIN = 3  # objects that were readable; any of them may be gone by now
NEARLY_ALL, LEAST = 0.9, 10  # share and number of unreadable objects at which the bucket is not trusted
UNDECIDED = 200  # objects in a row, from the first on, without one that was ever readable


def read_objects(
    bucket: Bucket, keys: Iterable[str], *, most: int | None = None, readable: Sequence[str] = (), others: int = 0
) -> Iterator[tuple[str, bytes | ObjectMissingError]]:
    """Objects in the order of `keys`; one that cannot be read yields an `ObjectMissingError` with the reason.

    `readable` are keys that were read before, `others` the number of objects of the category that need not be read.
    Raises `BucketError` or `BucketUnreachableError` if the bucket as a whole fails or nearly all objects do.
    """
    watch = _Watch(bucket, readable[:ASKED_AGAIN], others)
    for key, value in bucket.read_many(keys, most=most):
        if isinstance(value, (BucketError, BucketUnreachableError)):
            watch.failed(value)
            yield key, ObjectMissingError(str(value))
        else:
            watch.succeeded(key, value)
            yield key, value
    watch.finish()


def read_among(
    bucket: Bucket, keys: Sequence[str], images: pl.DataFrame, *, most: int | None = None
) -> Iterator[tuple[str, bytes | ObjectMissingError]]:
    """Like `read_objects`, for some of the images that were read before.

    The others show whether an error concerns one object or the whole bucket.

    `images` has the columns `key` and `status` of `IMAGES_SCHEMA`.
    """
    others = images.filter(pl.col("status") == "ok", ~pl.col("key").is_in(pl.Series(keys, dtype=pl.String).implode()))
    return read_objects(
        bucket, keys, most=most, readable=others["key"].tail(ASKED_AGAIN).to_list(), others=others.height
    )


def images_read_before(project: Project, slugs: Iterable[str]) -> pl.DataFrame:
    """`key` and `status` of the images that the last run of these categories read; without a run, none."""
    columns = ["key", "status"]
    stored = (project.store.current(slug, "images") for slug in slugs)
    tables = [one.table("images", IMAGES_SCHEMA, columns) for one in stored if one is not None]
    return pl.concat(tables) if tables else pl.DataFrame(schema=dict.fromkeys(columns, pl.String))


class _Watch:
    def __init__(self, bucket: Bucket, readable: Sequence[str], others: int) -> None:
        self._bucket, self._known, self._others = bucket, list(readable), others
        self._read = self._failed = self._in_a_row = 0
        self._first: Trouble | None = None

    def succeeded(self, key: str, value: bytes | ObjectMissingError) -> None:
        self._read, self._in_a_row = self._read + 1, 0
        if value and isinstance(value, bytes) and len(self._known) < ASKED_AGAIN:
            self._known.append(key)

    def failed(self, trouble: Trouble) -> None:
        """Raises `trouble` if it is that of the whole bucket; asks at the 1st, 2nd, 4th, 8th … object in a row."""
        self._first = self._first or trouble
        self._failed, self._in_a_row = self._failed + 1, self._in_a_row + 1
        if self._known:
            doubtful = self._in_a_row & (self._in_a_row - 1) == 0 and not self._answers()
        else:
            doubtful = self._in_a_row >= UNDECIDED
        if doubtful:
            raise trouble

    def finish(self) -> None:
        if self._first is None:
            return
        if not self._known:
            raise self._first
        every = self._read + self._failed + self._others
        if self._failed >= LEAST and self._failed >= NEARLY_ALL * every:
            raise type(self._first)(
                f"{self._failed:,} of {every:,} images cannot be read. What is known of them stays. "
                f"The first reason: {self._first}"
            )

    def _answers(self) -> bool:
        """Whether an object that was readable still is."""
        return any(_is_readable(self._bucket, key) for key in self._known)


def _is_readable(bucket: Bucket, key: str) -> bool:
    try:
        bucket.probe(key)
    except ImageClusterError:
        return False
    return True
