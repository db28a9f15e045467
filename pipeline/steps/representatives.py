"""`identities` → `representatives`: members by how typical they are, the chosen representatives, the centroid.

What belongs here: reading members and vectors, skipping unchanged clusters, storing. Not here: the ranking
(`stages/representatives/ranking.py`).
"""

import hashlib
from typing import Any

import numpy as np
import polars as pl

from pipeline.settings import RepresentativeParams
from pipeline.stages.identities.contract import MEMBERS_SCHEMA as HOMES_SCHEMA
from pipeline.stages.representatives import ranking as representing
from pipeline.stages.representatives.contract import MADE_OF_SCHEMA, MEMBERS_SCHEMA, Facts, clusters_schema
from pipeline.steps.project import Project, Report
from pipeline.steps.stage import StageResult, Usable, run_stage
from pipeline.storage.artifacts import Artifact, digest

CODE = 1  # increase when the same inputs give another result


def representatives(project: Project, slug: str) -> Report:
    """Bring `representatives` up to date. Clusters with unchanged members are not computed again."""
    params = project.settings.representatives
    source = project.store.require(slug, "identities")
    usable = Usable(project, slug)

    def inputs() -> str:
        return digest(source.provenance.fingerprint, usable.fingerprint, params.model_dump(), CODE)

    def compute(current: Artifact | None) -> StageResult:
        store = project.vectors(usable.fingerprint)
        schema = clusters_schema(store.dimension() or 0)
        members = source.table("members", HOMES_SCHEMA).filter(pl.col("cluster_id").is_not_null())
        members = members.sort("cluster_id", "image_id")
        made_of = _made_of(members, [usable.fingerprint, params.model_dump(), CODE])
        clusters, rows = _unchanged_rows(current, made_of, schema)
        changed = members.join(clusters, on="cluster_id", how="anti", maintain_order="left")
        fresh = _rank_members(changed, store.read(changed["content_hash"].to_list()), params, schema)
        return StageResult(
            tables={
                "clusters": (pl.concat([clusters, fresh[0]]).sort("cluster_id"), schema),
                "members": (pl.concat([rows, fresh[1]]).sort("cluster_id", "rank"), MEMBERS_SCHEMA),
                "made_of": (made_of, MADE_OF_SCHEMA),
            },
            params=params.model_dump(),
            facts=Facts(dimension=store.dimension() or 0, clusters=clusters.height + fresh[0].height,
                        images=usable.images.height, computed=fresh[0].height),
        )  # fmt: skip

    seen = usable.seen(source.provenance.fingerprint, params.model_dump(), CODE)
    report = run_stage(project, slug, "representatives", Facts, inputs, compute, seen=seen)
    report.counts = {"clusters": int(report.facts["clusters"])}
    return report


def _made_of(members: pl.DataFrame, further: list[Any]) -> pl.DataFrame:
    """A digest of the inputs of each cluster's rows, `MADE_OF_SCHEMA`; `members` must be sorted."""
    grouped = members.group_by("cluster_id", maintain_order=True).agg("image_id", "content_hash")
    rows: list[tuple[str, str]] = []
    for cluster, images, hashes in grouped.iter_rows():
        named = hashlib.blake2b("\n".join([*images, *hashes]).encode(), digest_size=12).hexdigest()
        rows.append((cluster, digest(named, further)))
    return pl.DataFrame(rows, schema=MADE_OF_SCHEMA, orient="row")


def _unchanged_rows(
    current: Artifact | None, made_of: pl.DataFrame, schema: pl.Schema
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The stored rows of `clusters` and `members` for clusters whose inputs did not change."""
    if current is None or "made_of" not in current.provenance.rows:
        return schema.to_frame(), MEMBERS_SCHEMA.to_frame()
    same = made_of.join(current.table("made_of", MADE_OF_SCHEMA), on=list(MADE_OF_SCHEMA), how="semi")
    if not same.height:
        return schema.to_frame(), MEMBERS_SCHEMA.to_frame()
    clusters = current.table("clusters", schema).join(same, on="cluster_id", how="semi")
    rows = current.table("members", MEMBERS_SCHEMA).join(same, on="cluster_id", how="semi")
    return clusters, rows


def _rank_members(
    members: pl.DataFrame, vectors: np.ndarray, params: RepresentativeParams, schema: pl.Schema
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The tables `clusters` and `members` for `members` with `vectors`, float [n, d]."""
    clusters: list[dict[str, Any]] = []
    rows: list[pl.DataFrame] = []
    start = 0
    for (cluster,), part in members.group_by("cluster_id", maintain_order=True):
        names = part["image_id"].to_list()
        ranking = representing.represent(vectors[start : start + part.height], names, params)
        start += part.height
        clusters.append({"cluster_id": cluster, "size": part.height, "cohesion": ranking.cohesion,
                         "representative": names[ranking.chosen[0]], "centroid": ranking.centroid})  # fmt: skip
        place = {row: number for number, row in enumerate(ranking.chosen)}
        rows.append(
            pl.DataFrame(
                [{"cluster_id": cluster, "image_id": names[row], "rank": rank, "chosen": place.get(int(row)),
                  "similarity": float(ranking.similarity[row])} for rank, row in enumerate(ranking.order)],
                schema=MEMBERS_SCHEMA,
            )
        )  # fmt: skip
    empty = MEMBERS_SCHEMA.to_frame()
    return pl.DataFrame(clusters, schema=schema), pl.concat([empty, *rows])
