"""The asset `representatives`: which images stand for a cluster, with a contact sheet.

What belongs here: when it is made, what the UI shows, its check. Not here: choosing
(`pipeline/stages/representatives/ranking.py`), drawing the sheet (`assets/contact_sheet.py`).
"""

from typing import Any

import dagster as dg
import polars as pl

from assets.checks import Finding, category_check
from assets.common import CATEGORY, GROUP, OWNERS, columns, expected_errors, materialized
from assets.contact_sheet import contact_sheet
from assets.overrides import chosen, overrides
from pipeline.settings import RepresentativeParams
from pipeline.stages.identities.contract import CLUSTERS_SCHEMA
from pipeline.stages.representatives.contract import MEMBERS_SCHEMA
from pipeline.steps import representatives as step
from pipeline.steps.project import Project
from resources.project import ProjectResource


class RepresentativeOverrides(overrides(RepresentativeParams)):
    """Which images stand for a cluster, for this run."""


@dg.asset(
    partitions_def=CATEGORY,
    deps=["identities"],
    group_name=GROUP,
    kinds={"numpy", "parquet"},
    owners=OWNERS,
    tags={"holds": "clusters"},
    metadata=columns(
        MEMBERS_SCHEMA,
        {"rank": "0 is the most typical of the cluster", "chosen": "place among the representatives, if it is one",
         "similarity": "cosine to the cluster's centroid"},
    ),
    code_version=str(step.CODE),
)  # fmt: skip
def representatives(
    context: dg.AssetExecutionContext, config: RepresentativeOverrides, project: ProjectResource
) -> dg.MaterializeResult[Any]:
    """The representatives of each cluster, and its members sorted by how typical they are.

    The contact sheet shows the most typical image of each cluster, the largest cluster first.
    """
    with expected_errors(context):
        opened = project.open(context.log, representatives=chosen(config))
        report = step.representatives(opened, context.partition_key)
        sheet = contact_sheet(opened, context.partition_key)
    return materialized(report, contact_sheet=dg.MetadataValue.md(sheet))


@category_check("representatives")
def every_cluster_has_representatives(project: Project, slug: str) -> Finding:
    """Each cluster is represented by one to `representatives.count` of its own members, and has a most typical one."""
    wanted = project.store.require(slug, "identities").table("clusters", CLUSTERS_SCHEMA, ["cluster_id", "size"])
    stored = project.store.require(slug, "representatives")
    members = stored.table("members", MEMBERS_SCHEMA)
    counted = members.group_by("cluster_id").agg(
        pl.len().cast(pl.Int64).alias("members"), pl.col("chosen").count().alias("chosen"),
        (pl.col("rank") == 0).sum().alias("typical"),
    )  # fmt: skip
    most = int(stored.provenance.params["count"])
    good = wanted.join(counted, on="cluster_id").filter(
        (pl.col("size") == pl.col("members")) & pl.col("chosen").is_between(1, most) & (pl.col("typical") == 1)
    )
    return Finding(
        passed=good.height == wanted.height == counted.height,
        text=f"{good.height:,} of {wanted.height:,} clusters are represented, by up to {most} images each",
        figures={"clusters": wanted.height, "represented": good.height, "chosen": int(counted["chosen"].sum())},
    )
