"""The asset `labels`: the raw cluster of each image in this clustering.

What belongs here: when it is made, what the UI shows, its check. Not here: the clusterers
(`pipeline/stages/labels/clusterers.py`), lasting ids (`assets/identities.py`).
"""

from typing import Any

import dagster as dg

from assets.checks import Finding, category_check
from assets.common import CATEGORY, GROUP, OWNERS, columns, expected_errors, materialized
from assets.overrides import chosen, overrides
from pipeline.settings import ClusterParams
from pipeline.stages.labels.contract import LABELS_SCHEMA
from pipeline.stages.reduced.contract import Facts as ReducedFacts
from pipeline.stages.reduced.contract import reduced_schema
from pipeline.steps import labels as step
from pipeline.steps.features import SPACE_KNOBS
from pipeline.steps.project import Project
from resources.project import ProjectResource


class ClusterOverrides(overrides(ClusterParams, without=SPACE_KNOBS)):
    """How vectors become groups, for this run."""


@dg.asset(
    partitions_def=CATEGORY,
    deps=["reduced", "duplicates"],
    group_name=GROUP,
    kinds={"graspologic", "scikitnetwork", "parquet"},
    owners=OWNERS,
    tags={"holds": "groups"},
    metadata=columns(
        LABELS_SCHEMA,
        {"parent_group": "number of the cluster one level coarser", "probability": "0 to 1",
         "outlier_score": "0 to 1; high is odd"},
    ),
    code_version=str(step.CODE),
)  # fmt: skip
def labels(
    context: dg.AssetExecutionContext, config: ClusterOverrides, project: ProjectResource
) -> dg.MaterializeResult[Any]:
    """Raw clusters of similar images: one for each image, or none if the image is unclustered.

    A few new images are placed into the existing clusters (`mode` incremental). All images are clustered again (full)
    when much has changed, by schedule, or with `recluster: always` in this run's configuration. Until then, the numbers
    of raw clusters stay; lasting ids are in `identities`.
    """
    with expected_errors(context):
        report = step.labels(project.open(context.log, labels=chosen(config)), context.partition_key)
        texts = {name: str(report.facts[name]) for name in ("mode", "why") if name in report.facts}
        if report.unchanged and "why" in texts:
            texts["why"] = f"Nothing changed, so nothing was clustered. The last time: {texts['why']}"
        return materialized(report, **{name: dg.MetadataValue.text(text) for name, text in texts.items()})


@category_check("labels")
def no_image_is_lost(project: Project, slug: str) -> Finding:
    """Rows in reduced = rows in labels, the same images, none twice."""
    source = project.store.require(slug, "reduced")
    schema = reduced_schema(source.facts(ReducedFacts).dimension)
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
