"""A worker on another core, GPU or machine: it reads, decodes and embeds the keys that it is given.

What belongs here: what one worker opens and does; it knows nothing of Ray. Not here: starting workers and giving them
tasks (`ray_pool.py`), what becomes of the outcomes (`steps/distributed.py`).
"""

import os
import platform
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from time import perf_counter
from urllib.parse import unquote, urlsplit

import polars as pl

from pipeline.errors import BucketError, BucketUnreachableError, ImageClusterError, ObjectMissingError
from pipeline.runtime.versions import version_of
from pipeline.settings import EncoderParams, ImageParams, SourceSettings
from pipeline.stages.embeddings.encoder import Encoder
from pipeline.stages.embeddings.stream import Outcome, stream
from pipeline.stages.images.attempts import Untracked
from pipeline.stages.images.identity import CONTENTS_SCHEMA, KnownImages
from pipeline.stages.manifest.bucket import Bucket

PACKAGES = ("image-cluster", "numpy", "openvino", "pi-heif", "pillow", "torch", "torchvision")  # what results depend on
STUCK = 75  # exit code of a worker whose decoder did not end; one that raises ends with 1


@dataclass(frozen=True)
class WorkerSetup:
    """What a worker opens. It has no secrets: credentials come from the environment of the worker."""

    source: SourceSettings
    images: ImageParams
    encoder: EncoderParams
    embed: bool
    threads: int
    cache: Path | None = None  # of converted models, on each machine


@dataclass(frozen=True)
class Identity:
    """Who a worker is. `fingerprint` is that of its encoder, empty without one; `problem`: why it cannot work."""

    node: str
    device: str
    fingerprint: str
    versions: dict[str, str]
    problem: str = ""


@dataclass(frozen=True)
class TaskResult:
    """The outcomes of some keys, in their order, up to the `failure` that ended the task."""

    outcomes: list[Outcome[str]]
    seconds: float
    failure: ImageClusterError | None = None


class EmbeddingWorker:
    """One worker. It opens its bucket and its encoder once."""

    def __init__(self, setup: WorkerSetup) -> None:
        self._setup = setup
        self._opened: tuple[Bucket, Encoder | None] | None = None
        self._known: KnownImages | None = None
        self._with_vector: frozenset[str] = frozenset()

    def identity(self) -> Identity:
        """Open everything; a worker that cannot says why instead of failing."""
        try:
            _, encoder = self._open()
        except ImageClusterError as error:
            return Identity(platform.node(), "", "", versions(), str(error))
        device, fingerprint = (encoder.device, encoder.fingerprint) if encoder else ("no encoder", "")
        return Identity(platform.node(), device, fingerprint, versions())

    def start_category(self, contents: pl.DataFrame, with_vector: frozenset[str]) -> None:
        """What is known of a category: `contents` as of `CONTENTS_SCHEMA`, and the images that have a vector."""
        self._known = KnownImages(contents, {}, frozenset(), lambda _image, _thumbnail: None)
        self._with_vector = with_vector

    def embed(self, keys: list[str]) -> TaskResult:
        """The outcomes of these keys. An object that cannot be read is rejected without a digest."""
        started, outcomes, failure = perf_counter(), list[Outcome[str]](), None
        images = self._setup.images
        try:
            bucket, encoder = self._open()
            outcomes.extend(stream(
                self._read(bucket, keys), image_params=images, encoder=encoder, threads=self._setup.threads,
                batch_size=self._setup.encoder.batch_size, thumbnail_pixels=images.thumbnail_pixels,
                skip=self._with_vector.__contains__, images=_Stored(self._known),
                attempts=_EndOfWorker(images.decode_seconds),
            ))  # fmt: skip
        except ImageClusterError as error:
            failure = error
        return TaskResult(outcomes, perf_counter() - started, failure)

    def _open(self) -> "tuple[Bucket, Encoder | None]":
        if self._opened is None:
            from pipeline.adapters.buckets import open_source
            from pipeline.adapters.encoders.registry import open_encoder

            _require_folder(self._setup.source.url)
            params, encoder = self._setup.encoder, None
            if self._setup.embed:
                encoder = open_encoder(
                    params.spec, device=params.device, threads=self._setup.threads, cache_dir=self._setup.cache
                )
            self._opened = open_source(self._setup.source), encoder
        return self._opened

    def _read(self, bucket: Bucket, keys: Iterable[str]) -> Iterator[tuple[str, bytes | Exception]]:
        for key, value in bucket.read_many(keys, most=int(self._setup.images.max_megabytes * 1e6)):
            unread = isinstance(value, (BucketError, BucketUnreachableError))
            yield key, ObjectMissingError(str(value)) if unread else value


class _Stored:
    """What earlier runs resolved. The driver resolves all else: only it knows which of two files comes first."""

    def __init__(self, known: KnownImages | None) -> None:
        self._known = known or KnownImages(
            pl.DataFrame(schema=CONTENTS_SCHEMA), {}, frozenset(), lambda _image, _thumbnail: None
        )

    def of_bytes(self, digest: str) -> str:
        """As earlier runs resolved it."""
        return self._known.of_bytes(digest)

    def resolve(self, _key: str, digest: str, _pixels: str, _thumbnail: bytes | None) -> str:
        """As earlier runs resolved it; a new content is itself."""
        return self._known.of_bytes(digest)

    def may_be_turned(self, image: str) -> bool:
        """As earlier runs resolved it."""
        return self._known.may_be_turned(image)


class _EndOfWorker(Untracked):
    """Ends this process if a file is decoded for longer than `seconds`, since a thread cannot be stopped.

    The driver sees a crash. Waiting for memory counts too.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    @contextmanager
    def during(self, _digest: str) -> Generator[None]:
        """As long as one file takes."""
        timer = Timer(self._seconds, os._exit, [STUCK])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def versions() -> dict[str, str]:
    """The versions of what results depend on, in this process."""
    return {name: version_of(name) for name in PACKAGES}


def folder_of(url: str) -> Path | None:
    """The folder that the URL of a source names; None for a bucket."""
    scheme, separator, _ = url.partition("://")
    if not separator:
        return Path(url)
    return Path(unquote(urlsplit(url).path)) if scheme == "file" else None


def _require_folder(url: str) -> None:
    folder = folder_of(url)
    if folder is not None and not folder.is_dir():
        raise BucketError(
            f"the folder {folder} is not there. Workers read the source themselves: mount it at the same path on every "
            "machine, or use a bucket"
        )
