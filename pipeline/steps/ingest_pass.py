"""One pass over objects of a bucket: read, decode, embed, and store the results in chunks.

What belongs here: streaming objects and keeping what is finished, so that a killed run continues where it stopped. Not
here: which objects must be read, and storing the tables at the end (`ingest.py`); decoding (`stages/images/decode.py`),
the overlap of decoding and forward pass (`stages/embeddings/stream.py`).
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import closing
from time import perf_counter
from typing import Any

import polars as pl

from pipeline.stages.embeddings.stream import Outcome, stream
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.images.decode import ImageInfo, image_row
from pipeline.stages.images.identity import KnownImages
from pipeline.steps.as_listed import AsListed
from pipeline.steps.decode_attempts import CarefulAttempts
from pipeline.steps.distributed import facts_of_workers, outcomes_of_workers, workers_of
from pipeline.steps.project import Project
from pipeline.steps.reading import read_objects
from pipeline.storage.full_disk import writing
from pipeline.storage.layout import TABLE_SUFFIX
from pipeline.storage.vectors import VectorStore

ROWS_AT_ONCE = 1024


class IngestPass:
    """One pass over the objects that must be read.

    After `run`: `frame` has the rows, `decoded` and `embedded` count images, `seconds` is the wall time, and `workers`
    says what the workers of another engine did.
    """

    def __init__(
        self, project: Project, slug: str, vectors: VectorStore | None, with_vector: set[str], images: KnownImages
    ) -> None:
        """`vectors` None embeds nothing. `with_vector`: the content hashes that have a vector; the pass adds to it."""
        self.project, self.slug, self.vectors = project, slug, vectors
        self.with_vector, self.images = with_vector, images
        self.journal = project.layout.journal(slug)
        self.rows: list[dict[str, Any]] = []
        self.pending: list[tuple[str, Any]] = []
        self.cameras: list[tuple[str, str]] = []
        self.frames: list[pl.DataFrame] = []
        self.readable: Sequence[str] = ()  # keys of some usable images that are there
        self.others = 0  # images that are not read
        self.decoded = self.embedded = 0
        self.seconds = 0.0
        self.listed = AsListed()
        self.workers: dict[str, float] = {}

    @property
    def frame(self) -> pl.DataFrame:
        """A row per object that was read, `IMAGES_SCHEMA`."""
        return pl.concat([pl.DataFrame(schema=IMAGES_SCHEMA), *self.frames])

    def run(self, todo: pl.DataFrame) -> None:
        """Read and embed the objects of these manifest rows, in their order."""
        if not todo.height:
            return
        with closing(self.project.attempts(self.slug)) as attempts:
            self._stream(todo, attempts)

    def _stream(self, todo: pl.DataFrame, attempts: CarefulAttempts) -> None:
        started = perf_counter()
        doing = "embed" if self.vectors is not None else "read"
        self.listed = AsListed(dict(todo.select("key", "size").iter_rows()))
        outcomes = self._outcomes(todo["key"].to_list(), attempts)
        try:
            of_outcome = zip(outcomes, _iterate_rows(todo))  # noqa: B905 — a failure ends the outcomes early
            for done, (outcome, row) in enumerate(of_outcome, start=1):
                self._take(outcome, row)
                self.project.talk.progress(f"{doing} {self.slug}", done, todo.height)
                if len(self.rows) >= self.project.settings.encoder.chunk_size:
                    self._flush()
        finally:
            # also after Ctrl-C, so that finished work is kept
            self._flush()
            self.seconds = perf_counter() - started
            self.workers = facts_of_workers(self.project, self.seconds, embed=self.vectors is not None)

    def _outcomes(self, keys: list[str], attempts: CarefulAttempts) -> Iterator[Outcome[str]]:
        """By the workers of `execution.engine`, or in this process."""
        if self.project.settings.execution.engine == "local":
            return self._outcomes_here(keys, attempts)
        return outcomes_of_workers(
            workers_of(self.project, embed=self.vectors is not None), keys,
            contents=self.project.contents.read(lambda _damaged: None),
            with_vector=self.with_vector, images=self.images, is_known=self._is_known,
            here=lambda some: self._outcomes_here(some, attempts),
            apart=lambda some: self._outcomes_here(some, attempts.of_every_file()),
            keys_per_task=self.project.settings.execution.ray.keys_per_task,
        )  # fmt: skip

    def _outcomes_here(self, keys: list[str], attempts: CarefulAttempts) -> Iterator[Outcome[str]]:
        settings = self.project.settings
        return stream(
            self.listed.watch(read_objects(
                self.project.bucket, keys, readable=self.readable, others=self.others,
                most=int(settings.images.max_megabytes * 1e6),
            )),
            image_params=settings.images,
            # opened before anything is read: without an encoder the reading would be in vain
            encoder=self.project.encoder if self.vectors is not None else None,
            batch_size=settings.encoder.batch_size,
            threads=settings.encoder.decode_threads,
            thumbnail_pixels=settings.images.thumbnail_pixels,
            skip=self._is_known,
            images=self.images,
            attempts=attempts,
            on_notice=self.project.talk.notice,
        )  # fmt: skip

    def _is_known(self, image: str) -> bool:
        """Whether neither a vector nor a thumbnail is to be made of an image."""
        return image in self.with_vector and self.project.thumbnails.has(image)

    def _take(self, outcome: Outcome[str], row: dict[str, Any]) -> None:
        if outcome.token != row["key"]:
            raise RuntimeError(f"The reader gave {outcome.token} where {row['key']} was asked for.")
        self.rows.append(image_row(row, self.listed.judge(row["key"], outcome.image)))
        if outcome.image.content_hash is None:
            return
        if isinstance(outcome.image, ImageInfo) and outcome.image.camera is not None:
            self.cameras.append((outcome.image.content_hash, outcome.image.camera))
        if outcome.thumbnail is not None:
            self.decoded += not outcome.vector_known
            turned = self.images.may_be_turned(outcome.image.content_hash)
            self.project.thumbnails.write(outcome.image.content_hash, outcome.thumbnail, again=turned)
        if outcome.vector is not None and outcome.image.content_hash not in self.with_vector:
            self.embedded += 1
            self.with_vector.add(outcome.image.content_hash)
            self.pending.append((outcome.image.content_hash, outcome.vector))

    def _flush(self) -> None:
        import numpy as np

        if self.vectors is not None and self.pending:
            self.vectors.append(self.slug, [name for name, _ in self.pending], np.stack([v for _, v in self.pending]))
            self.pending = []
        self.project.contents.append(self.slug, self.images.new_rows)
        self.images.new_rows.clear()
        self.project.cameras(self.slug).append(self.cameras)
        self.cameras.clear()
        if self.rows:
            frame = pl.DataFrame(self.rows, schema=IMAGES_SCHEMA)
            self._journal(frame)
            self.frames.append(frame)
            self.rows = []

    def _journal(self, frame: pl.DataFrame) -> None:
        """Keep finished rows for the run after a kill, in one step: a half-written part has a hidden name."""
        self.journal.mkdir(parents=True, exist_ok=True)
        part = self.journal / f"{len(self.frames):06d}-{secrets.token_hex(4)}{TABLE_SUFFIX}"
        staged = part.with_name(f".{part.name}")
        with writing(part):
            frame.write_parquet(staged)
            staged.replace(part)


def _iterate_rows(frame: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """The rows as dictionaries, in slices: all at once they would take several times the memory of the frame."""
    for part in frame.iter_slices(ROWS_AT_ONCE):
        yield from part.iter_rows(named=True)
