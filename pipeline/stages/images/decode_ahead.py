"""Decoding many images ahead, in order, with some work on the pixels of each.

What belongs here: the pool, and the bound on memory. Not here: decoding one image (`decode.py`), the stream that makes
`images` and whole-image vectors in one pass (`stages/embeddings/stream.py`).
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from pipeline.errors import ObjectMissingError
from pipeline.runtime.cpu import usable_cores
from pipeline.runtime.torch_threads import use_one_thread
from pipeline.settings import ImageParams
from pipeline.stages.images.attempts import Attempts, Untracked
from pipeline.stages.images.budget import PixelBudget
from pipeline.stages.images.decode import Decoded, Rejected, content_hash, decode

T = TypeVar("T")
R = TypeVar("R")
AHEAD_PER_THREAD = 4


def decode_ahead(
    items: Iterable[tuple[T, bytes | Exception]],
    work: Callable[[T, Decoded], R],
    *,
    params: ImageParams,
    threads: int = 0,
    attempts: Attempts | None = None,
) -> Iterator[tuple[T, R | Rejected]]:
    """`work` of each decoded image, on the pool and before its memory is freed; in order.

    A missing object is a `Rejected`; any other exception in `items` is raised after the results before it. `threads` 0
    means one per usable core. `attempts` knows the files that an earlier run died of.
    """
    budget, tracked = PixelBudget(int(params.decode_megabytes * 1e6)), attempts or Untracked()

    def one(token: T, data: bytes) -> R | Rejected:
        digest = content_hash(data)
        with budget.turn() as admit, tracked.during(digest):
            apart = tracked.is_suspect(digest)
            decoded = tracked.apart(data, digest, digest) if apart else decode(data, params, digest=digest, admit=admit)
            return decoded if isinstance(decoded, Rejected) else work(token, decoded)

    count = threads or usable_cores()
    pool = ThreadPoolExecutor(count, thread_name_prefix="decode", initializer=use_one_thread)
    waiting: deque[tuple[T, Future[R | Rejected]]] = deque()
    failure: Exception | None = None
    try:
        for token, value in items:
            if isinstance(value, Exception) and not isinstance(value, ObjectMissingError):
                failure = value
                break
            waiting.append((token, _missing(value) if isinstance(value, Exception) else pool.submit(one, token, value)))
            while waiting and (len(waiting) >= AHEAD_PER_THREAD * count or waiting[0][1].done()):
                first, future = waiting.popleft()
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()
        if failure is not None:
            raise failure
    finally:
        pool.shutdown(cancel_futures=True)


def _missing(error: ObjectMissingError) -> "Future[R | Rejected]":
    done: Future[R | Rejected] = Future()
    done.set_result(Rejected(error.status, str(error) or "The object is gone."))
    return done
