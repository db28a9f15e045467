"""The asset `reduced`: the vectors that are clustered, and the map.

What belongs here: when it is made, what the UI shows, its check. Not here: UMAP and PCA
(`pipeline/stages/reduced/projection.py`).
"""

from typing import Any

import dagster as dg
import polars as pl

from assets.checks import Finding, category_check
from assets.common import CATEGORY, GROUP, OWNERS, columns, expected_errors, materialized
from assets.overrides import chosen, overrides
from pipeline.settings import ReductionParams
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.reduced.contract import Facts, reduced_schema
from pipeline.steps import reduced as step
from pipeline.steps.project import Project
from pipeline.steps.units import units
from resources.project import ProjectResource


class ReductionOverrides(overrides(ReductionParams)):
    """How vectors are reduced, for this run."""


@dg.asset(
    partitions_def=CATEGORY,
    deps=["images", "embeddings"],
    group_name=GROUP,
    kinds={"parquet"},
    owners=OWNERS,
    tags={"holds": "vectors"},
    metadata=columns(
        reduced_schema(ReductionParams().n_components),
        {"vector": "what is clustered, reduced.n_components numbers", "x": "on the map", "y": "on the map"},
    ),
    code_version=str(step.CODE),
)
def reduced(
    context: dg.AssetExecutionContext, config: ReductionOverrides, project: ProjectResource
) -> dg.MaterializeResult[Any]:
    """The vectors that are clustered, and each image's position on the map.

    The map is stable: known images keep their position, new ones are placed among them.
    """
    with expected_errors(context):
        opened = project.open(context.log, reduced=chosen(config))
        return materialized(step.reduced(opened, context.partition_key))


@category_check("reduced")
def every_usable_image_has_a_place(project: Project, slug: str) -> Finding:
    """Usable images = rows, and every vector and position is a finite number."""
    images = units(project.store, slug).table("images", IMAGES_SCHEMA, ["status"])
    usable = images.filter(pl.col("status") == "ok").height
    stored = project.store.require(slug, "reduced")
    frame = stored.table("reduced", reduced_schema(stored.facts(Facts).dimension))
    placed = frame.filter(
        pl.col("x").is_finite() & pl.col("y").is_finite() & pl.col("vector").arr.to_list().list.eval(
            pl.element().is_finite()
        ).list.all()
    )  # fmt: skip
    lost = frame.height - placed.height
    return Finding(
        passed=usable == frame.height and lost == 0,
        text=f"{usable:,} usable images, {frame.height:,} with a place, {lost:,} of them not finite",
        figures={"usable": usable, "rows": frame.height, "not_finite": lost},
    )
