"""UMAP's compiled functions, kept on disk between processes.

What belongs here: the one switch that numba lacks. UMAP compiles its loops at the first call of every process (15 to 25
seconds, longer than the work itself on a small library) because it does not ask numba to cache them; with the cache the
second process needs half a second and returns the same numbers. Not here: calling UMAP
(`stages/reduced/projection.py`).
"""

import os
import sys
from pathlib import Path
from typing import Any


def import_umap_cached(folder: Path) -> None:
    """Import UMAP so that numba stores what it compiles below `folder`. Does nothing when UMAP is imported already."""
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
