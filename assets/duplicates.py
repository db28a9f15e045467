"""The asset `duplicates`: which images are the same picture, and which one to keep.

What belongs here: when it is made, what the UI shows, its check. Not here: finding duplicates
(`pipeline/stages/duplicates/groups.py`). Nothing is deleted.
"""

import base64
from typing import Any

import dagster as dg
import polars as pl

from assets.checks import Finding, category_check
from assets.common import CATEGORY, GROUP, OWNERS, columns, expected_errors, materialized
from assets.contact_sheet import COLUMNS, MOST_TILES, encoded, grid
from assets.overrides import chosen, overrides
from pipeline.settings import DuplicateParams
from pipeline.stages.duplicates.contract import DUPLICATES_SCHEMA
from pipeline.stages.duplicates.groups import LEVELS
from pipeline.steps import duplicates as step
from pipeline.steps.project import Project
from resources.project import ProjectResource


class DuplicateOverrides(overrides(DuplicateParams, without={"collapse"})):
    """Which images count as the same picture, for this run."""


@dg.asset(
    partitions_def=CATEGORY,
    deps=["images", "embeddings"],
    group_name=GROUP,
    kinds={"numpy", "parquet"},
    owners=OWNERS,
    tags={"holds": "duplicates"},
    metadata=columns(
        DUPLICATES_SCHEMA,
        {"level": "exact: same bytes; near: hash and embedding agree; similar: the embedding alone, no duplicate",
         "group_id": "the pictures that are the same", "reason": "why it is kept, or of which it is a copy",
         "kept": "false: proposed to go", "distance": "cosine distance to the first image of the group",
         "hamming": "bits of the perceptual hash that differ from that image's, of 64"},
    ),
    code_version=f"{step.CODE}.{step.SIGNATURE_CODE}",
)  # fmt: skip
def duplicates(
    context: dg.AssetExecutionContext, config: DuplicateOverrides, project: ProjectResource
) -> dg.MaterializeResult[Any]:
    """Copies of the same picture: exact copies, near copies, and, kept apart, images that are only similar.

    Proposes one image of each group to keep, and says why. Nothing is deleted. The contact sheet shows a group of near
    copies per row, the image to keep first.
    """
    with expected_errors(context):
        opened = project.open(context.log, duplicates=chosen(config))
        report = step.duplicates(opened, context.partition_key)
        sheet = duplicate_sheet(opened, context.partition_key)
    return materialized(report, contact_sheet=dg.MetadataValue.md(sheet))


def duplicate_sheet(project: Project, slug: str) -> str:
    """Markdown with the first groups of near copies, one per row."""
    table = project.store.require(slug, "duplicates").table("duplicates", DUPLICATES_SCHEMA)
    near = table.filter(pl.col("level") == "near")
    rows = [part["content_hash"].to_list() for _, part in near.group_by("group_id", maintain_order=True)]
    tiles: list[bytes | None] = []
    shown = rows[: MOST_TILES // COLUMNS]
    for hashes in shown:
        loaded = [project.thumbnails.read(name) for name in hashes[:COLUMNS]]
        tiles += loaded + [None] * (COLUMNS - len(loaded))
    if not any(tiles):
        return "No near copies." if not rows else "The thumbnails are gone; materialize images again."
    data = base64.b64encode(encoded(grid(tiles))).decode()
    more = f"\n\nand {len(rows) - len(shown)} more groups" if len(rows) > len(shown) else ""
    return f"![{len(shown)} groups of near copies, the image to keep first](data:image/webp;base64,{data}){more}"


@category_check("duplicates")
def every_group_keeps_one(project: Project, slug: str) -> Finding:
    """Each group of copies keeps exactly one image, no image is in two groups of a level, and similar loses none."""
    table = project.store.require(slug, "duplicates").table("duplicates", DUPLICATES_SCHEMA)
    groups = table.group_by("level", "group_id").agg(pl.col("kept").sum().alias("kept"), pl.len().alias("images"))
    wanted = pl.when(pl.col("level") == "similar").then(pl.col("images")).otherwise(1)
    wrong = groups.filter((pl.col("kept") != wanted) | (pl.col("images") < 2)).height
    twice = table.height - table.select("level", "image_id").n_unique()
    counts = {level: groups.filter(pl.col("level") == level).height for level in LEVELS}
    levels = ", ".join(f"{number:,} {level}" for level, number in counts.items())
    return Finding(
        passed=not wrong and not twice,
        text=f"{levels} groups; {wrong:,} keep another number of images than they should, {twice:,} images stand twice",
        figures={**counts, "wrong": wrong, "twice": twice},
    )
