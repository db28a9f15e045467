"""UMAP's loops are kept on disk, and nobody else's compiler is changed for it."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.runtime.numba_cache import import_umap_cached

UMAP = """
import numba

@numba.njit
def plain(): ...

@numba.njit(fastmath=True)
def fast(): ...

@numba.njit(cache=False)
def unwilling(): ...
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a made-up UMAP asks of a made-up numba."""
    options: list[dict[str, Any]] = []

    def njit(*_: Any, **given: Any) -> Any:
        options.append(given)
        return lambda loop: loop

    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "umap.py").write_text(UMAP)
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    monkeypatch.setitem(sys.modules, "numba", SimpleNamespace(njit=njit))
    monkeypatch.setitem(sys.modules, "umap", None)  # so that the made-up one is gone afterwards, also where none was
    monkeypatch.delitem(sys.modules, "umap")
    monkeypatch.setattr(os, "environ", dict(os.environ))
    os.environ.pop("NUMBA_CACHE_DIR", None)
    return options


def test_every_loop_of_umap_is_kept_unless_it_says_otherwise(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    import_umap_cached(tmp_path / "compiled")
    assert asked == [{"cache": True}, {"fastmath": True, "cache": True}, {"cache": False}]
    assert os.environ["NUMBA_CACHE_DIR"] == str(tmp_path / "compiled")
    assert (tmp_path / "compiled").is_dir()


def test_afterwards_the_compiler_is_as_it_was(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    before = sys.modules["numba"].njit
    import_umap_cached(tmp_path / "compiled")
    assert sys.modules["numba"].njit is before
    before(fastmath=True)
    assert asked[-1] == {"fastmath": True}


def test_somebody_s_own_folder_for_compiled_functions_is_respected(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    os.environ["NUMBA_CACHE_DIR"] = "/elsewhere"
    import_umap_cached(tmp_path / "compiled")
    assert os.environ["NUMBA_CACHE_DIR"] == "/elsewhere"
    assert len(asked) == 3


def test_where_umap_is_loaded_already_nothing_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace())
    import_umap_cached(tmp_path / "compiled")
    assert not (tmp_path / "compiled").exists()
