"""`reduced` → `labels`: the raw group of every image, and the family of every group.

What belongs here: reading vectors and shared neighbours, storing the groups. Not here: the clusterers
(`stages/labels/clusterers.py`), families (`stages/identities/superclusters.py`), runs that only place new images
(`incremental.py`).

Each content hash is clustered once, so copies of one picture are in the same cluster.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from pipeline.settings import ClusterParams
from pipeline.stages.identities import superclusters as family
from pipeline.stages.labels import clusterers as labelling
from pipeline.stages.labels import suggestions as suggesting
from pipeline.stages.labels.community.clusterer import NEIGHBOURS
from pipeline.stages.labels.community.null_model import CLEAR, modularity_ratio
from pipeline.stages.labels.community.prior_partition import History
from pipeline.stages.labels.contract import BASE_SCHEMA, LABELS_SCHEMA, NONE, SUGGESTIONS_SCHEMA, Facts
from pipeline.stages.labels.grouping import Grouping
from pipeline.stages.neighbours.knn import Neighbours
from pipeline.stages.published.guard import copies_only, no_clear_kinds
from pipeline.stages.reduced.contract import Facts as ReducedFacts
from pipeline.stages.reduced.contract import reduced_schema
from pipeline.steps import incremental
from pipeline.steps.decided import cluster_params
from pipeline.steps.duplicates import collapsed, counts_as, groups_of_copies
from pipeline.steps.features import stored_space
from pipeline.steps.neighbours import shared_neighbours
from pipeline.steps.project import Project, Report
from pipeline.steps.stage import StageResult, run_stage
from pipeline.storage.artifacts import Artifact, digest

CODE = 7  # increase when the same inputs give another result


@dataclass(frozen=True)
class Points:
    """The points that are clustered: one per distinct picture of `frame`.

    `frame` has a row per image, with its content hash and `counts_as`: its own hash, or that of the near duplicate that
    represents it.
    """

    project: Project
    source: Artifact
    frame: pl.DataFrame

    @cached_property
    def unique(self) -> pl.DataFrame:
        """The first image of each picture, in the order of the points."""
        own = self.frame.filter(pl.col("content_hash") == pl.col("counts_as"))
        return own.unique("content_hash", keep="first", maintain_order=True)

    @cached_property
    def hashes(self) -> list[str]:
        """The content hash of each point."""
        return self.unique["content_hash"].to_list()

    @cached_property
    def embeddings(self) -> np.ndarray:
        """Float32 [n, d] L2-normalised."""
        store = self.project.vectors(self.source.facts(ReducedFacts).embeddings)
        return store.read(self.hashes).astype(np.float32)

    @cached_property
    def vectors(self) -> np.ndarray:
        """Float32 [n, k], the input of the clusterer."""
        dimension = self.source.facts(ReducedFacts).dimension
        if not dimension:
            return stored_space(self.source).vectors(self.hashes, self.embeddings)[0]
        return self.unique["vector"].to_numpy().reshape(self.unique.height, dimension)

    def neighbours(self) -> Neighbours:
        """The nearest neighbours of `vectors` for the clusterer `community`. Cached on disk."""
        facts = self.source.facts(ReducedFacts)
        space = facts.space or facts.embeddings
        return shared_neighbours(self.project, self.source.slug, space, self.hashes, self.vectors, NEIGHBOURS - 1)


def read_points(project: Project, source: Artifact) -> Points:
    """The points of a stored `reduced`."""
    schema = reduced_schema(source.facts(ReducedFacts).dimension)
    frame = source.table("reduced", schema)
    counted = counts_as(project, source.slug, frame["content_hash"]).alias("counts_as")
    return Points(project, source, frame.with_columns(counted))


def labels(project: Project, slug: str) -> Report:
    """Bring `labels` up to date."""
    params = cluster_params(project, slug)
    source = project.store.require(slug, "reduced")

    inputs = digest(source.provenance.fingerprint, incremental.clustering(params), CODE, *collapsed(project, slug))
    plan = incremental.make_plan(project, source, params, inputs, CODE, lambda: read_points(project, source).hashes)

    def compute(_: Artifact | None) -> StageResult:
        points = read_points(project, source)
        if plan.held.version is not None and not plan.decision.full:
            return _place_new_images(project, points, plan.held.version, plan)
        return _cluster_all_images(points, params, plan)

    report = run_stage(project, slug, "labels", Facts, plan.fingerprint, compute)
    names = ("images", "groups", "families", "unclustered", "largest")
    report.counts = {name: int(report.facts[name]) for name in names}
    optional = ("accepted", "pairs_kept", "came_since_full", "went_since_full", "placed", "new_unclustered", "compared")
    report.counts |= {name: int(report.facts[name]) for name in optional if name in report.facts}
    return report


def _figures(joined: pl.DataFrame) -> dict[str, Any]:
    """The counts of images and groups in `Facts`."""
    clustered = joined.filter(pl.col("raw_group").is_not_null())
    largest = clustered.group_by("raw_group").len()["len"].max() if clustered.height else 0
    return {"groups": clustered["raw_group"].n_unique(), "unclustered": joined.height - clustered.height,
            "largest": largest, "images": joined.height, "median_probability": clustered["probability"].median(),
            "families": joined["parent_group"].drop_nulls().n_unique()}  # fmt: skip


def _cluster_all_images(points: Points, params: ClusterParams, plan: incremental.Plan) -> StageResult:
    """The result of a full clustering."""
    project, slug, reduced_facts = points.project, points.source.slug, points.source.facts(ReducedFacts)
    history = _history(plan, points.hashes, params.memory)
    grouping, suggested = with_suggestions(points, grouped(points, params, history), params)
    rows = _rows_of_points(points, grouping, families_of(points, grouping, params.seed))
    joined = _rows_of_images(points, rows, LABELS_SCHEMA)
    further = incremental.tables_after_full(project, points.source, plan, rows, points.embeddings)
    tables, facts = {"labels": (joined, LABELS_SCHEMA), **further.tables}, _figures(joined) | further.facts
    facts["copies_only"] = groups_of_copies(project, slug, joined)
    effective = grouping.effective | reduced_facts.space_effective
    # only present if something was collapsed, so that other published documents do not change
    if fewer := points.frame["content_hash"].n_unique() - len(points.hashes):
        effective["near_duplicates_collapsed"] = fewer
    ratio = modularity_ratio(points.vectors, params.seed) if params.method == "community" else None
    facts["modularity_ratio"] = ratio
    effective |= {"modularity_ratio": round(ratio, 3)} if ratio is not None else {}
    if suggested is not None:
        tables["suggestions"] = (_rows_of_images(points, suggested, SUGGESTIONS_SCHEMA), SUGGESTIONS_SCHEMA)
        facts["accepted"] = int(tables["suggestions"][0]["accepted"].sum())
        effective |= {"accept_suggestions": params.accept_suggestions, "accepted": facts["accepted"]}
    if reduced_facts.pairs is not None:
        facts["pairs_kept"] = kept_pairs(joined, reduced_facts.pairs)
    return StageResult(tables, effective, Facts(**facts))


def _rows_of_points(points: Points, grouping: Grouping, parents: np.ndarray) -> pl.DataFrame:
    """The groups of the points, with `BASE_SCHEMA`. `parents` int32 [groups]: the family of each group."""
    inside = grouping.groups >= 0
    above = np.where(inside, parents[grouping.groups], NONE) if len(parents) else grouping.groups
    columns = {
        "content_hash": points.hashes, "raw_group": grouping.groups, "parent_group": above,
        "probability": grouping.probability, "outlier_score": grouping.outlier_score,
    }  # fmt: skip
    grouped = pl.col("raw_group", "parent_group")
    return pl.DataFrame(columns, schema=BASE_SCHEMA).with_columns(pl.when(grouped >= 0).then(grouped).name.keep())


def _rows_of_images(points: Points, rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The `rows` of points, by `content_hash`, for every image that counts as one of them."""
    counted = points.frame.select("image_id", "content_hash", "counts_as")
    table = rows.rename({"content_hash": "counts_as"})
    return counted.join(table, on="counts_as", maintain_order="left").select(list(schema))


def _place_new_images(project: Project, points: Points, held: Artifact, plan: incremental.Plan) -> StageResult:
    """The result of a run without clustering: the groups of the version `held`, with new images placed among them."""
    placed = incremental.place_new(project, points.source, held, plan, points.hashes)
    joined = _rows_of_images(points, placed.rows, LABELS_SCHEMA)
    tables = {"labels": (joined, LABELS_SCHEMA), **placed.tables}
    facts = _figures(joined) | placed.facts
    facts["modularity_ratio"] = plan.held.modularity_ratio
    facts["copies_only"] = groups_of_copies(project, points.source.slug, joined)
    if held.has_table("suggestions"):
        rows = held.table("suggestions", SUGGESTIONS_SCHEMA).join(joined, on="image_id", how="semi")
        tables["suggestions"] = (rows, SUGGESTIONS_SCHEMA)
        facts["accepted"] = int(rows["accepted"].sum())
    pairs = points.source.facts(ReducedFacts).pairs
    if pairs is not None:
        facts["pairs_kept"] = kept_pairs(joined, pairs)
    return StageResult(tables, held.provenance.params, Facts(**facts))


def compare_command(project: Project, slug: str, where: str) -> str:
    """The command that compares settings of a category; `where` are the options that find its data directory."""
    return f"image-cluster tune {shlex.quote(project.category_of(slug))}{where}"


def warning_about_groups(project: Project, slug: str) -> str:
    """Sentences for people if the library has no clear kinds, or clusters of copies; else empty."""
    current = project.store.current(slug, "labels")
    if current is None:
        return ""
    facts = current.facts(Facts)
    vague = facts.modularity_ratio is not None and facts.modularity_ratio < CLEAR
    unclear = no_clear_kinds(facts.images, facts.unclustered, facts.median_probability) if vague else ""
    return " ".join(filter(None, [copies_only(facts.copies_only, facts.groups), unclear]))


def _history(plan: incremental.Plan, hashes: list[str], weight: float) -> History | None:
    """The groups of the last version with this encoder and these settings, or None if there is none."""
    current = plan.held.version
    if current is None or plan.base is None or plan.base.made_of != plan.made_of or not weight:
        return None
    rows = current.table("labels", LABELS_SCHEMA, ["content_hash", "raw_group"]).drop_nulls()
    previous = dict(rows.iter_rows())
    groups = np.array([previous.get(value, NONE) for value in hashes], dtype=np.int32)
    return History(groups, weight)


def grouped(points: Points, params: ClusterParams, history: History | None = None) -> Grouping:
    """Cluster the points; `history` are their groups of the last run."""
    neighbours = points.neighbours() if params.method == "community" and len(points.hashes) > 1 else None
    return labelling.group(points.vectors, params, neighbours=neighbours, history=history)


def with_suggestions(points: Points, grouping: Grouping, params: ClusterParams) -> tuple[Grouping, pl.DataFrame | None]:
    """The groups with confident suggestions accepted, and the suggestions for points.

    The second is None if `accept_suggestions` is not set.
    """
    if params.accept_suggestions is None:
        return grouping, None
    suggestions = suggesting.suggest(points.vectors, grouping.groups)
    groups, probability, taken = suggesting.accept(
        grouping.groups, grouping.probability, suggestions, params.accept_suggestions
    )
    table = pl.DataFrame(
        {
            "content_hash": [points.hashes[row] for row in suggestions.rows],
            "raw_group": suggestions.groups,
            "confidence": suggestions.confidence,
            "accepted": taken,
        },
        schema={name: kind for name, kind in SUGGESTIONS_SCHEMA.items() if name != "image_id"},
    )
    return replace(grouping, groups=groups, probability=probability), table


def kept_pairs(labelled: pl.DataFrame, pairs: Sequence[tuple[str, str, bool]]) -> int:
    """How many of the rated pairs (content hash, content hash, same) agree with the groups."""
    group = dict(labelled.select("content_hash", "raw_group").iter_rows())
    together = [group.get(a) is not None and group.get(a) == group.get(b) for a, b, _ in pairs]
    return sum(grouped_together == same for grouped_together, (_, _, same) in zip(together, pairs, strict=True))


def families_of(points: Points, grouping: Grouping, seed: int) -> np.ndarray:
    """The family of each group, int32 [groups]; always computed on the embeddings."""
    if grouping.parents is not None:
        return family.nested(grouping.parents)
    return family.families(points.embeddings, grouping.groups, seed)
