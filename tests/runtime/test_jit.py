"""A loop that is compiled gives what it gave, and is compiled where nothing may be kept on disk too."""

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.runtime.jit import compiled


def double(number: int) -> int:
    return 2 * number


def triple(number: int) -> int:
    return 3 * number


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What numba is asked for; it compiles nothing, and has no folder for functions that are called `triple`."""
    options: list[dict[str, Any]] = []

    def njit(**given: Any) -> Callable[..., Any]:
        options.append(given)

        def made(loop: Callable[..., Any]) -> Callable[..., Any]:
            if given.get("cache") and loop is triple:
                raise RuntimeError("cannot cache function: no locator available")
            return loop

        return made

    monkeypatch.setitem(sys.modules, "numba", SimpleNamespace(njit=njit))
    return options


def test_a_loop_is_compiled_once_for_other_threads_to_run_beside_and_kept_on_disk(asked: list[dict[str, Any]]) -> None:
    assert compiled(double)(4) == compiled(double)(4) == 8
    assert asked == [{"nogil": True, "cache": True}]


def test_where_nothing_may_be_kept_a_loop_is_compiled_all_the_same(asked: list[dict[str, Any]]) -> None:
    assert compiled(triple)(4) == 12
    assert asked == [{"nogil": True, "cache": True}, {"nogil": True}]
