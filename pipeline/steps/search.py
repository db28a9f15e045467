"""A query → the most similar images of one or more categories.

What belongs here: opening stored indexes and keeping them open, the vector of a query, naming the results. Not here:
the index (`stages/similarity/index.py`), limits and uploads (`service/search.py`).
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pipeline.adapters.decode_apart import decode_apart
from pipeline.errors import ImageClusterError, UnknownNameError
from pipeline.stages.images.decode import Rejected, content_hash
from pipeline.stages.similarity import index as searching
from pipeline.stages.similarity.composition import composed
from pipeline.stages.similarity.contract import IDS_SCHEMA, INDEX_FILE, Facts
from pipeline.steps.embedded import vectors_fingerprint
from pipeline.steps.encoder_choice import for_search
from pipeline.steps.project import Project
from pipeline.storage.artifacts import Artifact
from pipeline.storage.categories import read_slugs
from pipeline.storage.vector_names import comparable

SAME = 0.99999  # least score of a copy; float16 rounds the last digits


@dataclass(frozen=True)
class Found:
    """One result: `score` is the cosine, 1 = the same picture."""

    score: float
    image_id: str
    content_hash: str
    key: str
    slug: str


class OpenIndex:
    """One stored version of a category's index, mapped into memory, with the images of its rows.

    `recall` is the share of the true nearest images that a search finds; 1 if every image is compared.
    """

    def __init__(self, artifact: Artifact) -> None:
        self.slug = artifact.slug
        self.version = artifact.provenance.version
        facts = artifact.facts(Facts)
        self.fingerprint = facts.embeddings
        self.recall = facts.search.recall
        self.ids = artifact.table("ids", IDS_SCHEMA).sort("row")
        self._path = artifact.file(INDEX_FILE)

    @cached_property
    def index(self) -> Any | None:
        return searching.open_mapped(self._path)

    @cached_property
    def rows(self) -> dict[str, int]:
        """Image id → row."""
        return {name: row for row, name in enumerate(self.ids["image_id"].to_list())}

    def row_of(self, query: str) -> int | None:
        """The row of an image id or key, None if unknown."""
        if query in self.rows:
            return self.rows[query]
        matches = self.ids.filter(pl.col("key") == query)
        return int(matches["row"][0]) if matches.height else None

    def vector(self, row: int) -> np.ndarray:
        """The stored vector of a row, float32 [d]."""
        return searching.vector_of(self.index, row)

    def mask(self, image_ids: Iterable[str]) -> np.ndarray:
        """Which rows are among these images, bool [rows]."""
        allowed = np.zeros(self.ids.height, dtype=bool)
        allowed[[self.rows[name] for name in image_ids if name in self.rows]] = True
        return allowed

    def search(self, vector: np.ndarray, top_k: int, allowed: np.ndarray | None = None) -> list[Found]:
        """The `top_k` images nearest to float [d] `vector`, best first."""
        if self.index is None:
            return []
        if len(vector) != self.index.d:
            raise ImageClusterError(
                f"The vector has {len(vector)} numbers, those of category {self.slug} have {self.index.d}: they come "
                "from another encoder."
            )
        names, hashes, keys = (self.ids[column] for column in ("image_id", "content_hash", "key"))
        return [
            Found(min(hit.score, 1.0), names[hit.row], hashes[hit.row], keys[hit.row], self.slug)
            for hit in searching.search(self.index, vector, top_k, allowed)
        ]


class Indexes:
    """The open index of each category. Opens a new version at its next use. Thread-safe."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._open: dict[str, OpenIndex] = {}
        self._lock = threading.Lock()

    def get(self, slug: str) -> OpenIndex | None:
        """The current index of a category, None if there is none yet."""
        artifact = self._project.store.current(slug, "similarity")
        if artifact is None:
            return None
        index = self._open.get(slug)
        if index is None or index.version != artifact.provenance.version:
            with self._lock:
                index = self._open.get(slug)
                if index is None or index.version != artifact.provenance.version:
                    index = self._open[slug] = OpenIndex(artifact)
        return index

    def all(self, slugs: Iterable[str] | None = None) -> list[OpenIndex]:
        """The indexes of these categories, by default of all."""
        wanted = sorted(read_slugs(self._project.layout)) if slugs is None else list(slugs)
        return [index for slug in wanted if (index := self.get(slug)) is not None]

    def holding(self, image: str) -> tuple[OpenIndex, int] | None:
        """The index and row of an image id or key."""
        for index in self.all():
            row = index.row_of(image)
            if row is not None:
                return index, row
        return None


def search_indexes(
    indexes: Sequence[OpenIndex],
    vector: np.ndarray,
    *,
    top_k: int,
    min_score: float = -1.0,
    allowed: Callable[[OpenIndex], np.ndarray | None] = lambda _: None,
    own: str | None = None,
) -> list[Found]:
    """The best hits of several indexes together. `allowed` returns the mask of an index. `own`, the query's image id if
    it is in the library, comes first; it and its copies score exactly 1."""
    hits = [hit for index in indexes for hit in index.search(vector, top_k, allowed(index))]
    if own is not None:
        hits = [_as_exact(hit) if hit.score >= SAME or hit.image_id == own else hit for hit in hits]
    best = sorted(hits, key=lambda hit: (hit.image_id != own, -round(hit.score, 5), hit.key))
    return [hit for hit in best if hit.score >= min_score][:top_k]


def find_similar(
    project: Project, query: str, *, category: str | None = None, top_k: int = 20, min_score: float = -1.0
) -> list[dict[str, Any]]:
    """The `top_k` images most similar to `query`: a key or image id of the library, or an image file.

    Rows hold score (cosine, 1 = the same), key and image_id, best first. A member finds itself first.
    Raises `UnknownNameError` naming the nearest keys.
    """
    indexes = Indexes(project)
    if category is not None:
        slug = project.slug_of(category)
        project.store.require(slug, "similarity")
        chosen = indexes.all([slug])
    else:
        chosen = indexes.all()
    for index in chosen:
        row = index.row_of(query)
        if row is not None:
            own = str(index.ids["image_id"][row])
            hits = search_indexes([index], index.vector(row), top_k=top_k, min_score=min_score, own=own)
            return [_row(hit) for hit in hits]
    path = Path(query)
    if not path.is_file():
        raise UnknownNameError(
            f"{query!r} is neither an image of {project.settings.data_dir} nor a file.{_suggest_keys(chosen, query)}"
        )
    project = for_search(project, [index.slug for index in chosen])
    vector, fingerprint = embed_bytes(project, path.read_bytes(), str(path)), vectors_fingerprint(project)
    alike = [index for index in chosen if comparable(index.fingerprint, fingerprint)]  # of the same encoder
    return [_row(hit) for hit in search_indexes(alike or chosen, vector, top_k=top_k, min_score=min_score)]


def find_composed(
    project: Project, query: str | None, *, text: str | None, unwanted: Sequence[str], category: str | None = None,
    top_k: int = 20, min_score: float = -1.0,
) -> list[dict[str, Any]]:  # fmt: skip
    """As `find_similar`, for an image with words added to it, or words alone, moved away from `unwanted` words.

    Raises `EncoderError` if the encoder has no text side, `ImageClusterError` if the words take each other away.
    """
    from pipeline.adapters.encoders.text import open_text_encoder

    if query is None and not text:
        raise UnknownNameError("Name an image (KEY) or give words to look for (--text).")
    slugs = [project.slug_of(category)] if category is not None else None
    project = for_search(project, read_slugs(project.layout) if slugs is None else slugs)
    reader = open_text_encoder(project.settings.encoder.spec)
    fingerprint = vectors_fingerprint(project)
    indexes = [index for index in Indexes(project).all(slugs) if comparable(index.fingerprint, fingerprint)]
    if not indexes:
        raise ImageClusterError("Nothing is embedded with this encoder yet. Run `image-cluster run` first.")
    wanted = [*([] if query is None else [_vector(project, indexes, query)]), *(reader.encode([text]) if text else [])]
    vector = composed(wanted, list(reader.encode(unwanted)) if unwanted else [])
    if vector is None:
        raise ImageClusterError("The words take each other away: nothing is left to look for.")
    return [_row(hit) for hit in search_indexes(indexes, vector, top_k=top_k, min_score=min_score)]


def _vector(project: Project, indexes: Sequence[OpenIndex], query: str) -> np.ndarray:
    """The vector of an image of the library, or of a file. Raises `UnknownNameError`."""
    for index in indexes:
        row = index.row_of(query)
        if row is not None:
            return index.vector(row)
    path = Path(query)
    if not path.is_file():
        hint = _suggest_keys(list(indexes), query)
        raise UnknownNameError(f"{query!r} is neither an image of {project.settings.data_dir} nor a file.{hint}")
    return embed_bytes(project, path.read_bytes(), str(path))


def embed_bytes(project: Project, data: bytes, name: str) -> np.ndarray:
    """The vector of an image file, float32 [d]. Raises `ImageClusterError` for an unusable file."""
    decoded = decode_apart(data, project.settings.images, digest=content_hash(data))
    if isinstance(decoded, Rejected):
        raise ImageClusterError(f"{name} cannot be used as a query: {decoded.reason}")
    return project.encoder.encode(project.encoder.prepare(decoded.pixels)[None])[0]


def _as_exact(hit: Found) -> Found:
    return Found(1.0, hit.image_id, hit.content_hash, hit.key, hit.slug)


def _row(hit: Found) -> dict[str, Any]:
    return {"score": round(hit.score, 4), "key": hit.key, "image_id": hit.image_id}


def _suggest_keys(indexes: list[OpenIndex], query: str) -> str:
    import difflib

    keys = [key for index in indexes for key in index.ids["key"].to_list()]
    near = difflib.get_close_matches(query, keys, n=3, cutoff=0.6)
    return f" Did you mean {', '.join(near)}?" if near else ""
