"""Retries of requests: a few quick ones, then for minutes if waiting can help.

What belongs here: number, duration and pauses of retries, and notices about them. Not here: which errors are transient
(`s3_errors.py`), making requests (`s3_requests.py`).
"""

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from pipeline.adapters.s3_errors import BusyError
from pipeline.errors import BucketError, BucketUnreachableError, ObjectMissingError

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 15.0
NOTICE_SECONDS = 15.0

T = TypeVar("T")


class RetryPolicy:
    """Makes requests to one server, with retries. Thread-safe.

    After `retries` quick retries, requests are repeated for another `seconds` if the server is busy, or is silent but
    answered before. A server that never answered gets no such time, because the endpoint may be wrong. Once `seconds`
    have passed without success, later requests get only the quick retries, until one succeeds.
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
        self._gave_up = False
        self._noticed_at: float | None = None
        self._hold_until = 0.0
        self._notice_lock = threading.Lock()

    def ask(self, request: Callable[[], T], asked_pause: Callable[[], float] = lambda: 0.0) -> T:
        """The result of `request`. Raises its errors; `BucketUnreachableError` only after the retries.

        Retries only `BucketUnreachableError`; other errors propagate at once. `asked_pause` returns for how many
        seconds a busy server wants no request. It is called once the first retry was refused too; all requests wait.
        """
        tries, since = 0, self._clock()
        while True:
            self._wait_out()
            try:
                answer = request()
            except (BucketError, ObjectMissingError):  # an answer too
                self._answered = True
                raise
            except BucketUnreachableError as error:
                now = self._clock()
                if tries < self._retries:
                    left = LONGEST_PAUSE_SECONDS
                elif (left := since + self._seconds - now) > 0 and self._may_wait(error):
                    self._notify(error, left, now)
                else:
                    self._gave_up = tries > self._retries or self._gave_up
                    raise
                if tries and isinstance(error, BusyError) and self._hold_until <= now:
                    self._hold(error, asked_pause(), now)
            else:
                self._answered, self._gave_up = True, False
                return answer
            self._sleep(min(_pause(tries), left))
            tries += 1
            if tries == self._retries:
                since = self._clock()

    def _hold(self, error: BusyError, seconds: float, now: float) -> None:
        """Make no request for as long as the server wants, but never for longer than it is waited for."""
        if seconds > FIRST_PAUSE_SECONDS:
            seconds = min(seconds, max(LONGEST_PAUSE_SECONDS, self._seconds))
            self._hold_until = now + seconds
            self._notice(f"{error} The server wants no request for a while (Retry-After): waiting {seconds:.0f} s …")

    def _wait_out(self) -> None:
        if (left := self._hold_until - self._clock()) > 0:
            self._sleep(left)

    def _may_wait(self, error: BucketUnreachableError) -> bool:
        return not self._gave_up and (self._answered or isinstance(error, BusyError))

    def _notify(self, error: BucketUnreachableError, left: float, now: float) -> None:
        """Give a notice every `NOTICE_SECONDS`, for all waiting threads together."""
        with self._notice_lock:
            if self._noticed_at is not None and now - self._noticed_at < NOTICE_SECONDS:
                return
            self._noticed_at = now
        self._notice(f"{error} Trying again for up to {left:.0f} s (source.retry_seconds) …")


def _pause(tries: int) -> float:
    """Seconds to wait: doubled with each try, and random between half and all of it, to spread the threads out."""
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(tries, 10))
    return longest * random.uniform(0.5, 1)
