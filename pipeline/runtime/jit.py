"""Loops that numba compiles when they are first called.

What belongs here: how a loop is compiled. Not here: any loop. numba takes half a second to import, so that only what
works on thousands of images asks for it.
"""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")


def compiled(loop: Callable[P, R]) -> Callable[P, R]:
    """`loop`, which must be a module's own function, compiled: other threads run beside it, and what was compiled is
    kept on disk, where there is a place for it, for the next process."""
    return cast("Callable[P, R]", _compiled(loop))


@functools.cache
def _compiled(loop: Callable[..., Any]) -> Any:
    import numba

    library: Any = numba
    try:
        return library.njit(nogil=True, cache=True)(loop)
    except RuntimeError:  # no folder that may be written to
        return library.njit(nogil=True)(loop)
