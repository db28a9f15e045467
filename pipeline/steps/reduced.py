"""Embeddings → `reduced`: the vector that is clustered and the position on the map, per image.

Each content hash is reduced once, so copies of one picture share a vector and a position.

What belongs here: choosing the images, reading their positions on the last map, storing. Not here: reducing
(`stages/reduced/projection.py`), the map (`stages/reduced/map_layout.py`), ratings, time and place (`features.py`).
"""

from functools import cache

import numpy as np
import polars as pl

from pipeline.settings import ReductionParams
from pipeline.stages.neighbours.knn import Neighbours
from pipeline.stages.reduced import projection as reducing
from pipeline.stages.reduced.contract import MAP_METHOD, Facts, reduced_schema
from pipeline.stages.reduced.map_layout import NEIGHBOURS, layout
from pipeline.steps import features
from pipeline.steps.neighbours import shared_neighbours
from pipeline.steps.project import Project, Report
from pipeline.steps.stage import StageResult, Usable, run_stage
from pipeline.storage.artifacts import Artifact, digest

CODE = 3  # increase when the same inputs give another result


def reduced(project: Project, slug: str) -> Report:
    """Bring `reduced` up to date."""
    params = reduction_as_used(project)
    usable = Usable(project, slug)

    @cache
    def space_inputs() -> features.SpaceRequest:
        return features.space_request(project, slug, usable.images)

    def inputs() -> str:
        return digest(
            usable.images.select("image_id", "content_hash"), usable.fingerprint, params.model_dump(), CODE,
            *space_inputs().inputs,
        )  # fmt: skip

    def compute(current: Artifact | None) -> StageResult:
        return _reduce(project, usable, params, space_inputs(), current)

    seen = usable.seen(params.model_dump(), CODE, features.seen_of(project, slug))
    report = run_stage(project, slug, "reduced", Facts, inputs, compute, seen=seen)
    images = int(report.facts["images"]) if "images" in report.facts else usable.images.height
    report.counts = {"images": images, "distinct": int(report.facts.get("distinct", 0))}
    return report


def _reduce(
    project: Project, usable: Usable, params: ReductionParams, request: features.SpaceRequest, current: Artifact | None
) -> StageResult:
    """The vectors to cluster and the places on the map, near those of `current`."""
    images, fingerprint = usable.images, usable.fingerprint
    unique = images.unique("content_hash", keep="first", maintain_order=True)
    hashes = unique["content_hash"].to_list()
    embeddings = project.vectors(fingerprint).read(hashes).astype(np.float32)
    space = features.space_of(request, hashes, embeddings)
    vectors, used = space.vectors(hashes, embeddings)
    _load_umap(project, params, len(vectors))
    made = reducing.reduce(vectors, params)
    # unreduced vectors are stored once, as embeddings; the table then holds the map only
    kept = made.vectors[:, :0] if made.effective["method"] == "none" else made.vectors
    facts = Facts(embeddings=fingerprint, dimension=kept.shape[1], distinct=unique.height, images=images.height,
                  map_method=MAP_METHOD, **features.facts_of(request, fingerprint, used))  # fmt: skip
    comparable = current is not None and _comparable(current.facts(Facts), facts)
    places = _previous_places(current, unique) if current is not None and comparable else None
    again = current is not None and current.facts(Facts).map_method != MAP_METHOD

    def neighbours() -> Neighbours:
        return shared_neighbours(project, usable.slug, facts.space or fingerprint, hashes, vectors, NEIGHBOURS)

    positions = layout(vectors, places, again=again, neighbours=neighbours, on_notice=project.talk.notice)
    schema = reduced_schema(kept.shape[1])
    vector = pl.Series(kept, dtype=schema["vector"])
    columns = {"content_hash": hashes, "vector": vector, "x": positions[:, 0], "y": positions[:, 1]}
    table = pl.DataFrame(columns, schema_overrides={name: schema[name] for name in columns})
    joined = images.select("image_id", "content_hash").join(table, on="content_hash", maintain_order="left")
    stored = space.stored()
    return StageResult({"reduced": (joined, schema), **stored["tables"]}, made.effective, facts, stored["files"])


def _load_umap(project: Project, params: ReductionParams, points: int) -> None:
    """Import UMAP, if it will reduce, with its compiled functions cached on disk."""
    from pipeline.runtime.numba_cache import import_umap_cached

    if params.method == "umap" and points >= reducing.FEW:
        project.talk.notice("Reducing with UMAP …")
        import_umap_cached(project.layout.compiled)


def reduction_as_used(project: Project) -> ReductionParams:
    """The reduction with `auto` resolved: none where the clusterer works on the embeddings, else UMAP."""
    params = project.settings.reduced
    if params.method != "auto":
        return params
    return params.model_copy(update={"method": "none" if project.settings.labels.method == "community" else "umap"})


def _comparable(before: Facts, now: Facts) -> bool:
    """Whether positions on the last map are comparable: same encoder, same weights of time and place."""
    weights = [facts.space_params.get("weights") for facts in (before, now)]
    return before.embeddings == now.embeddings and weights[0] == weights[1]


def _previous_places(current: Artifact, unique: pl.DataFrame) -> np.ndarray:
    schema = reduced_schema(current.facts(Facts).dimension)
    old = current.table("reduced", schema, ["content_hash", "x", "y"]).unique("content_hash")
    joined = unique.select("content_hash").join(old, on="content_hash", how="left", maintain_order="left")
    return joined.select("x", "y").fill_null(float("nan")).to_numpy()
