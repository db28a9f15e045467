"""Requests that may never end."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.adapters.bounded import on_a_thread, within


async def answer() -> int:
    await asyncio.sleep(0)
    return 7


def test_what_ends_in_time_is_given_back_and_what_does_not_is_given_up() -> None:
    given_up: list[bool] = []

    async def never() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.append(True)

    assert within(60, answer) == 7
    with pytest.raises(TimeoutError):
        within(0.01, never)
    assert given_up == [True]


def test_it_works_on_a_thread_that_runs_an_event_loop_too() -> None:
    async def inside() -> int:
        return within(60, answer)

    with ThreadPoolExecutor(1) as thread:  # of its own: that of the tests may run the loop of a browser
        assert thread.submit(asyncio.run, inside()).result() == 7


def test_a_call_on_a_thread_is_waited_for_as_long_as_the_caller_likes() -> None:
    _, answer = on_a_thread(lambda: 7, "quick")
    assert answer.result(timeout=60) == 7
    ends = threading.Event()
    thread, never = on_a_thread(ends.wait, "slow")
    with pytest.raises(TimeoutError):
        never.result(timeout=0.01)
    assert thread.daemon, "it does not keep the process"
    ends.set()
    thread.join(60)
    _, failed = on_a_thread(lambda: int("seven"), "failing")
    with pytest.raises(ValueError, match="seven"):
        failed.result(timeout=60)
