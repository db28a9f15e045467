"""Reads many objects in order, a bounded number ahead, whatever the bucket is.

What belongs here: the look-ahead and which trouble is one object's own. Not here: reading one object (the buckets).
Threads around blocking reads, because they measured faster than an event loop: 2,055 against 1,393 objects of 60 KB a
second at 16 at once, both from a local S3 server on two cores.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from pipeline.errors import (
    BucketError,
    BucketUnreachableError,
    ObjectMissingError,
    ObjectTooLargeError,
    ObjectUnusableError,
)

Outcome = bytes | ObjectMissingError | BucketUnreachableError


class BadKeyError(BucketError):
    """A key that no object of this bucket can have: it leaves the bucket or cannot be addressed."""


def read_ahead(read: Callable[[str], bytes], keys: Iterable[str], concurrency: int) -> Iterator[tuple[str, Outcome]]:
    """Pairs of key and bytes, or the object's own trouble, in the order of `keys`.

    `keys` is pulled as results are taken: at most `concurrency` objects are being read or wait to be taken.
    Raises `BucketError` where the bucket as a whole says no.
    """

    def attempt(key: str) -> Outcome:
        try:
            return read(key)
        except (ObjectMissingError, BucketUnreachableError) as trouble:
            return trouble
        except BadKeyError as trouble:
            return ObjectUnusableError(str(trouble))

    pool = ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="bucket-read")
    waiting: deque[tuple[str, Future[Outcome]]] = deque()
    try:
        for key in keys:
            waiting.append((key, pool.submit(attempt, key)))
            if len(waiting) >= concurrency:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # a caller that stops early does not wait for what it left


def too_large(key: str, size: int, most: int) -> ObjectTooLargeError:
    """What is said of an object of `size` bytes that is not read because `most` may be."""
    return ObjectTooLargeError(
        f"{key!r} has {size / 1e6:,.1f} MB, more than images.max_megabytes = {most / 1e6:g}; it was not read."
    )
