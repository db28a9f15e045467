"""A sample of a category's images, embedded with any encoder: the encoder of the settings stays as it is.

What belongs here: drawing the sample, embedding what has no vector yet, and how fast that went. Not here: judging the
vectors (`encoder_comparison.py`).

The vectors are stored beside all others, so a second call embeds nothing, and a later change to that encoder does not
embed the sample again.
"""

import json
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import polars as pl

from pipeline.errors import TooFewImagesError
from pipeline.stages.embeddings.stream import stream
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.objects import table as building
from pipeline.stages.objects.contract import KNOWN_SCHEMA, OBJECTS_SCHEMA
from pipeline.steps.crops import embed_objects, resolved_contents
from pipeline.steps.embedded import vectors_fingerprint
from pipeline.steps.encoder_choice import measured_rates, with_encoder
from pipeline.steps.project import Project
from pipeline.steps.reading import read_among
from pipeline.steps.stage import embedded_images
from pipeline.steps.units import unit_of
from pipeline.storage.artifacts import digest
from pipeline.storage.files import write_atomically
from pipeline.storage.vector_names import with_names
from pipeline.storage.vectors import VectorStore

LEAST = 8  # images; with fewer, every encoder gives the same two or three groups
LEAST_TIMED = 32  # newly embedded images from which on the time says something


@dataclass(frozen=True)
class Embedded:
    """The vectors of a sample: `fingerprint` reads them by content hash. `lost`: images that could not be read.

    `images_per_second` with reading and decoding, of this call or of the last one that embedded; None if none did.
    `missing`: how many of the category's images this encoder has no vector of.
    """

    fingerprint: str
    lost: frozenset[str]
    images_per_second: float | None
    missing: int


def draw_sample(project: Project, slug: str, size: int, seed: int, wanted: Collection[str] = ()) -> list[str]:
    """Content hashes of up to `size` different images, sorted; all if there are no more.

    Up to half of them are images that are `wanted`; the rest is drawn at random. Raises `TooFewImagesError`.
    """
    images, _ = embedded_images(project, slug)
    every = images["content_hash"].unique().sort().to_list()
    if len(every) < LEAST:
        raise TooFewImagesError(
            f"Category {project.category_of(slug)} has {len(every)} different images; from {LEAST} on there is "
            "something to compare."
        )
    if len(every) <= size:
        return every
    rng = np.random.default_rng(seed)
    first = sorted(set(wanted).intersection(every))
    first = [first[row] for row in rng.permutation(len(first))[: size // 2]]
    rest = sorted(set(every).difference(first))
    return sorted([*first, *(rest[row] for row in rng.permutation(len(rest))[: size - len(first)])])


def embed_sample(project: Project, slug: str, spec: str, hashes: Sequence[str]) -> Embedded:
    """Embed these images with the encoder `spec`, where they have no vector of it. Memory is bounded as in a run.

    Raises `EncoderError`, `UnknownNameError` and what reading raises.
    """
    other = with_encoder(project, spec)
    fingerprint = vectors_fingerprint(other)
    store = other.vectors(fingerprint)
    if unit_of(project.store, slug) == "object":
        embedded, took, named = _embed_objects(other, slug, fingerprint, hashes)
    else:
        embedded, took = _embed_images(other, slug, store, hashes)
        named = fingerprint
    known = other.vectors(named).known()
    _describe(other, store, spec, embedded)
    rate = _rate(other, spec, embedded, took)
    images, _ = embedded_images(project, slug)
    missing = len(set(images["content_hash"].to_list()) - known)
    return Embedded(named, frozenset(set(hashes) - known), rate, missing)


def _embed_images(other: Project, slug: str, store: VectorStore, hashes: Sequence[str]) -> tuple[int, float]:
    """How many images were embedded, and the seconds that it took."""
    todo = set(hashes) - store.known()
    if not todo:
        return 0, 0.0
    images = other.store.require(slug, "images").table("images", IMAGES_SCHEMA)
    usable = images.filter(pl.col("status") == "ok", pl.col("content_hash").is_in(list(todo)))
    rows = usable.unique("content_hash", keep="first").sort("key")
    hash_of, resolved = dict(rows.select("key", "content_hash").iter_rows()), resolved_contents(other)
    params, encoder, started = other.settings.encoder, other.encoder, perf_counter()
    most, pending, done = int(other.settings.images.max_megabytes * 1e6), list[tuple[str, np.ndarray]](), 0
    with closing(other.attempts(slug)) as attempts:
        outcomes = stream(
            read_among(other.bucket, rows["key"].to_list(), images, most=most),
            image_params=other.settings.images, encoder=encoder, batch_size=params.batch_size,
            threads=params.decode_threads, thumbnail_pixels=None, attempts=attempts, on_notice=other.talk.notice,
        )  # fmt: skip
        try:
            for number, outcome in enumerate(outcomes, start=1):
                found, wanted = outcome.image.content_hash, hash_of[outcome.token]
                if outcome.vector is not None and found and resolved.get(found, found) == wanted:
                    pending.append((wanted, outcome.vector))
                if len(pending) >= params.chunk_size:
                    done += _store(store, slug, pending)
                other.talk.progress(f"embed with {params.spec}", number, rows.height)
        finally:  # also after Ctrl-C, so that finished work is kept
            done += _store(store, slug, pending)
    return done, perf_counter() - started


def _store(store: VectorStore, slug: str, pending: list[tuple[str, np.ndarray]]) -> int:
    """Store and forget what is pending; how many."""
    count = len(pending)
    if pending:
        store.append(slug, [name for name, _ in pending], np.stack([vector for _, vector in pending]))
        pending.clear()
    return count


def _embed_objects(other: Project, slug: str, fingerprint: str, hashes: Sequence[str]) -> tuple[int, float, str]:
    """As `_embed_images`, and the fingerprint that reads by the ids of the objects."""
    stored = other.store.require(slug, "objects")
    known = stored.table("known", KNOWN_SCHEMA)
    names = building.renamed_crops(known)
    chosen = stored.table("objects", OBJECTS_SCHEMA).filter(pl.col("content_hash").is_in(list(hashes)))
    images = other.store.require(slug, "images").table("images", IMAGES_SCHEMA)
    done = embed_objects(other, slug, images, chosen, known, fingerprint)
    return done.embedded, done.seconds, with_names(other.layout, fingerprint, names, digest(names))


def _describe(other: Project, store: VectorStore, spec: str, embedded: int) -> None:
    if store.dimension() is None and embedded:
        loaded = other.encoder
        store.describe({"spec": spec, "dimension": loaded.dimension, "fingerprint": loaded.fingerprint,
                        "background": other.settings.images.background, "device": loaded.device})  # fmt: skip


def _rate(other: Project, spec: str, embedded: int, seconds: float) -> float | None:
    """Images per second of this call, else of the last call with enough images."""
    path, rates = other.layout.embedding_rates, measured_rates(other)
    if embedded >= LEAST_TIMED and seconds > 0:
        rates[spec] = round(embedded / seconds, 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(rates, indent=1, sort_keys=True).encode())
    return rates.get(spec)
