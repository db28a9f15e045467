"""Freed memory goes back to the operating system; a C library that cannot do that is no trouble."""

import ctypes

import pytest

from pipeline.runtime import memory


def test_trimming_is_harmless() -> None:
    memory.malloc_trim.cache_clear()
    memory.trim()
    memory.trim()


def test_a_c_library_without_trimming_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    memory.malloc_trim.cache_clear()

    def without(_name: str | None) -> object:
        return object()

    monkeypatch.setattr(ctypes, "CDLL", without)
    memory.trim()
    memory.malloc_trim.cache_clear()
