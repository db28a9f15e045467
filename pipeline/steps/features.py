"""Embeddings → the vectors that are compared: a map learned from ratings, and time and place beside the picture.

What belongs here: gathering ratings, times and places of one category, and storing the learned space with `reduced`, so
that clustering and search use the same one. Not here: the map (`stages/features/metric_learning.py`), the blocks for
time and place (`stages/features/time_and_place.py`), reducing (`reduced.py`), clustering (`labels.py`).
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from pipeline.settings import ClusterParams
from pipeline.stages.features import metric_learning as metric
from pipeline.stages.features import time_and_place as beside
from pipeline.stages.manifest.contract import DECLARED_SCHEMA
from pipeline.stages.reduced.contract import CONTEXT_SCHEMA, METRIC_FILE
from pipeline.stages.reduced.contract import Facts as ReducedFacts
from pipeline.steps.pairs import Pair, pairs_of
from pipeline.steps.project import Project
from pipeline.steps.units import source_ids
from pipeline.storage.artifacts import Artifact, digest

KNOBS = ("weights", "time_hours", "place_km", "least_pairs")
SPACE_KNOBS = (*KNOBS, "pairs_file")  # settings of `labels` that `reduced` reads


@dataclass(frozen=True)
class SpaceRequest:
    """What shapes the vectors beside the embeddings. Empty with the default settings."""

    params: ClusterParams
    pairs: list[Pair] = field(default_factory=list[Pair])
    context: pl.DataFrame | None = None

    @property
    def inputs(self) -> list[object]:
        """Its part of a stage's digest; empty for an empty request."""
        if not self.pairs and self.context is None:
            return []
        knobs = {name: value for name, value in self.params.model_dump().items() if name in KNOBS}
        return [knobs, [list(pair) for pair in self.pairs], self.context if self.context is not None else ""]


@dataclass(frozen=True)
class Space:
    """How embeddings become the vectors that are compared. Learned once, stored with `reduced`.

    `context` has no gaps: an image without a time or place has that of the most similar image.
    """

    params: ClusterParams
    learned: metric.LearnedMap | None = None
    context: pl.DataFrame | None = None
    contrast: float = 1.0
    effective: dict[str, Any] = field(default_factory=dict[str, Any])

    def vectors(self, hashes: list[str], embeddings: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
        """Float32 [n, d'] of length 1 from L2-normalised float32 [n, d], and the effective settings.

        Returns the input itself where nothing was asked for. Each row depends on its own image only, so a library may
        come in parts.
        """
        vectors = embeddings if self.learned is None else self.learned.apply(embeddings)
        if self.context is not None:
            vectors = beside.join(vectors, _rows(self.context, hashes), self.params, self.contrast)
        return vectors, self.effective

    def stored(self) -> dict[str, Any]:
        """The tables and files of `reduced` that `stored_space` reads."""
        extra: dict[str, Any] = {"tables": {}, "files": {}}
        if self.learned is not None and not self.learned.identity:
            extra["files"][METRIC_FILE] = self.learned.to_bytes()
        if self.context is not None:
            extra["tables"]["context"] = (self.context, CONTEXT_SCHEMA)
        return extra


def space_request(project: Project, slug: str, images: pl.DataFrame) -> SpaceRequest:
    """The ratings of this category, and its times and places where they have a weight; `images` has `IMAGES_SCHEMA`."""
    params = project.settings.labels
    weighed = params.weights.time > 0 or params.weights.place > 0
    return SpaceRequest(params, pairs_of(project, slug), context_of(project, slug, images) if weighed else None)


def seen_of(project: Project, slug: str) -> list[object]:
    """What `space_request` depends on beside the images: ratings, settings, and the manifest's version where time or
    place has a weight. Reads no images."""
    params, manifest = project.settings.labels, project.store.current(slug, "manifest")
    weighed = params.weights.time > 0 or params.weights.place > 0
    knobs = {name: value for name, value in params.model_dump().items() if name in SPACE_KNOBS}
    pairs = [list(pair) for pair in pairs_of(project, slug)]
    return [knobs, pairs, manifest.provenance.version if manifest is not None and weighed else ""]


def space_of(request: SpaceRequest, hashes: list[str], embeddings: np.ndarray) -> Space:
    """The space that `request` describes, learned on L2-normalised float32 [n, d] `embeddings` of distinct `hashes`."""
    learned, effective, vectors = None, dict[str, Any](), embeddings
    if request.pairs:
        row = {value: number for number, value in enumerate(hashes)}
        rated = [metric.RatedPair(row[pair.a], row[pair.b], pair.same) for pair in request.pairs]
        learned = metric.learn_metric(embeddings, rated, request.params)
        effective["pairs"], vectors = learned.effective, learned.apply(embeddings)
    if request.context is None:
        return Space(request.params, learned, effective=effective)
    contrast, given = beside.contrast_of(vectors), _rows(request.context, hashes)
    filled = beside.filled(vectors, given)
    values = {"hours": filled.hours, "latitude": filled.places[:, 0], "longitude": filled.places[:, 1]}
    context = pl.DataFrame({"content_hash": hashes, **values}, schema=CONTEXT_SCHEMA).fill_nan(None)
    effective |= beside.effective(given, request.params, contrast)
    return Space(request.params, learned, context, contrast, effective)


def stored_space(reduced: Artifact) -> Space:
    """The space of a stored `reduced`, for its vectors and for queries that are compared with them."""
    facts = reduced.facts(ReducedFacts)
    params = ClusterParams.model_validate(facts.space_params)
    file = reduced.file(METRIC_FILE)
    learned = metric.map_from_bytes(file.read_bytes()) if file.exists() else None
    context = reduced.table("context", CONTEXT_SCHEMA) if reduced.has_table("context") else None
    effective = dict[str, Any](facts.space_effective)
    return Space(params, learned, context, effective.get("contrast", 1.0), effective)


def facts_of(request: SpaceRequest, fingerprint: str, effective: dict[str, Any]) -> dict[str, Any]:
    """What `reduced` records of the space; empty for an empty request."""
    if not request.inputs:
        return {}
    knobs = {name: value for name, value in request.params.model_dump().items() if name in KNOBS}
    return {"space": digest(fingerprint, *request.inputs), "space_params": knobs, "space_effective": effective,
            "pairs": [tuple(pair) for pair in request.pairs]}  # fmt: skip


def context_of(project: Project, slug: str, images: pl.DataFrame) -> pl.DataFrame:
    """Time and place of each picture, `CONTEXT_SCHEMA`, one row per content hash, sorted by it.

    manifest.json takes precedence over EXIF. Of several copies of a picture, the first with a value counts.
    """
    hours = (pl.col("taken_at").dt.epoch("ms") / 3_600_000).alias("hours")
    sources = source_ids(project.store, slug, images["image_id"]).alias("image_id")
    camera = images.select(sources, "content_hash", "latitude", "longitude", hours)
    joined = camera.join(declared_of(project, slug), on="image_id", how="left", maintain_order="left", suffix="_said")
    declared = pl.col("latitude_said").is_not_null()
    return (
        joined.select(
            "content_hash",
            pl.coalesce("hours_said", "hours").alias("hours"),
            pl.when(declared).then("latitude_said").otherwise("latitude").alias("latitude"),
            pl.when(declared).then("longitude_said").otherwise("longitude").alias("longitude"),
        )
        .group_by("content_hash")
        .agg(
            pl.col("hours").drop_nulls().first(),
            # latitude and longitude of one and the same copy
            pl.col("latitude").filter(pl.col("longitude").is_not_null()).drop_nulls().first(),
            pl.col("longitude").filter(pl.col("latitude").is_not_null()).drop_nulls().first(),
        )
        .select(list(CONTEXT_SCHEMA))
        .sort("content_hash")
    )


def declared_of(project: Project, slug: str) -> pl.DataFrame:
    """Times and places from manifest.json as of its last reading, `DECLARED_SCHEMA`; mostly empty."""
    manifest = project.store.current(slug, "manifest")
    if manifest is None or not manifest.has_table("declared"):
        return DECLARED_SCHEMA.to_frame()
    return manifest.table("declared", DECLARED_SCHEMA)


def _rows(context: pl.DataFrame, hashes: list[str]) -> beside.Context:
    wanted = pl.DataFrame({"content_hash": hashes}, schema={"content_hash": pl.String()})
    rows = wanted.join(context, on="content_hash", how="left", maintain_order="left")
    values = rows.select("hours", "latitude", "longitude").fill_null(float("nan")).to_numpy()
    return beside.Context(values[:, 0], values[:, 1:])
