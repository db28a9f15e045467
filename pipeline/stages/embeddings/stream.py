"""Images → vectors, with decoding and the forward pass in parallel. Each result carries the token of its image.

What belongs here: the stream, and copies of one content in it. Not here: the forward pass (`encoder.py`), encoders
(`adapters/encoders/`), decoding (`stages/images/decode.py`), reading objects and storing vectors (`steps/ingest.py`).

A pool of threads decodes, one thread runs the forward pass, and the caller's thread reads ahead. Short queues connect
them, so memory is bounded by a few batches of prepared images and the budget for full-size images
(`stages/images/budget.py`).
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

import numpy as np

from pipeline.errors import ImageClusterError, ObjectMissingError
from pipeline.runtime.cpu import usable_cores
from pipeline.runtime.torch_threads import use_one_thread
from pipeline.settings import ImageParams
from pipeline.stages.embeddings.encoder import Encoder, ForwardPass
from pipeline.stages.images.attempts import Attempts, Untracked
from pipeline.stages.images.budget import PixelBudget
from pipeline.stages.images.decode import Decoded, ImageInfo, Rejected, content_hash, decode, inspect, thumbnail

T = TypeVar("T")
Key_contra = TypeVar("Key_contra", contravariant=True)

BATCHES_IN_FLIGHT = 2  # one in the forward pass, one waiting for it
WINDOW_PER_THREAD = 4  # decoded ahead, so that one slow file does not idle the other threads
CPU_BATCH, GPU_BATCH = 32, 256  # a GPU needs large batches to stay busy; a CPU does not, and small ones save memory
ROWS_PER_BATCH = 8  # a batch is closed early when rejected and known images pile up behind few new ones
RECENT = 4096  # contents whose outcome is cached for copies; for a later copy the header is read again


class Images(Protocol[Key_contra]):
    """Maps a file to the known image that it shows."""

    def of_bytes(self, digest: str, /) -> str:
        """The content_hash of the known image with these bytes, or `digest` itself if there is none."""
        ...

    def resolve(self, key: Key_contra, digest: str, pixels: str, thumbnail: bytes | None, /) -> str:
        """The same for a decoded file."""
        ...

    def may_be_turned(self, image: str, /) -> bool:
        """Whether the thumbnail of a known image may be that of another turn."""
        ...


@dataclass(frozen=True, eq=False)
class Outcome(Generic[T]):
    """The result of one item.

    `vector` (float32 [dimension]) is None for rejected images, without an encoder, and if `vector_known`: the caller
    has the vector of this content, or an earlier outcome of this stream carried it. Such an outcome has a thumbnail
    only if the pixels had to be decoded nevertheless. `digest` is the content hash of the bytes, None without bytes.
    """

    token: T
    image: ImageInfo | Rejected
    thumbnail: bytes | None = None
    vector: np.ndarray | None = None
    vector_known: bool = False
    digest: str | None = None


@dataclass
class _Row(Generic[T]):
    token: T
    digest: str | None = None  # of the bytes
    name: str | None = None  # content_hash of the image, from the bytes alone
    image: "ImageInfo | Rejected | None" = None  # None while decoding, and for the same content as `first`
    first: "_Row[T] | None" = None
    vector_known: bool = False
    look_again: bool = False  # the pixels are decoded for the thumbnail although the vector is known
    repeated: bool = False  # an earlier row had this content, and its outcome is no longer cached
    thumbnail: bytes | None = None
    prepared: np.ndarray | None = None  # uint8 [3, H, W]
    vector: np.ndarray | None = None
    decoding: "Future[None] | None" = None

    def ready(self) -> bool:
        return self.decoding is None or self.decoding.done()

    def wait(self) -> "_Row[T]":
        if self.decoding is not None:
            self.decoding.result()
            self.decoding = None
        return self


def stream(
    items: Iterable[tuple[T, bytes | Exception]],
    *,
    image_params: ImageParams,
    encoder: Encoder | None,
    batch_size: int,
    threads: int,
    thumbnail_pixels: int | None,
    skip: Callable[[str], bool] | None = None,
    images: Images[T] | None = None,
    attempts: Attempts | None = None,
    on_notice: Callable[[str], None] | None = None,
) -> Iterator[Outcome[T]]:
    """Yield one outcome per item, in order; each content hash is decoded and embedded once.

    An item's value is its bytes, or the exception that reading it raised: `ObjectMissingError` becomes a row, any other
    is raised after the outcomes of all earlier items. `skip(content_hash)` is true if the vector is known; `images`
    maps a file to the known image that it shows. Both, and `on_notice`, are called on the caller's thread. `attempts`
    knows the files that an earlier run died of, which are decoded apart.
    `threads` 0 means one decoding thread per usable core, `batch_size` 0 a size that suits the device.
    Raises `EncoderError` if a single image does not fit into memory, or if the model returns no usable vector.
    """
    batch = batch_size or (CPU_BATCH if encoder is None or encoder.device.startswith("CPU") else GPU_BATCH)
    work = _Stream[T](image_params, encoder, batch, thumbnail_pixels, skip or _skip_none, images)
    work.attempts, work.on_notice = attempts or work.attempts, on_notice or work.on_notice
    decoders = ThreadPoolExecutor(threads or usable_cores(), thread_name_prefix="decode", initializer=use_one_thread)
    inference = ThreadPoolExecutor(1, thread_name_prefix="encode")
    window = WINDOW_PER_THREAD * (threads or usable_cores())
    try:
        for row in work.in_batches(work.in_order(items, decoders, window), inference):
            while on_notice is not None and not work.notices.empty():
                on_notice(work.notices.get())
            yield work.outcome(row)
        if work.failure is not None:
            raise work.failure
    finally:
        decoders.shutdown(cancel_futures=True)
        inference.shutdown(cancel_futures=True)


def _skip_none(_: str) -> bool:
    return False


@dataclass
class _Stream(Generic[T]):
    params: ImageParams
    encoder: Encoder | None
    batch_size: int
    thumbnail_pixels: int | None
    skip: Callable[[str], bool]
    images: Images[T] | None = None
    attempts: Attempts = field(default_factory=Untracked)
    on_notice: Callable[[str], None] = field(default=lambda _: None)
    failure: Exception | None = None
    notices: "SimpleQueue[str]" = field(default_factory=SimpleQueue[str])
    usable: set[str] = field(default_factory=set[str])  # contents whose outcome was an image
    recent: "dict[str, _Row[T]]" = field(default_factory=dict[str, "_Row[T]"])  # in progress, or one of `finished`
    finished: deque[str] = field(default_factory=deque[str])

    def __post_init__(self) -> None:
        self.budget = PixelBudget(int(self.params.decode_megabytes * 1e6))

    def in_order(
        self, items: Iterable[tuple[T, bytes | Exception]], pool: ThreadPoolExecutor, window: int
    ) -> Iterator[_Row[T]]:
        """Decoded rows in input order, read and decoded up to `window` ahead."""
        ahead: deque[_Row[T]] = deque()
        for token, value in self._until_failure(items):
            ahead.append(self._start(token, value, pool))
            while ahead and (len(ahead) >= window or ahead[0].ready()):
                yield self._resolve(self._waited_for(ahead.popleft()))
        while ahead:
            yield self._resolve(self._waited_for(ahead.popleft()))

    def _waited_for(self, row: _Row[T]) -> _Row[T]:
        """The row once it is decoded. A decoder that seems never to end is reported: a thread cannot be stopped."""
        limit = self.params.decode_seconds
        if row.decoding is not None and not wait([row.decoding], timeout=limit).done:
            self.on_notice(
                f"{row.token} has been decoding for {limit:g} s. If this never ends, kill this run and start it again: "
                "the next one decodes the file in a process of its own, with a time limit (images.decode_seconds)."
            )
        return row.wait()

    def _until_failure(self, items: Iterable[tuple[T, bytes | Exception]]) -> Iterator[tuple[T, bytes | Exception]]:
        try:
            for token, value in items:
                if isinstance(value, Exception) and not isinstance(value, ObjectMissingError):
                    self.failure = value
                    return
                yield token, value
        except ImageClusterError as error:  # the reader itself gave up
            self.failure = error

    def _start(self, token: T, value: bytes | Exception, pool: ThreadPoolExecutor) -> _Row[T]:
        if isinstance(value, Exception):
            status = value.status if isinstance(value, ObjectMissingError) else "missing"
            return _Row(token, image=Rejected(status, str(value) or "The object is gone."))
        digest = content_hash(value)  # not on the pool: which of two copies comes first must not be a race
        row = _Row(token, digest, first=self.recent.get(digest))
        if row.first is None:
            row.name = self.images.of_bytes(digest) if self.images is not None else digest
            row.vector_known, row.repeated = self.skip(row.name), digest in self.usable
            row.look_again = row.vector_known and self.images is not None and self.images.may_be_turned(row.name)
            row.decoding = pool.submit(self._decode, row, value)
            self.recent[digest] = row
        return row

    def _decode(self, row: _Row[T], data: bytes) -> None:
        digest = row.digest or content_hash(data)
        with self.budget.turn() as admit, self.attempts.during(digest):
            if self.attempts.is_suspect(digest):
                decoded = self.attempts.apart(data, digest, row.name or digest)
            elif (row.vector_known and not row.look_again) or row.repeated:
                decoded = inspect(data, self.params, digest=row.name, admit=admit)
            else:
                decoded = decode(data, self.params, digest=row.name, admit=admit)
            row.image = decoded.info() if isinstance(decoded, Decoded) else decoded
            if isinstance(decoded, Decoded) and (row.look_again or not (row.vector_known or row.repeated)):
                row.prepared = self.encoder.prepare(decoded.pixels) if self.encoder and not row.vector_known else None
                row.thumbnail = thumbnail(decoded.pixels, self.thumbnail_pixels) if self.thumbnail_pixels else None
            del decoded  # its memory is free before the next image gets its turn

    def _resolve(self, row: _Row[T]) -> _Row[T]:
        """Set the decoded row's image to the known image that it shows; no forward pass if that has a vector.

        Runs in input order on the caller's thread, so which of two files with the same pixels comes first is no race.
        """
        image = row.image
        if self.images is None or row.digest is None or not isinstance(image, ImageInfo) or image.pixel_hash is None:
            return row
        name = self.images.resolve(row.token, row.digest, image.pixel_hash, row.thumbnail)
        if name != image.content_hash:
            row.image = replace(image, content_hash=name)
            if self.skip(name):
                row.vector_known, row.prepared = True, None
        return row

    def in_batches(self, rows: Iterable[_Row[T]], pool: ThreadPoolExecutor) -> Iterator[_Row[T]]:
        """The rows with their vectors, in the same order."""
        if self.encoder is None:
            yield from rows
            return
        forward = ForwardPass(self.encoder, self.batch_size, self.notices)
        sent: deque[tuple[list[_Row[T]], Future[None]]] = deque()
        filling: list[_Row[T]] = []
        new = 0
        for row in rows:
            filling.append(row)
            new += row.prepared is not None
            if new >= self.batch_size or len(filling) >= ROWS_PER_BATCH * self.batch_size:
                sent.append((filling, pool.submit(_encode_rows, filling, forward)))
                filling, new = [], 0
            while sent and (len(sent) > BATCHES_IN_FLIGHT or sent[0][1].done()):
                yield from _wait_for(sent.popleft())
        sent.append((filling, pool.submit(_encode_rows, filling, forward)))
        while sent:
            yield from _wait_for(sent.popleft())

    def outcome(self, row: _Row[T]) -> Outcome[T]:
        again = row.repeated or row.first is not None
        image = (row.first or row).image  # the outcome of `first` was yielded earlier
        if image is None:
            raise RuntimeError(f"The content {row.digest} was passed on before it was decoded.")
        usable = isinstance(image, ImageInfo)
        if usable and row.digest is not None:
            self.usable.add(row.digest)
        vector_known = row.vector_known or (again and self.encoder is not None)
        outcome = Outcome(row.token, image, row.thumbnail, row.vector, vector_known and usable, row.digest)
        row.thumbnail = row.vector = None  # the row stays cached for copies
        if row.first is None and row.digest is not None:
            self.finished.append(row.digest)
            if len(self.finished) > RECENT:
                del self.recent[self.finished.popleft()]
        return outcome


def _wait_for(sent: "tuple[list[_Row[T]], Future[None]]") -> list[_Row[T]]:
    rows, encoding = sent
    encoding.result()
    return rows


def _encode_rows(rows: "list[_Row[T]]", forward: ForwardPass) -> None:
    """Set the vector of every prepared row, or reject the row with a reason."""
    new = [(row, row.prepared) for row in rows if row.prepared is not None]
    if not new:
        return
    vectors, usable = forward.run(np.stack([prepared for _, prepared in new]))
    for (row, _), vector, good in zip(new, vectors, usable, strict=True):
        row.prepared = None
        if good:
            row.vector = vector
        else:
            row.thumbnail = None
            row.image = Rejected("broken", f"{forward.encoder.name} returned no usable vector for it.", row.digest)
