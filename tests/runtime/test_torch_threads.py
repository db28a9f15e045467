"""A thread that keeps torch to one core does not load it for that, and is heard whenever torch is loaded."""

import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from pipeline.runtime.torch_threads import load_torch, use_one_thread


def in_a_thread(work: Callable[[], None]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The limits that a made-up torch was given; it is loaded already."""
    given: list[int] = []
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(set_num_threads=given.append))
    return given


def test_where_torch_is_loaded_it_is_limited_at_once(limits: list[int]) -> None:
    in_a_thread(use_one_thread)
    assert limits == [1]


def test_where_torch_is_not_loaded_it_is_limited_at_its_first_use_and_only_then(
    limits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = sys.modules["torch"]

    def work() -> None:
        monkeypatch.delitem(sys.modules, "torch")
        use_one_thread()
        assert "torch" not in sys.modules
        assert limits == []
        monkeypatch.setitem(sys.modules, "torch", torch)
        assert load_torch() is torch
        load_torch()

    in_a_thread(work)
    assert limits == [1]


def test_a_thread_that_did_not_ask_has_torch_as_it_is(limits: list[int]) -> None:
    in_a_thread(lambda: load_torch() and None)
    assert limits == []
