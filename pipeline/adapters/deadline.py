"""A bucket with a deadline for all calls together, for callers that would otherwise be killed.

What belongs here: the deadline. Not here: time-outs of single requests (`s3_store.py`), the reaction to a missed
deadline (`automation.py`).

A call that never returns (a dead network share, a server that keeps the connection open) cannot be stopped, so its
thread is abandoned. While it hangs, no further call is made to the same place: one thread is lost, not one per tick.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from time import monotonic
from typing import TypeVar

from pipeline.adapters.bounded import on_a_thread
from pipeline.adapters.read_ahead import Outcome
from pipeline.errors import BucketUnreachableError
from pipeline.stages.manifest.bucket import Bucket, ObjectInfo

T = TypeVar("T")
_hanging: dict[str, threading.Thread] = {}


class DeadlineBucket:
    """The bucket that `open_bucket` opens, usable for `seconds` from now. Implements `Bucket`.

    Every method raises `BucketUnreachableError` once the time is over.
    """

    def __init__(
        self, open_bucket: Callable[[], Bucket], url: str, seconds: float, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self.url: str = url
        self._open = open_bucket
        self._seconds = seconds
        self._clock = clock
        self._until = clock() + seconds

    def folders(self) -> list[str]:
        """As of the bucket."""
        return self._within(lambda bucket: bucket.folders())

    def pages(
        self, prefix: str = "", *, after: str | None = None, recursive: bool = True
    ) -> Iterator[list[ObjectInfo]]:
        """As of the bucket; waits for each page until the deadline."""
        pages = self._within(lambda bucket: bucket.pages(prefix, after=after, recursive=recursive))
        while (page := self._within(lambda _: next(pages, None))) is not None:
            yield page

    def head(self, key: str) -> ObjectInfo | None:
        """As of the bucket."""
        return self._within(lambda bucket: bucket.head(key))

    def read(self, key: str) -> bytes:
        """As of the bucket."""
        return self._within(lambda bucket: bucket.read(key))

    def read_part(self, key: str, start: int, length: int) -> bytes:
        """As of the bucket."""
        return self._within(lambda bucket: bucket.read_part(key, start, length))

    def unlisted(self, keys: Sequence[str]) -> list[str]:
        """As of the bucket."""
        return self._within(lambda bucket: bucket.unlisted(keys))

    def probe(self, key: str) -> None:
        """As of the bucket."""
        self._within(lambda bucket: bucket.probe(key))

    def read_many(self, keys: Iterable[str], *, most: int | None = None) -> Iterator[tuple[str, Outcome]]:
        """As of the bucket; waits for each object until the deadline."""
        outcomes = self._within(lambda bucket: bucket.read_many(keys, most=most))
        while (item := self._within(lambda _: next(outcomes, None))) is not None:
            yield item

    def write(self, key: str, data: bytes, *, content_type: str) -> None:
        """As of the bucket. After the deadline the object may still be written."""
        self._within(lambda bucket: bucket.write(key, data, content_type=content_type))

    def delete(self, key: str) -> None:
        """As of the bucket. After the deadline the object may still be deleted."""
        self._within(lambda bucket: bucket.delete(key))

    def check(self) -> None:
        """As of the bucket."""
        self._within(lambda bucket: bucket.check())

    def _within(self, call: Callable[[Bucket], T]) -> T:
        before = _hanging.get(self.url)
        if before is not None and before.is_alive():
            raise BucketUnreachableError(f"{self.url} has not answered an earlier question yet. Is it still connected?")
        thread, answer = on_a_thread(lambda: call(self._open()), "bucket-deadline")
        try:
            return answer.result(timeout=max(0.0, self._until - self._clock()))
        except TimeoutError:
            if answer.done():
                raise
            _hanging[self.url] = thread
            raise BucketUnreachableError(
                f"{self.url} did not answer within {self._seconds:g} s (automation.deadline_seconds). "
                "Is the network, disk or share connected?"
            ) from None
