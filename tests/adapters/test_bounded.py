"""Requests that may never end."""

import asyncio

import pytest

from pipeline.adapters.bounded import within


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

    assert asyncio.run(inside()) == 7
