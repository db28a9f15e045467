"""The asset `similarity`: the index for similarity search.

What belongs here: when it is made, what the UI shows, its check. Not here: FAISS
(`pipeline/stages/similarity/index.py`).
"""

from typing import Any

import dagster as dg
import polars as pl

from assets.checks import Finding, category_check
from assets.common import CATEGORY, GROUP, OWNERS, columns, expected_errors, materialized
from assets.overrides import chosen, overrides
from pipeline.settings import SimilarityParams
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.similarity.contract import IDS_SCHEMA
from pipeline.steps import similarity as step
from pipeline.steps.project import Project
from pipeline.steps.units import units
from resources.project import ProjectResource


class SimilarityOverrides(overrides(SimilarityParams)):
    """Exact or in cells, for this run."""


@dg.asset(
    partitions_def=CATEGORY,
    deps=["images", "embeddings"],
    group_name=GROUP,
    kinds={"faiss", "parquet"},
    owners=OWNERS,
    tags={"holds": "vectors"},
    metadata=columns(IDS_SCHEMA, {"row": "row of the index", "key": "of the object in the bucket"}),
    code_version=str(step.CODE),
)
def similarity(
    context: dg.AssetExecutionContext, config: SimilarityOverrides, project: ProjectResource
) -> dg.MaterializeResult[Any]:
    """The index for similarity search. A cache: it can always be rebuilt."""
    with expected_errors(context):
        opened = project.open(context.log, similarity=chosen(config))
        return materialized(step.similarity(opened, context.partition_key))


@category_check("similarity")
def every_usable_image_can_be_found(project: Project, slug: str) -> Finding:
    """Usable images = rows of the index, numbered without a gap."""
    images = units(project.store, slug).table("images", IMAGES_SCHEMA, ["image_id", "status"])
    usable = set(images.filter(pl.col("status") == "ok")["image_id"].to_list())
    ids = project.store.require(slug, "similarity").table("ids", IDS_SCHEMA, ["row", "image_id"])
    in_order = ids["row"].to_list() == list(range(ids.height))
    return Finding(
        passed=in_order and ids.height == len(usable) and set(ids["image_id"].to_list()) == usable,
        text=f"{len(usable):,} usable images, {ids.height:,} rows in the index",
        figures={"usable": len(usable), "rows": ids.height},
    )
