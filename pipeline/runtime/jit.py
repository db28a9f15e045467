"""Loops that numba compiles at their first call.

What belongs here: how a loop is compiled. Not here: the loops (`stages/`). Importing numba takes half a second, so only
code for thousands of images uses it.
"""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")


def compiled(loop: Callable[P, R]) -> Callable[P, R]:
    """The compiled `loop`, a module-level function. It releases the GIL, and is cached on disk if possible."""
    return cast("Callable[P, R]", _compiled(loop))


@functools.cache
def _compiled(loop: Callable[..., Any]) -> Any:
    import numba

    library: Any = numba
    try:
        return library.njit(nogil=True, cache=True)(loop)
    except RuntimeError:  # no writable folder for the cache
        return library.njit(nogil=True)(loop)
