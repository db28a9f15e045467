"""The asset `image_manifest`: the images of a category.

What belongs here: when the manifest is made, what the UI shows, its check. Not here: listing and comparing
(`pipeline/stages/manifest/build.py`).
"""

from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from assets.checks import Finding, category_check
from assets.common import CATEGORY, GROUP, OWNERS, columns, expected_errors, materialized
from pipeline.stages.manifest.contract import MANIFEST_SCHEMA, Facts
from pipeline.steps.manifest import manifest
from pipeline.steps.project import Project
from resources.project import ProjectResource

WHERE_OBJECTS_GO = ("images", "hidden", "other", "other_variants", "unmatched")


class ManifestConfig(dg.Config):
    """Which images a run takes."""

    sample: int | None = Field(
        default=None, ge=1, description="Keep that many images, always the same ones. Unset: all of them."
    )


@dg.asset(
    partitions_def=CATEGORY,
    group_name=GROUP,
    kinds={"polars", "parquet"},
    owners=OWNERS,
    tags={"holds": "objects"},
    metadata=columns(
        MANIFEST_SCHEMA,
        {
            "etag": "the bucket's version of the object that is read",
            "last_modified": "when that object was written, UTC",
            "category": "top folder of the image; all for a library of one",
            "source_url": "where the image came from, if manifest.json says so",
            "variant": "the width that is read, if an image has several",
            "change": "since the previous run: added, changed, same or removed",
        },
    ),
    code_version="1",
)
def image_manifest(
    context: dg.AssetExecutionContext, config: ManifestConfig, project: ProjectResource
) -> dg.MaterializeResult[Any]:
    """The images of this category in the bucket, and which are new, changed or gone since the last run.

    Lists the bucket (or reads its manifest.json) and reads no image. All other assets depend on it.
    """
    with expected_errors(context):
        return materialized(manifest(project.open(context.log), context.partition_key, sample=config.sample))


@category_check("image_manifest")
def every_object_is_accounted_for(project: Project, slug: str) -> Finding:
    """Objects in the bucket = images + hidden + other files + further variants + keys that no pattern matches."""
    stored = project.store.require(slug, "manifest")
    facts = stored.facts(Facts)
    frame = stored.table("manifest", MANIFEST_SCHEMA, ["image_id", "change"])
    present = frame.filter(pl.col("change") != "removed")
    figures = {name: int(getattr(facts, name)) for name in ("objects", *WHERE_OBJECTS_GO)}
    total = sum(figures[name] for name in WHERE_OBJECTS_GO)
    twice = present.height - present["image_id"].n_unique()
    sampled = stored.provenance.params.get("sample") is not None
    rows_hold = present.height <= figures["images"] if sampled else present.height == figures["images"]
    return Finding(
        passed=figures["objects"] == total and rows_hold and twice == 0,
        text=f"{figures['objects']:,} objects listed, {total:,} accounted for, {present.height:,} images kept",
        figures={**figures, "accounted_for": total, "rows": present.height, "ids_twice": twice},
    )
