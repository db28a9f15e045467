"""A lease on a library in a bucket: one small object says who may write, and its holder writes it again and again.

What belongs here: taking, renewing, handing back and losing a lease. Not here: what is done while it is held
(`steps/live_library.py`), who may replace which copy (`snapshot_store.py`).

      URL/lease.json    the holder, or that nobody is; created once, and replaced only by its ETag

Clocks of two machines are never compared. Each renewal changes the ETag. A machine that waits watches it: if it stays
the same for the duration of the lease, by that machine's own monotonic clock, the holder is dead, and the lease is
taken over by that ETag. A holder that was only slow learns at its next renewal that it lost the lease.
"""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.adapters.s3_bucket import ObstoreBucket
from pipeline.errors import ImageClusterError, LeaseHeldError, LeaseLostError, ObjectMissingError

LEASE = "lease.json"
RENEWALS = 3  # in the time that a lease lasts
LOOKS = 10  # in that time, by who waits for it
LONGEST_LOOK = 5.0  # seconds between two of them
TOLD = 30.0  # seconds between two notices of who waits


@dataclass(frozen=True)
class Holder:
    """Who works on a library: for people. `since` is ISO 8601, by the holder's own clock."""

    host: str
    pid: int
    command: str
    since: str

    def __str__(self) -> str:
        return f"{self.command} (process {self.pid} on {self.host}, since {self.since})"


def this_process(command: str, since: str) -> Holder:
    """This process as a holder."""
    return Holder(socket.gethostname(), os.getpid(), command, since)


@dataclass(frozen=True)
class _Seen:
    """What stands in the bucket: the holder, None if nobody is; and for how many seconds it holds without a renewal."""

    holder: Holder | None
    token: str
    seconds: float
    etag: str


class Lease:
    """A lease that this process holds or waits for. Use `acquire`, `confirm` and `release`; renews itself meanwhile.

    `seconds`: how long it lasts without a renewal. `clock` and `wait` are those of who waits for it.
    """

    def __init__(
        self,
        bucket: ObstoreBucket,
        holder: Holder,
        *,
        seconds: float,
        notice: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._bucket, self._holder, self._seconds, self._notice = bucket, holder, seconds, notice
        self._clock, self._wait = clock, wait
        self._token, self._beats, self._etag = secrets.token_hex(8), 0, ""
        self._lost: _Seen | None = None
        self._one = threading.Lock()  # renewals, one at a time: each needs the ETag of the one before
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew_often, name="lease", daemon=True)

    def acquire(self, patience: float) -> None:
        """Take the lease, waiting up to `patience` seconds for its holder, and longer until it is known to be alive.

        Raises `LeaseHeldError`, which names the holder.
        """
        started, noticed, alive = self._clock(), float("-inf"), False
        seen, unchanged_since = self._see(), started
        while not self._take(seen, since=unchanged_since):
            now = self._clock()
            if seen is not None and alive and now - started >= patience:
                raise LeaseHeldError(
                    f"The library in {self._bucket.url} is being worked on by {seen.holder}. Nothing was done here. "
                    "Wait for it to end, or stop it."
                )
            if seen is not None and now - noticed >= TOLD:
                noticed = now
                self._notice(f"Waiting for the library in {self._bucket.url}: {seen.holder} works on it …")
            self._wait(min(LONGEST_LOOK, (seen.seconds if seen else self._seconds) / LOOKS))
            before, seen = seen, self._see()
            if before is None or seen is None or seen.etag != before.etag:
                unchanged_since, alive = self._clock(), seen is not None and seen.holder is not None
        self._thread.start()

    def confirm(self) -> None:
        """Renew the lease now. Raises `LeaseLostError` if another machine took it over."""
        with self._one:
            if self._lost is None:
                self._renew()
            lost = self._lost
        if lost is not None:
            raise LeaseLostError(
                f"This machine lost its lease on the library in {self._bucket.url} while it worked: "
                f"{lost.holder or 'another command'} took it over, because nothing was heard of this machine for "
                f"{self._seconds:g} seconds. Nothing was replaced in the bucket, and the work is kept here."
            )

    def release(self) -> None:
        """Hand the lease back, so that nobody has to wait for its end. Does nothing if it was lost."""
        self._stop.set()
        self._thread.join()
        with self._one:
            if self._lost is None:
                self._bucket.write_if(LEASE, self._text(None), etag=self._etag)

    def _renew_often(self) -> None:
        while not self._stop.wait(self._seconds / RENEWALS):
            try:
                with self._one:
                    if self._lost is not None:
                        return
                    self._renew()
            except ImageClusterError as error:  # only the next renewal tells whether somebody took it over
                self._notice(f"The lease on {self._bucket.url} was not renewed: {error} Trying again …")

    def _renew(self) -> None:
        """Write the lease again; marks it as lost if another process wrote it. The caller holds the lock."""
        written = self._write(self._etag)
        if written is None:
            self._lost = self._see() or _Seen(None, "", self._seconds, "")
        else:
            self._etag = written

    def _take(self, seen: _Seen | None, *, since: float) -> bool:
        """Take the lease if it is free, or its holder is dead: its ETag did not change `since` then."""
        if seen is not None and seen.holder is not None and self._clock() - since < seen.seconds:
            return False
        written = self._write(seen.etag if seen is not None else None)
        if written is None:
            return False
        if seen is not None and seen.holder is not None:
            self._notice(f"The lease of {seen.holder} ended: nothing was heard of it for {seen.seconds:g} seconds.")
        self._etag = written
        return True

    def _write(self, etag: str | None) -> str | None:
        """The new ETag; None if somebody else wrote."""
        self._beats += 1
        written = self._bucket.write_version(LEASE, self._text(self._holder), etag=etag)
        if written:
            return written
        seen = self._see()  # a write whose answer was lost is tried again, and is then refused because of itself
        return seen.etag if seen is not None and seen.token == f"{self._token}-{self._beats}" else None

    def _text(self, holder: Holder | None) -> bytes:
        values: dict[str, Any] = {
            "schemaVersion": 1, "holder": asdict(holder) if holder else None, "seconds": self._seconds,
            "token": f"{self._token}-{self._beats}",
        }  # fmt: skip
        return json.dumps(values, indent=1).encode() + b"\n"

    def _see(self) -> _Seen | None:
        try:
            data, etag = self._bucket.read_version(LEASE)
        except ObjectMissingError:
            return None
        try:
            values = json.loads(data)
            holder = Holder(**values["holder"]) if values["holder"] else None
            return _Seen(holder, str(values["token"]), float(values["seconds"]), etag)
        except (ValueError, TypeError, KeyError):  # written by nobody of ours: it ends as any other
            return _Seen(
                Holder("an unknown machine", 0, "an unknown command", "an unknown time"), "", self._seconds, etag
            )
