"""The asset `labels`: which group each image fell into in this clustering.

What belongs here: when it is made, what the UI shows, its check. Not here: the clusterers
(`pipeline/stages/labels.py`), lasting ids (`assets/identities.py`).
"""

from typing import Any

import dagster as dg

from assets.checks import Finding, category_check
from assets.common import CATEGORY, GROUP, OWNERS, columns, expected_errors, materialized
from assets.overrides import chosen, overrides
from pipeline.settings import ClusterParams
from pipeline.stages.labels import LABELS_SCHEMA
from pipeline.stages.reduced import reduced_schema
from pipeline.steps import labels as step
from pipeline.steps.project import Project
from resources.project import ProjectResource


class ClusterOverrides(overrides(ClusterParams)):
    """How vectors become groups, for this run."""


@dg.asset(
    partitions_def=CATEGORY,
    deps=["reduced"],
    group_name=GROUP,
    kinds={"hdbscan", "scikitnetwork", "parquet"},
    owners=OWNERS,
    tags={"holds": "groups"},
    metadata=columns(
        LABELS_SCHEMA,
        {"raw_group": "number in this run only; empty where the image fits nowhere", "probability": "0 to 1",
         "outlier_score": "0 to 1; high is odd"},
    ),
    code_version=str(step.CODE),
)  # fmt: skip
def labels(
    context: dg.AssetExecutionContext, config: ClusterOverrides, project: ProjectResource
) -> dg.MaterializeResult[Any]:
    """Which images look alike: a group for each image, or none where it fits nowhere.

    Group numbers hold for one run only; `identities` gives them ids that last.
    """
    with expected_errors(context):
        return materialized(step.labels(project.open(context.log, labels=chosen(config)), context.partition_key))


@category_check("labels")
def no_image_is_lost(project: Project, slug: str) -> Finding:
    """Rows in reduced = rows in labels, the same images, none twice."""
    source = project.store.require(slug, "reduced")
    schema = reduced_schema(source.provenance.facts["dimension"])
    before = source.table("reduced", schema, ["image_id"])["image_id"]
    after = project.store.require(slug, "labels").table("labels", LABELS_SCHEMA, ["image_id", "raw_group"])
    lost = len(set(before) - set(after["image_id"]))
    return Finding(
        passed=lost == 0 and before.len() == after.height,
        text=f"{before.len():,} images in, {after.height:,} labelled or left out on purpose, {lost:,} lost",
        figures={
            "images": before.len(),
            "rows": after.height,
            "lost": lost,
            "no_group": after["raw_group"].null_count(),
        },
    )
