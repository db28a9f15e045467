"""Tries a request again: a few times at once, then for minutes where waiting can help.

What belongs here: how often, how long and with which pauses a request is made again, and telling people about it.
Not here: which errors can pass (`adapters/s3_errors.py`) and making requests (`adapters/s3_bucket.py`).
"""

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from pipeline.adapters.s3_errors import BusyError
from pipeline.errors import BucketUnreachableError

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 15.0
TELL_SECONDS = 15.0

T = TypeVar("T")


class Patience:
    """Makes requests to one server, from several threads at once.

    `retries` further tries follow soon. After those, a server that answers but is busy, or that is silent though it
    answered before, is asked for another `seconds`. A silent server that never answered is not waited for: the endpoint
    may be wrong. Once `seconds` went by in vain, later requests get the `retries` only, until one succeeds.
    """

    def __init__(
        self,
        retries: int,
        seconds: float,
        notice: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._retries = retries
        self._seconds = seconds
        self._notice = notice
        self._clock = clock
        self._sleep = sleep
        self._answered = False
        self._in_vain = False
        self._told_at: float | None = None
        self._telling = threading.Lock()

    def ask(self, request: Callable[[], T]) -> T:
        """What `request` returns. Raises its errors; `BucketUnreachableError` once there was no use in waiting."""
        tries, since = 0, self._clock()
        while True:
            try:
                answer = request()
            except BucketUnreachableError as error:
                now = self._clock()
                if tries < self._retries:
                    left = LONGEST_PAUSE_SECONDS
                elif (left := since + self._seconds - now) > 0 and self._may_wait(error):
                    self._tell(error, left, now)
                else:
                    self._in_vain = tries > self._retries or self._in_vain
                    raise
            else:
                self._answered, self._in_vain = True, False
                return answer
            self._sleep(min(_pause(tries), left))
            tries += 1
            if tries == self._retries:
                since = self._clock()

    def _may_wait(self, error: BucketUnreachableError) -> bool:
        return not self._in_vain and (self._answered or isinstance(error, BusyError))

    def _tell(self, error: BucketUnreachableError, left: float, now: float) -> None:
        """Once in a while, however many readers wait."""
        with self._telling:
            if self._told_at is not None and now - self._told_at < TELL_SECONDS:
                return
            self._told_at = now
        self._notice(f"{error} Trying again for up to {left:.0f} s (source.retry_seconds) …")


def _pause(tries: int) -> float:
    """Seconds: doubled with each try, and random by half, or all readers would come back at the same moment."""
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(tries, 10))
    return longest * random.uniform(0.5, 1)
