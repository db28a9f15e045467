"""The assets `images`, `objects` and `embeddings`, made by one op: whole images are read and decoded once for all.

What belongs here: that op, and the checks of `images`. Not here: the definitions and checks of the others
(`assets/objects.py`, `assets/embeddings.py`), reading and decoding (`pipeline/steps/ingest.py`).
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from assets.checks import Finding, category_check
from assets.common import CATEGORY, GROUP, OWNERS, columns, expected_errors, report_metadata
from assets.embeddings import EMBEDDINGS, EncoderOverrides
from assets.objects import OBJECTS, ObjectOverrides, objects_metadata
from assets.overrides import chosen, overrides
from pipeline.settings import ImageParams
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.manifest.contract import MANIFEST_SCHEMA
from pipeline.steps.each import each_category, raise_failures
from pipeline.steps.ingest import CODE, ingest
from pipeline.steps.project import Project, Report
from resources.project import ProjectResource

WHOLE_IMAGES = "whole-images"  # the data version of `objects` where images are the unit


class ImageOverrides(overrides(ImageParams)):
    """How bytes become pixels, for this run."""


class IngestConfig(dg.Config):
    """Settings for this run; unset ones are taken from the settings file."""

    images: ImageOverrides = Field(default=ImageOverrides(), description="How bytes become pixels.")
    objects: ObjectOverrides = Field(default=ObjectOverrides(), description="Whole images, or the objects in them.")
    encoder: EncoderOverrides = Field(default=EncoderOverrides(), description="Which model, and where it runs.")


IMAGES = dg.AssetSpec(
    "images",
    deps=["image_manifest"],
    description="Every image of this category with its size, its status, and the place and time from its EXIF.\n\n"
    "An unusable file is a row with a reason (broken, missing, too_large, not_an_image, unreadable). Only new and "
    "changed objects are read.",
    group_name=GROUP,
    kinds={"pillow", "polars", "parquet"},
    owners=OWNERS,
    tags={"holds": "images"},
    metadata=columns(
        IMAGES_SCHEMA,
        {
            "status": "ok, broken, missing, too_large, not_an_image or unreadable",
            "reason": "why it is not ok",
            "width": "pixels, upright",
            "height": "pixels, upright",
            "format": "of the file, as it was decoded",
            "taken_at": "when, by the camera's clock, without a time zone",
            "latitude": "degrees, from the camera",
            "longitude": "degrees, from the camera",
        },
    ),
    code_version=str(CODE),
)


@dg.multi_asset(
    name="ingest",
    specs=[IMAGES, OBJECTS, EMBEDDINGS],
    partitions_def=CATEGORY,
    can_subset=True,
    pool="gpu",  # one encoder at a time; the limit itself stands in dagster.yaml
    backfill_policy=dg.BackfillPolicy.single_run(),  # many categories share one loaded encoder
)
def ingest_op(
    context: dg.AssetExecutionContext, config: IngestConfig, project: ProjectResource
) -> Iterator[dg.MaterializeResult[Any]]:
    """Read what is new or changed; decode it once, for both assets."""
    selected = {key.to_user_string() for key in context.selected_asset_keys}
    with expected_errors(context):
        opened = project.open(
            context.log, images=chosen(config.images), objects=chosen(config.objects), encoder=chosen(config.encoder)
        )
        reports: dict[str, list[tuple[str, Report]]] = {
            name: [] for name in ("images", "objects", "embeddings") if name in selected
        }
        finished, failures = each_category(
            opened, context.partition_keys,
            lambda slug: [(slug, report) for report in ingest(opened, slug, embed="embeddings" in selected)],
        )  # fmt: skip
        for slug, report in (pair for made in finished for pair in made):
            if report.artifact in reports:
                reports[report.artifact].append((slug, report))
        if failures:
            _record_finished(context, reports)
        raise_failures(failures, len(finished))
    for name, made in reports.items():
        for slug, metadata in _metadata(opened, name, made, context.partition_keys):
            context.add_asset_metadata(metadata, asset_key=name, partition_key=slug)
        yield dg.MaterializeResult(
            asset_key=name, data_version=dg.DataVersion(_version([report for _, report in made]))
        )


def _metadata(
    project: Project, name: str, made: list[tuple[str, Report]], slugs: Sequence[str]
) -> Iterator[tuple[str, dict[str, dg.MetadataValue]]]:
    """The metadata of each category."""
    if name != "objects":
        yield from ((slug, report_metadata(report)) for slug, report in made)
        return
    reports = dict(made)
    yield from ((slug, objects_metadata(project, slug, reports.get(slug))) for slug in slugs)


def _record_finished(context: dg.AssetExecutionContext, reports: Mapping[str, list[tuple[str, Report]]]) -> None:
    """Record the finished partitions of a run that fails because of others, so that they need no new run."""
    for name, made in reports.items():
        for slug, report in made:
            context.log_event(
                dg.AssetMaterialization(
                    name, partition=slug, metadata=report_metadata(report),
                    tags={"dagster/data_version": report.data_version},
                )
            )  # fmt: skip


@category_check("images")
def every_image_has_a_row(project: Project, slug: str) -> Finding:
    """Images in the manifest = rows in images, none twice, and every row that is not ok has a reason."""
    manifest = project.store.require(slug, "manifest").table("manifest", MANIFEST_SCHEMA, ["image_id", "change"])
    wanted = set(manifest.filter(pl.col("change") != "removed")["image_id"].to_list())
    rows = project.store.require(slug, "images").table("images", IMAGES_SCHEMA, ["image_id", "status", "reason"])
    listed = set(rows["image_id"].to_list())
    mute = rows.filter((pl.col("status") != "ok") & pl.col("reason").is_null()).height
    usable = rows.filter(pl.col("status") == "ok").height
    return Finding(
        passed=wanted == listed and rows.height == len(listed) and mute == 0,
        text=f"{len(wanted):,} images in the manifest, {rows.height:,} rows: {usable:,} usable, "
        f"{rows.height - usable:,} set aside",
        figures={"manifest": len(wanted), "rows": rows.height, "usable": usable, "set_aside": rows.height - usable,
                 "without_row": len(wanted - listed), "without_reason": mute},
    )  # fmt: skip


def _version(reports: list[Report]) -> str:
    """One data version for all categories of a run: Dagster takes one per asset and run."""
    if not reports:
        return WHOLE_IMAGES
    if len(reports) == 1:
        return reports[0].data_version
    return hashlib.blake2b("\0".join(report.data_version for report in reports).encode(), digest_size=12).hexdigest()
