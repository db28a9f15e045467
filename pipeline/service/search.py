"""Similarity search for the API: by an image, a vector, an upload or text, filtered and refined.

What belongs here: the query's vector, filters as masks, the pool that decodes uploads. Not here: the indexes
(`steps/search.py`), HTTP (`routes/similarity.py`).
"""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from queue import SimpleQueue
from typing import Any

import numpy as np
import polars as pl

from pipeline.adapters.decode_apart import DecodingProcess
from pipeline.service.encoders import Encoders, SharedEncoder
from pipeline.service.problems import Problem, unknown
from pipeline.settings import ServiceParams
from pipeline.stages.embeddings.crops import crop_of, squared
from pipeline.stages.images.decode import Decoded, Rejected, content_hash
from pipeline.stages.objects.boxes import Box
from pipeline.stages.objects.table import NO_OBJECT
from pipeline.stages.similarity import composition as composing
from pipeline.stages.similarity import index as searching
from pipeline.steps.embedded import vectors_fingerprint
from pipeline.steps.encoder_choice import for_search
from pipeline.steps.library_view.cache import Library
from pipeline.steps.library_view.filters import ImageFilter, Status, fitting
from pipeline.steps.library_view.snapshot import Snapshot
from pipeline.steps.library_view.words import Texts
from pipeline.steps.project import Project
from pipeline.steps.search import Found, Indexes, OpenIndex, search_indexes
from pipeline.storage.vector_names import comparable

WAITING_PER_THREAD = 4  # uploads that may wait for one decoding thread


@dataclass(frozen=True)
class Filters:
    """Filters of results; empty means no filter. All `tags` must match; of each other filter, one value is enough."""

    categories: Sequence[str] = ()
    groups: Sequence[str] = ()
    clusters: Sequence[str] = ()
    tags: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    cameras: Sequence[str] = ()
    states: Sequence[Status] = ()
    words: str = ""

    def of(self, snapshot: Snapshot) -> ImageFilter:
        """The filter of the images of one category; a cluster that is not there fits none."""
        return ImageFilter(
            clusters=[snapshot.find_cluster(name) or "" for name in self.clusters], groups=self.groups, tags=self.tags,
            cameras=self.cameras, statuses=self.states, since=self.since, until=self.until, words=self.words,
        )  # fmt: skip


@dataclass(frozen=True)
class Question:
    """A query vector. `fingerprint`: its encoder, None for any encoder of that dimension. `own` and `home`: the id and
    category of the image that it comes from, if any."""

    vector: np.ndarray
    fingerprint: str | None = None
    own: str | None = None
    home: str | None = None


@dataclass(frozen=True)
class Answer:
    """Results, best first, each with its row in the library."""

    hits: list[tuple[Found, Snapshot, int]] = field(default_factory=list["tuple[Found, Snapshot, int]"])
    searched: int = 0
    recall: float = 1.0


class Decoders:
    """The bounded pool that decodes uploaded pictures, so that many uploads cannot use all resources.

    Each thread has a process of its own that decodes, so a picture that its codec dies of, or never ends with, costs
    one answer and not the service.
    """

    def __init__(self, project: Project, params: ServiceParams) -> None:
        self._params = project.settings.images.model_copy(
            update={"max_megapixels": params.max_upload_megapixels, "max_megabytes": params.max_upload_megabytes}
        )
        self._pool = ThreadPoolExecutor(params.decode_threads, thread_name_prefix="decode")
        self._idle: SimpleQueue[DecodingProcess] = SimpleQueue()
        self._processes = [DecodingProcess(self._params) for _ in range(params.decode_threads)]
        for process in self._processes:
            self._idle.put(process)
        self._room = threading.BoundedSemaphore(params.decode_threads * (1 + WAITING_PER_THREAD))

    def decode(self, data: bytes) -> Decoded | Rejected:
        """Decode one picture. Raises a 503 `Problem` if too many are waiting."""
        if not self._room.acquire(blocking=False):
            raise Problem(503, "busy", "Too many pictures are being decoded. Try again in a moment.")
        try:
            return self._pool.submit(self._decode_apart, data).result()
        finally:
            self._room.release()

    def _decode_apart(self, data: bytes) -> Decoded | Rejected:
        process = self._idle.get()
        try:
            return process.decode(data, content_hash(data))
        finally:
            self._idle.put(process)

    def close(self) -> None:
        """End the processes; what they were decoding counts as crashed."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in self._processes:
            process.close()


class Searcher:
    """Answers similarity queries."""

    def __init__(
        self, project: Project, library: Library, encoders: Encoders, decoders: Decoders, texts: Texts
    ) -> None:
        self.project, self.library, self.encoders, self.decoders = project, library, encoders, decoders
        self.texts = texts
        self.indexes = Indexes(project)

    def from_image(self, image_id: str) -> Question:
        """A query by an image of the library."""
        index, row = self._place(image_id)
        return Question(index.vector(row), index.fingerprint, image_id, index.slug)

    def from_vector(self, vector: Sequence[float]) -> Question:
        """A query by a vector, normalised to length 1."""
        data = np.asarray(vector, dtype=np.float32)
        length = float(np.linalg.norm(data))
        if not np.isfinite(length) or length < 1e-12:
            raise Problem(422, "invalid-vector", "The vector must hold finite numbers that are not all zero.")
        return Question(data / length)

    def from_upload(self, data: bytes, categories: Sequence[str] = ()) -> Question:
        """A query by an uploaded picture, which is decoded, embedded as these categories are, and not stored."""
        decoded = self.decoders.decode(data)
        if isinstance(decoded, Rejected):
            status = 413 if decoded.status == "too_large" else 422
            raise Problem(status, decoded.status.replace("_", "-"), f"This cannot be used as a query: {decoded.reason}")
        encoder = self._encoder(categories)
        vector = encoder.encode(encoder.prepare(decoded.pixels)[None])[0]
        return Question(vector, vectors_fingerprint(self.project, encoder))

    def from_region(self, image_id: str, box: Box) -> Question:
        """A query by a region of an image of the library, cut from its original and embedded as an object is."""
        location = self.library.source(image_id)
        if location is None:
            raise unknown("image", image_id, (name for one in self.library.all() for name in one.base.row_of))
        snapshot, row = location
        status, key = (snapshot.frame[column][row] for column in ("status", "key"))
        if status not in ("ok", NO_OBJECT):
            raise Problem(409, "set-aside", f"The image {image_id} was set aside as {status}, so it has no regions.")
        decoded = self.decoders.decode(self.project.bucket.read(key))
        if isinstance(decoded, Rejected):
            raise Problem(409, "changed", f"The original {key} cannot be used as a query: {decoded.reason}")
        encoder = self._encoder([snapshot.slug])
        pixels = squared(crop_of(decoded.pixels, box, self.project.settings.objects.margin))
        vector = encoder.encode(encoder.prepare(pixels)[None])[0]
        return Question(vector, vectors_fingerprint(self.project, encoder), home=snapshot.slug)

    def from_text(self, words: str, categories: Sequence[str] = ()) -> Question:
        """A query by text, among these categories or all."""
        vector = self.encoders.text(words, self._spec(categories))
        return Question(vector, vectors_fingerprint(self.project, self._encoder(categories)))

    def composed(
        self, question: Question, added: str | None, unwanted: Sequence[str], categories: Sequence[str] = ()
    ) -> Question:
        """A query with words added to it, and moved away from others. Its own image is a result like any other."""
        among = categories or ([question.home] if question.home else ())
        spec, fingerprint = self._spec(among), vectors_fingerprint(self.project, self._encoder(among))
        words = [self.encoders.text(added, spec)] if added else []
        away = [self.encoders.text(text, spec) for text in unwanted]
        if question.fingerprint is not None and not comparable(question.fingerprint, fingerprint):
            raise Problem(409, "other-encoder", "The image was embedded with another encoder. Run again first.")
        if any(len(vector) != len(question.vector) for vector in (*words, *away)):
            raise Problem(422, "invalid-vector", "The vector has another length than those of the encoder.")
        vector = composing.composed([question.vector, *words], away)
        if vector is None:
            raise Problem(422, "empty-query", "The words take each other away: nothing is left to look for.")
        return Question(vector, fingerprint, home=question.home)

    def ask(
        self,
        question: Question,
        filters: Filters,
        *,
        top_k: int,
        min_score: float = -1.0,
        liked: Sequence[str] = (),
        disliked: Sequence[str] = (),
    ) -> Answer:
        """The best `top_k`. `liked` and `disliked` ids move the query (Rocchio); disliked images are left out."""
        slugs = [self._slug(name) for name in filters.categories] or ([question.home] if question.home else None)
        indexes = [index for index in self.indexes.all(slugs) if self._comparable(index, question)]
        if not indexes:
            raise Problem(
                409, "nothing-to-search", "There is no index that this can be compared with: nothing is embedded yet, "
                "or with another encoder. Run `image-cluster run` first.",
            )  # fmt: skip
        vector, own = question.vector, question.own
        if liked or disliked:
            vector = searching.refined(vector, self.vectors(liked), self.vectors(disliked))
            own = None
        masks = {index.slug: self._mask(index, filters, disliked) for index in indexes}
        hits = search_indexes(
            indexes, vector, top_k=top_k, min_score=min_score, allowed=lambda index: masks[index.slug], own=own
        )
        snapshots = {index.slug: self.library.get(index.slug) for index in indexes}
        placed = [(hit, snapshots[hit.slug], snapshots[hit.slug].base.row_of.get(hit.image_id)) for hit in hits]
        searched = sum(index.ids.height if (m := masks[index.slug]) is None else int(m.sum()) for index in indexes)
        located = [(hit, snapshot, row) for hit, snapshot, row in placed if row is not None]
        return Answer(located, searched, min(index.recall for index in indexes))

    def _spec(self, categories: Sequence[str]) -> str:
        """The spec of the encoder that made the vectors of these categories, or of all."""
        slugs = [self._slug(name) for name in categories] or list(self.library.slugs())
        return for_search(self.project, slugs).settings.encoder.spec

    def _encoder(self, categories: Sequence[str]) -> SharedEncoder:
        return self.encoders.get(spec=self._spec(categories))

    def embedding(self, image_id: str) -> tuple[np.ndarray, str]:
        """The stored vector of an image, and the fingerprint of its encoder."""
        index, row = self._place(image_id)
        return index.vector(row), index.fingerprint

    def _place(self, image_id: str) -> tuple[OpenIndex, int]:
        for index in self.indexes.all():
            if image_id in index.rows:
                return index, index.rows[image_id]
        location = self.library.image(image_id)
        if location is None:
            raise unknown("image", image_id, (name for opened in self.indexes.all() for name in opened.rows))
        snapshot, row = location
        status = snapshot.frame["status"][row]
        why = f"it was set aside as {status}" if status != "ok" else "it is not embedded yet; run again"
        raise Problem(409, "no-embedding", f"The image {image_id} has no vector: {why}.")

    def vectors(self, image_ids: Sequence[str]) -> np.ndarray:
        """Float32 [n, d]: the stored vectors of these images. Raises `Problem` for one that has none."""
        vectors = [index.vector(row) for index, row in map(self._place, image_ids)]
        return np.stack(vectors) if vectors else np.empty((0, 1), np.float32)

    def _comparable(self, index: OpenIndex, question: Question) -> bool:
        if index.index is None:
            return False
        if question.fingerprint is not None:
            return comparable(index.fingerprint, question.fingerprint)
        return bool(index.index.d == len(question.vector))

    def _slug(self, name: str) -> str:
        slugs = self.library.slugs()
        slug = name if name in slugs else next((slug for slug, category in slugs.items() if category == name), None)
        if slug is None:
            raise unknown("category", name, [*slugs, *slugs.values()])
        return slug

    def _mask(self, index: OpenIndex, filters: Filters, without: Sequence[str]) -> np.ndarray | None:
        """Bool [rows of the index]: rows that pass the filters; None for all."""
        snapshot = self.library.get(index.slug)
        left_out = snapshot.rows_by_state.get("excluded", [])
        wanted = filters.of(snapshot)
        if not wanted.narrows and not without and not left_out:
            return None
        keep = fitting(snapshot, self.texts, wanted) & (snapshot.frame["state"] != "excluded").to_numpy()
        names: Any = snapshot.frame["image_id"].filter(pl.Series(keep)).to_list()
        mask = index.mask(names)
        mask[[index.rows[name] for name in without if name in index.rows]] = False
        return mask
