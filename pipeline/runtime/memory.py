"""Handing freed memory back to the operating system.

What belongs here: the call of the C library. Not here: when it is made (`stages/images/budget.py`).

glibc keeps freed blocks of up to 32 MB for later. Pillow's images consist of such blocks, so a process that decoded a
few large images keeps hundreds of MB that nobody uses.
"""

import ctypes
import functools
from collections.abc import Callable


def trim() -> None:
    """Hand back what was freed; does nothing where the C library cannot."""
    malloc_trim()(0)


@functools.cache
def malloc_trim() -> Callable[[int], object]:
    """The function of the C library; one that does nothing where there is none."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # macOS, musl, Windows
        return lambda _: 0
