"""The body of an object, piece by piece, and giving up one that only drips.

What belongs here: reading what comes, and the least speed. Not here: silence (`s3_store.py` sets the time-out of a
read), retries (`patience.py`), what is read (`s3_bucket.py`).

A limit on the whole object would end every large file on a slow line. A limit on silence would not end a server that
sends a byte now and then. So a least speed is required: `LEAST_BYTES_A_SECOND` on average, looked at every `seconds`.
"""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from obstore import GetResult

LEAST_BYTES_A_SECOND = 100  # on average; 16 readers share a line


class TooSlowError(Exception):
    """A body that comes too slowly; says how slowly."""


def pieces(
    response: "GetResult", seconds: float, *, clock: Callable[[], float] = time.monotonic
) -> Iterator[memoryview]:
    """The body as it comes in. Raises `TooSlowError` if too little came within `seconds`, and obstore's errors."""
    since, came = clock(), 0
    for piece in response.stream(min_chunk_size=1):
        view = memoryview(piece)
        yield view
        came += view.nbytes
        elapsed = clock() - since
        if elapsed < seconds:
            continue
        if came < LEAST_BYTES_A_SECOND * elapsed:
            raise TooSlowError(f"{came:,} bytes in {elapsed:.0f} s")
        since, came = clock(), 0


def whole(response: "GetResult", seconds: float) -> bytes:
    """All of the body. Raises as `pieces`."""
    return b"".join(pieces(response, seconds))
