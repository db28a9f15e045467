"""Clusters → COCO: one JSON document of images, boxes and categories, which tools for detection read.

What belongs here: the document. Not here: choosing images and other formats (`export.py`), reading COCO
(`stages/objects/annotations.py`).

Format: https://cocodataset.org/#format-data. Boxes are pixels of the upright image, left, top, width and height. Where
objects are the unit, each is a box; where whole images are, the box is the whole image, because readers expect one.
Unclustered images are listed without an annotation.
"""

import json
from collections.abc import Iterator
from typing import Any

import polars as pl

from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.steps.library_view.snapshot import Snapshot
from pipeline.steps.project import Project

FIRST = 1  # COCO counts from one


def coco_document(project: Project, snapshot: Snapshot, images: pl.DataFrame) -> dict[str, Any]:
    """The document of these rows of `select_images`. Categories are clusters, by name, with their lasting id."""
    sizes = _sizes(project, snapshot)
    clusters = images.filter(pl.col("cluster_id").is_not_null()).unique("cluster_id", maintain_order=True)
    number_of = {cluster: at for at, cluster in enumerate(clusters["cluster_id"], start=FIRST)}
    rows = [row for row in images.iter_rows(named=True) if row["key"] in sizes]
    place_of = {key: at for at, key in enumerate(dict.fromkeys(row["key"] for row in rows), start=FIRST)}
    return {
        "info": {"description": f"Clusters of {snapshot.base.category}", "contributor": "image-cluster"},
        "licenses": [],
        "images": [
            {"id": at, "file_name": key, "width": sizes[key][0], "height": sizes[key][1]}
            for key, at in place_of.items()
        ],
        "categories": [
            {"id": number_of[row["cluster_id"]], "name": row["cluster_name"] or row["cluster_id"],
             "supercategory": snapshot.base.category, "cluster": row["cluster_id"]}
            for row in clusters.iter_rows(named=True)
        ],
        "annotations": list(_annotations(rows, place_of, number_of, sizes)),
    }  # fmt: skip


def coco_bytes(document: dict[str, Any]) -> bytes:
    """The document as JSON."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _annotations(
    rows: list[dict[str, Any]], place_of: dict[str, int], number_of: dict[str, int], sizes: dict[str, tuple[int, int]]
) -> Iterator[dict[str, Any]]:
    number = FIRST
    for row in rows:
        if row["cluster_id"] is None:
            continue
        width, height = sizes[row["key"]]
        whole = row.get("x") is None
        x, y, w, h = (0.0, 0.0, 1.0, 1.0) if whole else (float(row[side]) for side in "xywh")
        box = [round(value, 2) for value in (x * width, y * height, w * width, h * height)]
        yield {
            "id": number, "image_id": place_of[row["key"]], "category_id": number_of[row["cluster_id"]], "bbox": box,
            "area": round(box[2] * box[3], 2), "iscrowd": 0, "attributes": {"id": row["image_id"], "tags": row["tags"]},
        }  # fmt: skip
        number += 1


def _sizes(project: Project, snapshot: Snapshot) -> dict[str, tuple[int, int]]:
    """Width and height of every usable image by its key, of the whole image where objects are the unit."""
    table = project.store.require(snapshot.slug, "images").table("images", IMAGES_SCHEMA, ["key", "width", "height"])
    return {key: (width, height) for key, width, height in table.drop_nulls().iter_rows()}
