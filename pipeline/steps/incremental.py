"""Incremental labels: new images are placed in the groups of the last full clustering.

What belongs here: reading and storing what incremental runs need. Not here: when a full clustering is due and the rule
for placing (`stages/labels/incremental.py`), the full clustering itself (`labels.py`).

Every version of `labels` keeps the rows of the last full clustering (`base`) and its figures (`ranges`, `library`). The
result of an incremental run therefore depends on that clustering and on the images added and removed since, not on the
order of runs. An image that comes back gets its old group; a placed image keeps its group while it exists.

When the encoder or a setting is changed and then changed back, the clustering of before goes on, if its version is
still kept: an undo brings back the clusters that people named, not similar ones.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from pipeline.errors import DamagedArtifactError
from pipeline.settings import ClusterParams
from pipeline.stages.labels import incremental as placement
from pipeline.stages.labels.contract import (
    BASE_SCHEMA,
    LABELS_SCHEMA,
    LIBRARY_SCHEMA,
    NONE,
    RANGES_SCHEMA,
    Base,
    Facts,
    Former,
)
from pipeline.stages.labels.incremental import Decision, Members, Placement, Ranges
from pipeline.stages.reduced.contract import Facts as ReducedFacts
from pipeline.steps.features import stored_space
from pipeline.steps.project import Project
from pipeline.steps.reduced import reduction_as_used
from pipeline.storage.artifacts import Artifact, digest

# settings that decide when to cluster, or affect the next clustering, but do not change stored groups
WHEN = {"recluster", "recluster_share", "recluster_days", "memory"}
READ_AT_ONCE = 8192  # vectors of members in memory
PLACED_AT_ONCE = 1024
FORMERS = 4  # as many as the store keeps versions beside the current one


@dataclass(frozen=True)
class Plan:
    """What a run of `labels` will do; `inputs` is a digest of all its inputs except the mode.

    `held` is what the run goes on from; `formers`: the clusterings of other settings that the next version remembers.
    """

    decision: Decision
    inputs: str
    made_of: str
    fingerprint: str
    held: "Held"
    formers: list[Former]

    @property
    def base(self) -> Base | None:
        """The last full clustering of what the run goes on from."""
        return self.held.base

    @property
    def facts(self) -> dict[str, Any]:
        """The fields of `Facts` that record this plan."""
        decision = self.decision
        return {"mode": decision.mode, "reason": decision.reason, "why": decision.why, "inputs": self.inputs,
                "came_since_full": decision.added, "went_since_full": decision.removed,
                **({"formers": self.formers} if self.formers else {})}  # fmt: skip


def clustering(params: ClusterParams) -> dict[str, Any]:
    """The parameters that change the result of a clustering."""
    return params.model_dump(exclude=WHEN)


def make_plan(
    project: Project, source: Artifact, params: ClusterParams, inputs: str, code: int, hashes: Callable[[], list[str]]
) -> Plan:
    """The plan for `labels`; `hashes` returns the points, and is called only if they may have changed."""
    current = project.store.current(source.slug, "labels")
    facts = current.facts(Facts) if current is not None else None
    made = made_of(project, source, params, code)
    formers = _formers(current, facts, made)
    held = _held(project, current, facts, made)
    base = held.base
    same = facts is not None and facts.inputs == inputs
    added, removed = (facts.came_since_full, facts.went_since_full) if facts is not None else (0, 0)
    if held.version is not None and base is not None and not same:
        then = set(held.version.table("base", BASE_SCHEMA, ["content_hash"])["content_hash"])
        now = set(hashes())
        added, removed = len(now - then), len(then - now)
    decision = placement.decide(base, added, removed, params, made_of=made, now=project.now())
    if current is not None and facts is not None and same and (not decision.full or facts.mode == "full"):
        # the same images as before: a full clustering would find the same groups
        return Plan(decision, inputs, made, current.provenance.fingerprint, held, formers)
    since = base.at if base is not None and not decision.full else ""
    return Plan(decision, inputs, made, digest(inputs, decision.mode, since), held, formers)


def _formers(current: Artifact | None, facts: Facts | None, made: str) -> list[Former]:
    """The clusterings of other settings that the next version remembers, the newest first."""
    if current is None or facts is None:
        return []
    kept = list(facts.formers or [])
    if facts.full is not None:
        own = current.provenance
        kept.insert(0, Former(full=facts.full, version=own.version, params=own.params, digests=own.digests,
                              modularity_ratio=facts.modularity_ratio))  # fmt: skip
    by_settings: dict[str, Former] = {}
    for former in kept:
        by_settings.setdefault(former.full.made_of, former)
    by_settings.pop(made, None)
    return list(by_settings.values())[:FORMERS]


class Held(NamedTuple):
    """A version of `labels`, its last full clustering, and the modularity ratio of that."""

    version: Artifact | None
    base: Base | None = None
    modularity_ratio: float | None = None


def _held(project: Project, current: Artifact | None, facts: Facts | None, made: str) -> Held:
    """What the next clustering goes on from: a version with the present settings if there is one, else the current."""
    if current is None or facts is None:
        return Held(current)
    now = Held(current, facts.full, facts.modularity_ratio)
    if facts.full is None or facts.full.made_of == made:
        return now
    for former in facts.formers or []:
        if former.full.made_of == made:
            found = project.store.kept(current, former.version, params=former.params, digests=former.digests)
            if found is not None and _is_whole(found):
                return Held(found, former.full, former.modularity_ratio)
    return now


def _is_whole(version: Artifact) -> bool:
    """Whether all that an incremental run reads is there; else the images are clustered afresh."""
    schemas = {"base": BASE_SCHEMA, "labels": LABELS_SCHEMA, "ranges": RANGES_SCHEMA, "library": LIBRARY_SCHEMA}
    try:
        for name, schema in schemas.items():
            version.table(name, schema)
    except DamagedArtifactError:
        return False
    return True


def made_of(project: Project, source: Artifact, params: ClusterParams, code: int) -> str:
    """A digest of everything but the images that a full clustering depends on: settings, space, ratings, code."""
    facts = source.facts(ReducedFacts)
    reduction = reduction_as_used(project).model_dump() if facts.dimension else {}
    return digest(
        facts.embeddings, clustering(params), code, reduction, facts.pairs or [],
        facts.space_params, project.settings.duplicates.collapse,
    )  # fmt: skip


class Further(NamedTuple):
    """What a full clustering stores beside the labels, for later incremental runs."""

    tables: dict[str, tuple[pl.DataFrame, pl.Schema]]
    facts: dict[str, Any]


def tables_after_full(
    project: Project, source: Artifact, plan: Plan, rows: pl.DataFrame, vectors: np.ndarray
) -> Further:
    """The tables and facts for later incremental runs, from the `rows` (`BASE_SCHEMA`) of a full clustering and the
    embeddings of its points, float32 [n, d]."""
    space = stored_space(source).vectors(rows["content_hash"].to_list(), vectors)[0]
    ranges = placement.ranges(space, rows["raw_group"].fill_null(NONE).to_numpy())
    near = pl.DataFrame({"raw_group": list(ranges.near), "near": list(ranges.near.values())}, schema=RANGES_SCHEMA)
    library = pl.DataFrame(
        [
            {
                "images": ranges.images,
                "spread": ranges.spread,
                "isolation": ranges.isolation,
                "centre": ranges.centre.tolist(),
            }
        ],
        schema=LIBRARY_SCHEMA,
    )
    tables = {"base": (rows, BASE_SCHEMA), "ranges": (near, RANGES_SCHEMA), "library": (library, LIBRARY_SCHEMA)}
    full = Base(at=project.now(), images=rows.height, made_of=plan.made_of)
    facts = {**plan.facts, "full": full, "came_since_full": 0, "went_since_full": 0, "placed": 0,
             "new_unclustered": 0, "compared": 0}  # fmt: skip
    return Further(tables, facts)


@dataclass(frozen=True)
class Placed:
    """`rows` (`BASE_SCHEMA`), one per point, and the other `tables` and `facts` of the version."""

    rows: pl.DataFrame
    tables: dict[str, tuple[pl.DataFrame, pl.Schema]]
    facts: dict[str, Any]


def place_new(project: Project, source: Artifact, current: Artifact, plan: Plan, hashes: list[str]) -> Placed:
    """The rows of the points `hashes`: the stored ones, with new images placed and groups that became too small
    dissolved."""
    base = current.table("base", BASE_SCHEMA)
    before = current.table("labels", LABELS_SCHEMA, list(BASE_SCHEMA)).unique("content_hash", keep="first")
    labelled = pl.concat([base, before.join(base, on="content_hash", how="anti")])
    wanted = pl.DataFrame({"content_hash": hashes}, schema={"content_hash": pl.String()})
    members = base.filter(pl.col("raw_group").is_not_null()).join(wanted, on="content_hash", how="semi")
    new = wanted.join(labelled, on="content_hash", how="anti")["content_hash"].to_list()
    earlier = wanted.join(before, on="content_hash", how="semi").join(base, on="content_hash", how="anti")
    arrivals = _place(project, source, new, earlier["content_hash"].to_list(), members, _ranges(current))
    parents = base.select("raw_group", "parent_group").drop_nulls("raw_group").unique("raw_group")
    groups = pl.Series("raw_group", arrivals.groups, dtype=pl.Int32)
    arrived = pl.DataFrame(
        {
            "content_hash": pl.Series(new, dtype=pl.String()),
            "raw_group": pl.select(pl.when(groups >= 0).then(groups)).to_series(),
            "probability": pl.Series(arrivals.probability, dtype=pl.Float32),
            "outlier_score": pl.Series(arrivals.outlier_score, dtype=pl.Float32),
        }
    ).join(parents, on="raw_group", how="left", maintain_order="left").select(list(BASE_SCHEMA))  # fmt: skip
    rows = wanted.join(pl.concat([labelled, arrived]), on="content_hash", how="left", maintain_order="left")
    rows = _without_lonely(rows.select(list(BASE_SCHEMA)))
    fresh = rows.join(base, on="content_hash", how="anti")
    facts = {
        **plan.facts,
        "full": plan.base,
        "placed": fresh["raw_group"].count(),
        "new_unclustered": fresh["raw_group"].null_count(),
        "compared": arrivals.compared,
    }
    tables = {name: (current.table(name, schema), schema) for name, schema in
              (("base", BASE_SCHEMA), ("ranges", RANGES_SCHEMA), ("library", LIBRARY_SCHEMA))}  # fmt: skip
    return Placed(rows, tables, facts)


def _ranges(current: Artifact) -> Ranges:
    near = dict(current.table("ranges", RANGES_SCHEMA).iter_rows())
    row = current.table("library", LIBRARY_SCHEMA).row(0, named=True)
    return Ranges(near, row["spread"], np.array(row["centre"], dtype=np.float32), row["images"], row["isolation"])


def _place(
    project: Project, source: Artifact, new: list[str], earlier: list[str], labelled: pl.DataFrame, ranges: Ranges
) -> Placement:
    """Place `new` among the groups of `labelled`; `earlier` arrived in earlier incremental runs."""
    if not new:
        none = np.empty(0, dtype=np.float32)
        return Placement(none.astype(np.int32), none, none, 0)
    store, space = project.vectors(source.facts(ReducedFacts).embeddings), stored_space(source)

    def read(hashes: list[str]) -> np.ndarray:
        return space.vectors(hashes, store.read(hashes).astype(np.float32))[0]

    def members() -> Iterator[Members]:
        ordered = labelled.sort("raw_group", "content_hash")
        parts = ordered.group_by("raw_group", maintain_order=True).agg("content_hash", "probability")
        waiting: list[tuple[int, list[str], list[float]]] = []
        for number, (group, hashes, probability) in enumerate(parts.iter_rows()):
            waiting.append((int(group), hashes, probability))
            count = sum(len(some) for _, some, _ in waiting)
            if count >= READ_AT_ONCE or number == parts.height - 1:
                vectors = read([value for _, some, _ in waiting for value in some])
                ends = np.cumsum([len(some) for _, some, _ in waiting])[:-1]
                for (owner, _, sure), own in zip(waiting, np.split(vectors, ends), strict=True):
                    yield Members(owner, own, np.array(sure))
                waiting = []

    vectors, others = read(new), read(earlier)
    done: list[Placement] = []
    for start in range(0, len(new), PLACED_AT_ONCE):
        part = slice(start, start + PLACED_AT_ONCE)
        beside = np.concatenate([np.delete(vectors, part, axis=0), others])
        done.append(placement.place(vectors[part], members(), ranges, beside))
    return Placement(
        np.concatenate([batch.groups for batch in done]),
        np.concatenate([batch.probability for batch in done]),
        np.concatenate([batch.outlier_score for batch in done]),
        sum(batch.compared for batch in done),
    )


def _without_lonely(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows, with groups of fewer than `placement.FEWEST` members dissolved."""
    stays = pl.len().over("raw_group") >= placement.FEWEST
    return rows.with_columns(
        pl.when(stays & pl.col("raw_group").is_not_null()).then(pl.col(name)).otherwise(empty).alias(name)
        for name, empty in (("raw_group", None), ("parent_group", None), ("probability", pl.lit(0.0, pl.Float32)))
    )
