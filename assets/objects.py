"""The asset `objects`: its definition, what the UI shows of it, and its checks. It is made with `images`.

What belongs here: those. Not here: the op that makes it (`assets/images.py`), boxes (`pipeline/stages/objects/`), which
files and models they come from (`pipeline/steps/annotated.py`).
"""

import dagster as dg
import polars as pl

from assets.checks import Finding, category_check
from assets.common import GROUP, OWNERS, UNCHANGED, columns, report_metadata
from assets.contact_sheet import boxes_sheet
from assets.overrides import overrides
from pipeline.settings import ObjectParams
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.objects.contract import OBJECTS_SCHEMA, Facts
from pipeline.stages.objects.table import NO_OBJECT
from pipeline.steps.objects import CODE
from pipeline.steps.project import Project, Report
from pipeline.storage.artifacts import Artifact

WHOLE = "whole images are the unit (objects.unit)"


class ObjectOverrides(overrides(ObjectParams)):
    """What is looked at, for this run."""


OBJECTS = dg.AssetSpec(
    "objects",
    deps=["images"],
    description="The objects in each image: boxes that people or a detector drew, whose crops are embedded and "
    f"clustered.\n\nEmpty where {WHOLE}. A box or file that cannot be used is a row with a reason, and so is an image "
    "without an object. An object keeps its id, and so its cluster, when its box is drawn better.",
    group_name=GROUP,
    kinds={"polars", "parquet"},
    owners=OWNERS,
    tags={"holds": "objects"},
    metadata=columns(
        OBJECTS_SCHEMA,
        {"object_id": "id of the object in this run; empty if it was refused", "content_hash": "its lasting id",
         "image_id": "lasting id of its image", "key": "path of its image in the bucket or folder",
         "x": "left, as a share of the upright image's width", "y": "top, as a share of the height",
         "w": "width, as a share of the image's", "h": "height, as a share of the image's",
         "label": "what the detector or the file calls it",
         "score": "how sure the detector is; empty where a person drew it",
         "source": "the detector, or the file", "status": "ok, or why it was refused in a word",
         "reason": "why it does not count"},
    ),
    code_version=str(CODE),
)  # fmt: skip


def objects_metadata(project: Project, slug: str, report: Report | None) -> dict[str, dg.MetadataValue]:
    """The metadata of one category; `report` is None where whole images are the unit."""
    if report is None:
        images = project.store.require(slug, "images").folder
        return {"state": dg.MetadataValue.text(f"{UNCHANGED}: {WHOLE}"), "seconds": dg.MetadataValue.float(0.0),
                "path": dg.MetadataValue.path(str(images))}  # fmt: skip
    sheet = dg.MetadataValue.md(boxes_sheet(project, slug))
    return {"contact_sheet": sheet, **report_metadata(report)}


@category_check("objects")
def every_box_lies_in_its_image(project: Project, slug: str) -> Finding:
    """Every object that counts has a box with an area, inside its image."""
    stored = _stored(project, slug)
    if stored is None:
        return Finding(passed=True, text=WHOLE)
    rows = stored.table("objects", OBJECTS_SCHEMA).filter(pl.col("status") == "ok")
    inside = (
        (pl.col("x") >= 0) & (pl.col("y") >= 0) & (pl.col("w") > 0) & (pl.col("h") > 0)
        & (pl.col("x") + pl.col("w") <= 1 + 1e-9) & (pl.col("y") + pl.col("h") <= 1 + 1e-9)
    )  # fmt: skip
    good = rows.filter(inside).height
    return Finding(
        passed=good == rows.height,
        text=f"{good:,} of {rows.height:,} boxes lie in their image",
        figures={"objects": rows.height, "outside": rows.height - good},
    )


@category_check("objects")
def every_image_has_an_object_or_a_reason(project: Project, slug: str) -> Finding:
    """Images = images with objects + images that were set aside with a reason; no object has two rows or none."""
    stored = _stored(project, slug)
    if stored is None:
        return Finding(passed=True, text=WHOLE)
    images = project.store.require(slug, "images").table("images", IMAGES_SCHEMA, ["image_id"])["image_id"]
    units = stored.table("images", IMAGES_SCHEMA, ["image_id", "status", "reason"])
    rows = stored.table("objects", OBJECTS_SCHEMA, ["object_id", "image_id", "status"]).filter(pl.col("status") == "ok")
    with_objects, aside = set(rows["image_id"]), set(units["image_id"]) - set(rows["object_id"])
    mute = units.filter((pl.col("status") != "ok") & pl.col("reason").is_null()).height
    lost = len(set(images) - with_objects - aside) + len(set(rows["object_id"]) - set(units["image_id"]))
    twice = units.height - units["image_id"].n_unique()
    return Finding(
        passed=lost == twice == mute == 0 and not with_objects & aside,
        text=f"{len(images):,} images = {len(with_objects):,} with {rows.height:,} objects + {len(aside):,} set aside",
        figures={"images": len(images), "objects": rows.height, "set_aside": len(aside), "lost": lost, "twice": twice,
                 "without_reason": mute},
    )  # fmt: skip


@category_check("objects", blocking=False)
def most_images_have_an_object(project: Project, slug: str) -> Finding:
    """At most half of the usable images have no object: else the boxes may be those of another library."""
    stored = _stored(project, slug)
    if stored is None:
        return Finding(passed=True, text=WHOLE)
    facts = stored.facts(Facts)
    share = facts.without / facts.images if facts.images else 0.0
    first = (
        stored.table("images", IMAGES_SCHEMA, ["key", "status"]).filter(pl.col("status") == NO_OBJECT)["key"].head(1)
    )
    example = f", such as {first[0]}" if len(first) else ""
    return Finding(
        passed=share <= 0.5,
        text=f"{facts.without:,} of {facts.images:,} usable images have no object ({share:.0%}){example}",
        figures={"without": facts.without, "images": facts.images, "share": round(share, 4)},
    )


def _stored(project: Project, slug: str) -> Artifact | None:
    """The current version; None where whole images are the unit."""
    if project.settings.objects.unit == "image":
        return None
    return project.store.require(slug, "objects")
