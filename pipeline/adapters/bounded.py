"""A time limit around requests of obstore that may ask a server for ever.

What belongs here: waiting, and giving up so that no further request is made. Not here: time-outs of single requests
(`s3_store.py`), what is asked (`s3_pages.py`).

obstore asks for page after page of a listing until one holds a key. A server that always answers with an empty page
keeps it busy for ever, although every single request is quick. A thread cannot be stopped, but a future can.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, start: Callable[[], Awaitable[T]]) -> T:
    """The result of `start()`. After `seconds` it is cancelled, and `TimeoutError` is raised."""

    async def wait() -> T:
        return await asyncio.wait_for(start(), seconds)

    if not _runs_a_loop():
        return asyncio.run(wait())
    with ThreadPoolExecutor(1, thread_name_prefix="bounded") as another:
        return another.submit(lambda: asyncio.run(wait())).result()


def _runs_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
