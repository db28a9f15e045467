"""Labels without clustering again: what the last full clustering left, what changed since, where new images go.

What belongs here: reading and storing what incremental runs need. Not here: when a full clustering is due and the rule
of placing (`stages/labels/incremental.py`), the full clustering itself (`labels.py`).

A version of `labels` carries the rows of the last full clustering (`base`) and its figures (`ranges`, `library`) along.
So what an incremental run gives depends on that clustering and on who came and went since, not on the order of nights.
An image that left and comes back has its old place; one that was placed keeps its place as long as it is there.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from pipeline.settings import ClusterParams
from pipeline.stages.labels import incremental as placement
from pipeline.stages.labels.contract import BASE_SCHEMA, LABELS_SCHEMA, LIBRARY_SCHEMA, NONE, RANGES_SCHEMA, Base, Facts
from pipeline.stages.labels.incremental import Decision, Placement, Ranges
from pipeline.stages.reduced.contract import Facts as ReducedFacts
from pipeline.steps.features import stored_space
from pipeline.steps.project import Project
from pipeline.steps.reduced import reduction_as_used
from pipeline.storage.artifacts import Artifact, digest

# knobs that say when to cluster, or how to cluster the next time, and change nothing that was found
WHEN = {"recluster", "recluster_share", "recluster_days", "memory"}
READ_AT_ONCE = 8192  # vectors of members in memory
PLACED_AT_ONCE = 1024


@dataclass(frozen=True)
class Plan:
    """What a run of `labels` is going to do; `inputs` is a digest of all that it is made from but the mode."""

    decision: Decision
    inputs: str
    made_of: str
    fingerprint: str
    base: Base | None

    @property
    def facts(self) -> dict[str, Any]:
        """The fields of `Facts` that say of it what a version of `labels` records."""
        said = self.decision
        return {"mode": said.mode, "reason": said.reason, "why": said.why, "inputs": self.inputs,
                "came_since_full": said.added, "went_since_full": said.removed}  # fmt: skip


def clustering(params: ClusterParams) -> dict[str, Any]:
    """The parameters that change what a clustering finds."""
    return params.model_dump(exclude=WHEN)


def planned(project: Project, source: Artifact, inputs: str, code: int, hashes: Callable[[], list[str]]) -> Plan:
    """What to do about `labels`; `hashes` gives the points, and is asked only where they may have changed."""
    params = project.settings.labels
    current = project.store.current(source.slug, "labels")
    facts = current.facts(Facts) if current is not None else None
    base = facts.full if facts is not None else None
    made = _made_of(project, source, code)
    same = facts is not None and facts.inputs == inputs
    added, removed = (facts.came_since_full, facts.went_since_full) if facts is not None else (0, 0)
    if current is not None and base is not None and not same:
        then = set(current.table("base", BASE_SCHEMA, ["content_hash"])["content_hash"])
        now = set(hashes())
        added, removed = len(now - then), len(then - now)
    decision = placement.decide(base, added, removed, params, made_of=made, now=project.now())
    if current is not None and facts is not None and same and (not decision.full or facts.mode == "full"):
        # the very images of last time: clustering them in full again would find the very same groups
        return Plan(decision, inputs, made, current.provenance.fingerprint, base)
    since = base.at if base is not None and not decision.full else ""
    return Plan(decision, inputs, made, digest(inputs, decision.mode, since), base)


def _made_of(project: Project, source: Artifact, code: int) -> str:
    facts = source.facts(ReducedFacts)
    reduction = reduction_as_used(project).model_dump() if facts.dimension else {}
    return digest(
        facts.embeddings, clustering(project.settings.labels), code, reduction, facts.pairs or [],
        facts.space_params, project.settings.duplicates.collapse,
    )  # fmt: skip


def after_full(
    project: Project, source: Artifact, plan: Plan, rows: pl.DataFrame, vectors: np.ndarray
) -> dict[str, Any]:
    """Further tables and facts of a full clustering, from its `rows` (`BASE_SCHEMA`) and the points' embeddings."""
    space = stored_space(source).vectors(rows["content_hash"].to_list(), vectors)[0]
    found = placement.ranges(space, rows["raw_group"].fill_null(NONE).to_numpy())
    near = pl.DataFrame({"raw_group": list(found.near), "near": list(found.near.values())}, schema=RANGES_SCHEMA)
    library = pl.DataFrame(
        [
            {
                "images": found.images,
                "spread": found.spread,
                "isolation": found.isolation,
                "centre": found.centre.tolist(),
            }
        ],
        schema=LIBRARY_SCHEMA,
    )
    tables = {"base": (rows, BASE_SCHEMA), "ranges": (near, RANGES_SCHEMA), "library": (library, LIBRARY_SCHEMA)}
    full = Base(at=project.now(), images=rows.height, made_of=plan.made_of)
    facts = {**plan.facts, "full": full, "came_since_full": 0, "went_since_full": 0, "placed": 0,
             "new_unclustered": 0, "compared": 0}  # fmt: skip
    return {"tables": tables, "facts": facts}


@dataclass(frozen=True)
class Placed:
    """`rows` (`BASE_SCHEMA`), one per point; further `tables` and `facts` of the version."""

    rows: pl.DataFrame
    tables: dict[str, tuple[pl.DataFrame, pl.Schema]]
    facts: dict[str, Any]


def placed(project: Project, source: Artifact, current: Artifact, plan: Plan, hashes: list[str]) -> Placed:
    """The rows of the points `hashes`: those of before, with new images placed and lonely groups given up."""
    base = current.table("base", BASE_SCHEMA)
    before = current.table("labels", LABELS_SCHEMA, list(BASE_SCHEMA)).unique("content_hash", keep="first")
    known = pl.concat([base, before.join(base, on="content_hash", how="anti")])
    wanted = pl.DataFrame({"content_hash": hashes}, schema={"content_hash": pl.String()})
    held = base.filter(pl.col("raw_group").is_not_null()).join(wanted, on="content_hash", how="semi")
    new = wanted.join(known, on="content_hash", how="anti")["content_hash"].to_list()
    earlier = wanted.join(before, on="content_hash", how="semi").join(base, on="content_hash", how="anti")
    found = _place(project, source, new, earlier["content_hash"].to_list(), held, _ranges(current))
    parents = base.select("raw_group", "parent_group").drop_nulls("raw_group").unique("raw_group")
    groups = pl.Series("raw_group", found.groups, dtype=pl.Int32)
    arrived = pl.DataFrame(
        {
            "content_hash": pl.Series(new, dtype=pl.String()),
            "raw_group": pl.select(pl.when(groups >= 0).then(groups)).to_series(),
            "probability": pl.Series(found.probability, dtype=pl.Float32),
            "outlier_score": pl.Series(found.outlier_score, dtype=pl.Float32),
        }
    ).join(parents, on="raw_group", how="left", maintain_order="left").select(list(BASE_SCHEMA))  # fmt: skip
    rows = wanted.join(pl.concat([known, arrived]), on="content_hash", how="left", maintain_order="left")
    rows = _without_lonely(rows.select(list(BASE_SCHEMA)))
    fresh = rows.join(base, on="content_hash", how="anti")
    facts = {
        **plan.facts,
        "full": current.facts(Facts).full,
        "placed": fresh["raw_group"].count(),
        "new_unclustered": fresh["raw_group"].null_count(),
        "compared": found.compared,
    }
    tables = {name: (current.table(name, schema), schema) for name, schema in
              (("base", BASE_SCHEMA), ("ranges", RANGES_SCHEMA), ("library", LIBRARY_SCHEMA))}  # fmt: skip
    return Placed(rows, tables, facts)


def _ranges(current: Artifact) -> Ranges:
    near = dict(current.table("ranges", RANGES_SCHEMA).iter_rows())
    row = current.table("library", LIBRARY_SCHEMA).row(0, named=True)
    return Ranges(near, row["spread"], np.array(row["centre"], dtype=np.float32), row["images"], row["isolation"])


def _place(
    project: Project, source: Artifact, new: list[str], earlier: list[str], held: pl.DataFrame, ranges: Ranges
) -> Placement:
    """Place `new` among `held`; `earlier` came since the full clustering too. Nothing is read where nothing is new."""
    if not new:
        none = np.empty(0, dtype=np.float32)
        return Placement(none.astype(np.int32), none, none, 0)
    store, space = project.vectors(source.facts(ReducedFacts).embeddings), stored_space(source)

    def read(hashes: list[str]) -> np.ndarray:
        return space.vectors(hashes, store.read(hashes).astype(np.float32))[0]

    def members() -> Iterator[tuple[int, np.ndarray]]:
        parts = held.sort("raw_group", "content_hash").group_by("raw_group", maintain_order=True).agg("content_hash")
        waiting: list[tuple[int, list[str]]] = []
        for number, (group, hashes) in enumerate(parts.iter_rows()):
            waiting.append((int(group), hashes))
            count = sum(len(some) for _, some in waiting)
            if count >= READ_AT_ONCE or number == parts.height - 1:
                vectors = read([value for _, some in waiting for value in some])
                ends = np.cumsum([len(some) for _, some in waiting])[:-1]
                yield from zip([one for one, _ in waiting], np.split(vectors, ends), strict=True)
                waiting = []

    vectors, others = read(new), read(earlier)
    done: list[Placement] = []
    for start in range(0, len(new), PLACED_AT_ONCE):
        part = slice(start, start + PLACED_AT_ONCE)
        beside = np.concatenate([np.delete(vectors, part, axis=0), others])
        done.append(placement.place(vectors[part], members(), ranges, beside))
    return Placement(
        np.concatenate([one.groups for one in done]),
        np.concatenate([one.probability for one in done]),
        np.concatenate([one.outlier_score for one in done]),
        sum(one.compared for one in done),
    )


def _without_lonely(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows, where a group with fewer than `placement.FEWEST` members left is none any more."""
    stays = pl.len().over("raw_group") >= placement.FEWEST
    return rows.with_columns(
        pl.when(stays & pl.col("raw_group").is_not_null()).then(pl.col(name)).otherwise(empty).alias(name)
        for name, empty in (("raw_group", None), ("parent_group", None), ("probability", pl.lit(0.0, pl.Float32)))
    )
