"""A time limit around what may never end: requests of obstore, which are stopped, and any call, which is abandoned.

What belongs here: waiting, and giving up. Not here: time-outs of single requests (`s3_store.py`), what is asked
(`s3_pages.py`, `s3_listing.py`).

obstore asks for page after page of a listing until one holds a key. A server that always answers with an empty page
keeps it busy for ever, although every single request is quick. A thread cannot be stopped, but a future can. boto3 and
the file system know only threads: there the thread is lost until its call returns, and ends with the process.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
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


def on_a_thread(call: Callable[[], T], name: str) -> tuple[threading.Thread, Future[T]]:
    """A thread of its own for `call`, and the result to come; nothing waits for it when the process ends."""
    answer: Future[T] = Future()

    def work() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:  # noqa: BLE001 handed to the caller, whatever it is
            answer.set_exception(error)

    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread, answer


def _runs_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
