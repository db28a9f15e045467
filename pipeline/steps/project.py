"""What every step needs: the settings, the stores, the bucket, the encoder, and the report that a step returns.

What belongs here: opening things once and lazily, and importing what opens them then: a command that reads one document
needs neither tables nor vectors. Not here: the work (`manifest.py`, `ingest.py`, `clusters.py`, `publish.py` beside
this file).
"""

import difflib
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from pipeline.errors import TransientError, UnknownNameError
from pipeline.settings import Settings
from pipeline.storage.layout import Layout, goes_on_as, model_cache, open_layout, read_renames, read_slugs

if TYPE_CHECKING:
    from pipeline.stages.embeddings.stream import Encoder
    from pipeline.stages.manifest.bucket_manifest import Entry
    from pipeline.stages.manifest.build import Bucket
    from pipeline.steps.curation import Curation
    from pipeline.storage.artifacts import ArtifactStore
    from pipeline.storage.contents import ContentStore
    from pipeline.storage.thumbnails import ThumbnailStore
    from pipeline.storage.vectors import VectorStore


@dataclass
class Report:
    """What one step did. `counts` are numbers of things, `facts` the rest that people want to see."""

    artifact: str
    category: str
    counts: dict[str, int] = field(default_factory=dict[str, int])
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    effective: dict[str, Any] = field(default_factory=dict[str, Any])
    sample: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    seconds: float = 0.0
    unchanged: bool = False
    path: Path | None = None
    data_version: str = ""


class Talk(Protocol):
    """Where a step tells people what it is doing."""

    def notice(self, text: str) -> None: ...

    def progress(self, phase: str, done: int, total: int) -> None: ...


class Silence:
    """A `Talk` that says nothing."""

    def notice(self, text: str) -> None:
        """Say nothing."""

    def progress(self, phase: str, done: int, total: int) -> None:
        """Say nothing."""


class Project:
    """One data directory, its settings, and the bucket that it follows."""

    def __init__(
        self,
        settings: Settings,
        *,
        bucket: "Bucket | None" = None,
        encoder: "Callable[[], Encoder] | None" = None,
        talk: Talk | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings = settings
        self.talk: Talk = talk or Silence()
        self._entries: tuple[str, list[Entry]] | None = None  # with the ETag that they were read at
        self._told: set[str] = set()
        self._bucket = bucket
        self._open_encoder = encoder
        self._clock = clock

    @cached_property
    def layout(self) -> Layout:
        return open_layout(self.settings.data_dir)

    @cached_property
    def store(self) -> "ArtifactStore":
        from pipeline.storage.artifacts import ArtifactStore

        return ArtifactStore(self.layout)

    @cached_property
    def thumbnails(self) -> "ThumbnailStore":
        from pipeline.storage.thumbnails import ThumbnailStore

        return ThumbnailStore(self.layout.thumbnails)

    @cached_property
    def contents(self) -> "ContentStore":
        from pipeline.storage.contents import ContentStore

        return ContentStore(self.layout.contents)

    @cached_property
    def bucket(self) -> "Bucket":
        if self._bucket is not None:
            return self._bucket
        from pipeline.adapters.buckets import open_source

        return open_source(self.settings.source, notice=self.tell_once)

    def bucket_entries(self, etag: str) -> "list[Entry]":
        """Entries of the bucket's own manifest.json, which has this ETag; one read serves every category of a run."""
        from pipeline.stages.manifest.bucket_manifest import MANIFEST_KEY, parse_bucket_manifest

        if self._entries is None or self._entries[0] != etag:
            self._entries = (etag, parse_bucket_manifest(self.bucket.read(MANIFEST_KEY)))
        return self._entries[1]

    @cached_property
    def curation(self) -> "Curation":
        """What people decided."""
        from pipeline.steps.curation import Curation

        return Curation(self)

    @cached_property
    def encoder(self) -> "Encoder":
        """The encoder, loaded at the first use: a run with nothing to embed never loads it."""
        return self.load_encoder()

    def load_encoder(self) -> "Encoder":
        """Load the encoder; what is converted for this machine is kept for all data directories of this user."""
        if self._open_encoder is not None:
            return self._open_encoder()
        from pipeline.adapters.encoders.registry import open_encoder

        params = self.settings.encoder
        self.talk.notice(f"Loading encoder {params.spec} (longest the first time on a machine: it is converted once) …")
        cache = model_cache(Layout(self.settings.data_dir))
        return open_encoder(params.spec, device=params.device, cache_dir=cache, threads=params.decode_threads)

    def vectors(self, fingerprint: str) -> "VectorStore":
        from pipeline.storage.vectors import VectorStore

        return VectorStore(self.layout.vectors(fingerprint))

    def tell_once(self, text: str) -> None:
        """A notice that several steps come upon: told the first time only."""
        if text not in self._told:
            self._told.add(text)
            self.talk.notice(text)

    def now(self) -> str:
        """This moment as ISO 8601 in UTC, whole seconds."""
        return self._clock().astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

    def slug_of(self, category: str) -> str:
        """The slug of a category name (or the slug itself), also by the name that it had before it was renamed.

        Raises `UnknownNameError` listing what there is.
        """
        slugs = read_slugs(self.layout)
        if category in slugs:
            return category
        for slug, name in slugs.items():
            if name == category:
                return slug
        was = {rename.category: old for old, rename in read_renames(self.layout).items()}
        if (now := goes_on_as(self.layout, was.get(category, category))) is not None:
            return now
        known = ", ".join(sorted(slugs)) or "none yet: run `image-cluster run SOURCE` first"
        near = difflib.get_close_matches(category, [*slugs, *slugs.values()], n=1, cutoff=0.6)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UnknownNameError(f"There is no category {category!r} in {self.settings.data_dir}.{hint} Known: {known}.")

    def category_of(self, slug: str) -> str:
        return read_slugs(self.layout).get(slug, slug)

    @contextmanager
    def lock(self, slug: str) -> Generator[None]:
        """Hold a category, so that two processes never work on one at the same time."""
        from filelock import FileLock, Timeout

        path = self.layout.lock(slug)
        path.parent.mkdir(parents=True, exist_ok=True)
        held = FileLock(path)
        try:
            held.acquire(timeout=0.1)
        except Timeout:
            self.talk.notice(f"Another run holds category {slug}; waiting for it …")
            try:
                held.acquire(timeout=float(os.environ.get("IMAGE_CLUSTER_LOCK_SECONDS", "3600")))
            except Timeout as error:
                raise TransientError(
                    f"Another run still holds category {slug} of {self.layout.root}. Wait for it to end, or stop it."
                ) from error
        try:
            yield
        finally:
            held.release()


@contextmanager
def timed(report: Report) -> Generator[Report]:
    """Fill in the report's seconds."""
    started = perf_counter()
    try:
        yield report
    finally:
        report.seconds = perf_counter() - started
