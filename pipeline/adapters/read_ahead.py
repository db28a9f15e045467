"""Reads many objects in order, a bounded number ahead, from any bucket.

What belongs here: the look-ahead. Not here: reading one object (`folder_bucket.py`, `s3_bucket.py`), whether an error
concerns one object only (`steps/reading.py`).

It uses threads with blocking reads, which measured faster than an event loop: 2,055 against 1,393 objects of 60 KB per
second with 16 at once, from a local S3 server on two cores.
"""

import zlib
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

Outcome = bytes | ObjectMissingError | BucketUnreachableError | BucketError


class BadKeyError(BucketError):
    """A key that no object of this bucket can have, because it leads out of the bucket or cannot be addressed."""


def read_ahead(read: Callable[[str], bytes], keys: Iterable[str], concurrency: int) -> Iterator[tuple[str, Outcome]]:
    """Pairs of key and bytes, or of key and the error of this object, in the order of `keys`.

    `keys` is consumed as results are taken: at most `concurrency` objects are being read or waiting.
    """

    def attempt(key: str) -> Outcome:
        try:
            return read(key)
        except BadKeyError as trouble:
            return ObjectUnusableError(str(trouble))
        except (ObjectMissingError, BucketUnreachableError, BucketError) as trouble:
            return trouble

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
        pool.shutdown(wait=False, cancel_futures=True)  # a caller that stops early does not wait for pending reads


def unpack(key: str, data: bytes, most: int | None) -> bytes:
    """The bytes of an object that is stored with gzip (`Content-Encoding`); as they are, if they are not packed.

    Raises `ObjectTooLargeError` if more than `most` bytes come out.
    """
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(data, 0 if most is None else most + 1)
    except zlib.error:
        return data
    if most is not None and len(unpacked) > most:
        raise too_large(key, len(unpacked), most)
    return unpacked if unpacker.eof else data


def too_large(key: str, size: int, most: int) -> ObjectTooLargeError:
    """The error for an object of `size` bytes where only `most` are allowed."""
    return ObjectTooLargeError(
        f"{key!r} has {size / 1e6:,.1f} MB, more than images.max_megabytes = {most / 1e6:g}; it was not read."
    )
