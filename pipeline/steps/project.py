"""What every step needs: the settings, the stores, the bucket, the encoder, and the report that a step returns.

What belongs here: opening each of these once, at its first use. Imports are as late: a command that reads one document
loads neither tables nor vectors. Not here: the work (the steps beside this file), their order (`run.py`).
"""

import shlex
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pipeline.settings import Settings
from pipeline.steps.data_directory import DataDirectory, Talk
from pipeline.storage.layout import Layout, model_cache

if TYPE_CHECKING:
    from pipeline.adapters.executors.ray_pool import RayPool
    from pipeline.stages.embeddings.encoder import Encoder
    from pipeline.stages.manifest.bucket import Bucket
    from pipeline.stages.manifest.bucket_manifest import Entry
    from pipeline.stages.objects.detector import Detector
    from pipeline.steps.curation import Curation
    from pipeline.steps.decode_attempts import CarefulAttempts
    from pipeline.storage.cameras import CameraStore
    from pipeline.storage.contents import ContentStore
    from pipeline.storage.thumbnails import ThumbnailStore
    from pipeline.storage.vectors import VectorStore


@dataclass
class Report:
    """What one step did. `counts` are numbers of things, `facts` everything else worth showing."""

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


class Project(DataDirectory):
    """A data directory with its bucket, the encoder, and the decisions of people."""

    def __init__(
        self,
        settings: Settings,
        *,
        bucket: "Bucket | None" = None,
        encoder: "Callable[[], Encoder] | None" = None,
        talk: Talk | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        granularity_given: bool = False,
        encoder_given: bool = False,
        decode_apart: bool = False,
        where: str | None = None,
    ) -> None:
        """`granularity_given`: the settings say how fine to cluster for this run, instead of what people decided;
        `encoder_given`: the same for the encoder.

        With `decode_apart`, no picture is decoded in this process: a codec that crashes must not end it. `where`: the
        options that a command needs to find this data directory, by default `--out` if it is not the usual one.
        """
        super().__init__(settings, talk=talk, clock=clock)
        self.granularity_given, self.encoder_given = granularity_given, encoder_given
        self._decode_apart = decode_apart
        usual = settings.data_dir == Path("data")
        self.where = where if where is not None else "" if usual else f" --out {shlex.quote(str(settings.data_dir))}"
        self._entries: tuple[str, list[Entry] | None] | None = None  # ETag and entries
        self._bucket = bucket
        self._open_encoder, self._default_spec = encoder, settings.encoder.spec
        # shared by copies of this project with another encoder (`encoder_choice.py`), so by spec
        self._encoders: dict[str, Encoder] = {}
        self.workers: dict[tuple[str, bool], RayPool] = {}  # with and without an encoder, once they are needed

    @cached_property
    def thumbnails(self) -> "ThumbnailStore":
        from pipeline.storage.thumbnails import ThumbnailStore

        return ThumbnailStore(self.layout.thumbnails)

    @cached_property
    def contents(self) -> "ContentStore":
        from pipeline.storage.contents import ContentStore

        return ContentStore(self.layout.contents)

    def cameras(self, slug: str) -> "CameraStore":
        from pipeline.storage.cameras import CameraStore

        return CameraStore(self.layout.cameras(slug))

    @cached_property
    def bucket(self) -> "Bucket":
        if self._bucket is not None:
            return self._bucket
        from pipeline.adapters.buckets import open_source

        return open_source(self.settings.source, notice=self.tell_once)

    def bucket_entries(self, etag: str) -> "list[Entry] | None":
        """Entries of the bucket's manifest.json with this ETag, None if it is not ours; read once for a run."""
        from pipeline.stages.manifest.bucket_manifest import FOREIGN, MANIFEST_KEY, read_bucket_manifest

        if self._entries is None or self._entries[0] != etag:
            wanted = "require" if self.settings.source.manifest == "require" else "auto"
            self._entries = (etag, read_bucket_manifest(self.bucket.read(MANIFEST_KEY), wanted))
        if self._entries[1] is None:
            self.tell_once(FOREIGN.format(f"{MANIFEST_KEY} in {self.bucket.url}"))
        return self._entries[1]

    @cached_property
    def curation(self) -> "Curation":
        """The decisions of people."""
        from pipeline.steps.curation import Curation

        return Curation(self)

    def attempts(self, slug: str) -> "CarefulAttempts":
        """What decoding a category's pictures must know; to be closed."""
        from pipeline.steps.decode_attempts import CarefulAttempts
        from pipeline.storage.attempts import DecodingLog

        log = DecodingLog(self.layout.decoding(slug), self.layout.undecodable(slug))
        return CarefulAttempts(log, self.settings.images, every=self._decode_apart)

    @property
    def encoder(self) -> "Encoder":
        """The encoder. Loaded at the first use, so a run with nothing to embed never loads it."""
        spec = self.settings.encoder.spec
        if spec not in self._encoders:
            self._encoders[spec] = self.load_encoder()
        return self._encoders[spec]

    def load_encoder(self) -> "Encoder":
        """Load the encoder. Its converted model is cached for all data directories of this user."""
        if self._open_encoder is not None and self.settings.encoder.spec == self._default_spec:
            return self._open_encoder()
        from pipeline.adapters.encoders.registry import open_encoder

        params = self.settings.encoder
        self.talk.notice(f"Loading encoder {params.spec} (longest the first time on a machine: it is converted once) …")
        cache = model_cache(Layout(self.settings.data_dir))
        return open_encoder(params.spec, device=params.device, cache_dir=cache, threads=params.decode_threads)

    @cached_property
    def detector(self) -> "Detector":
        """The model that finds objects. Loaded at the first use."""
        from pipeline.adapters.detectors.registry import open_detector

        params, encoder = self.settings.objects, self.settings.encoder
        self.talk.notice(f"Loading detector {params.detector} …")
        return open_detector(
            params.detector, labels=tuple(params.labels), device=encoder.device, threads=encoder.decode_threads,
            cache_dir=model_cache(Layout(self.settings.data_dir)),
        )  # fmt: skip

    def vectors(self, fingerprint: str) -> "VectorStore":
        from pipeline.storage.vectors import open_vectors

        return open_vectors(self.layout, fingerprint)


@contextmanager
def timed(report: Report) -> Generator[Report]:
    """Fill in the report's seconds."""
    started = perf_counter()
    try:
        yield report
    finally:
        report.seconds = perf_counter() - started
