"""A disk cache for UMAP's compiled functions.

What belongs here: turning on numba's cache for UMAP. Not here: calling UMAP (`stages/reduced/projection.py`).

UMAP does not ask numba to cache its loops, so every process compiles them (15 to 25 seconds, more than the work itself
takes on a small library). With the cache the second process needs half a second and returns the same numbers.
"""

import os
import sys
from pathlib import Path
from typing import Any


def import_umap_cached(folder: Path) -> None:
    """Import UMAP with numba's cache below `folder`. Does nothing if UMAP is already imported."""
    if "umap" in sys.modules:
        return
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("NUMBA_CACHE_DIR", str(folder.resolve()))
    import numba

    original: Any = numba.njit

    def caching(*args: Any, **options: Any) -> Any:
        if args and callable(args[0]):
            return original(cache=True, **options)(args[0])
        options.setdefault("cache", True)
        return original(*args, **options)

    numba.njit = caching
    try:
        import umap  # noqa: F401  # pyright: ignore[reportUnusedImport]
    finally:
        numba.njit = original
