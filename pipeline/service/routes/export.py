"""Exports: clusters, names and tags of a category for other programs.

What belongs here: the HTTP side. Not here: choosing and writing (`steps/export.py`).
"""

import io
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse

from pipeline.service.context import Service, Shared
from pipeline.service.routes.common import Slug, category_of, cluster_of
from pipeline.service.routes.image_query import ImageQuery, given
from pipeline.stages.published.slugs import slugify
from pipeline.steps.coco import coco_bytes, coco_document
from pipeline.steps.export import WITH_ORIGINALS, TableFormat, select_images, sidecar_pieces, write_table, zip_pieces
from pipeline.steps.library_view.snapshot import Snapshot

router = APIRouter(tags=["export"])
ExportFormat = TableFormat | Literal["zip", "coco", "xmp"]
MEDIA_TYPES: dict[ExportFormat, str] = {
    "csv": "text/csv; charset=utf-8", "json": "application/json", "parquet": "application/vnd.apache.parquet",
    "zip": "application/zip", "coco": "application/json", "xmp": "application/zip",
}  # fmt: skip
ENDINGS: dict[ExportFormat, str] = {"coco": "coco.json", "xmp": "xmp.zip"}  # of the others: their name
FILES: dict[int | str, dict[str, Any]] = {200: {"content": {media.split(";")[0]: {} for media in MEDIA_TYPES.values()}}}


@router.get("/categories/{category}/export", response_class=StreamingResponse, responses=FILES)
def export_category(
    service: Shared, category: Slug, wanted: Annotated[ImageQuery, Depends()],
    format: ExportFormat = "csv",  # noqa: A002  # the word in the address
) -> StreamingResponse:  # fmt: skip
    """A row per image (csv, json, parquet), COCO, originals in a folder per cluster (zip), or sidecars (xmp).

    Of the images that fit all filters; of several tags, one is enough here. A zip of originals and COCO have clustered
    and unclustered images unless `state` says otherwise; the others have all. xmp is a zip with `KEY.xmp` for every
    image that has a named cluster or a tag. Zip files are sent while they are made.
    """
    snapshot = category_of(service, category)
    rows = replace(wanted, tag=None).rows(service, snapshot)
    states = WITH_ORIGINALS if format in ("zip", "coco") and not wanted.state else ()
    images = select_images(snapshot, tags=given(wanted.tag), states=states, rows=rows)
    if format == "zip":
        rest = zip_pieces(service.project, images)
        # the first piece is read here: a source that does not answer is an error, not an empty file
        pieces: Iterator[bytes] = chain([next(rest)], rest)
    elif format == "xmp":
        pieces = sidecar_pieces(images)
    elif format == "coco":
        pieces = iter((coco_bytes(coco_document(service.project, snapshot, images)),))
    else:
        buffer = io.BytesIO()
        write_table(images, format, buffer)
        pieces = iter((buffer.getvalue(),))
    name = f"{_called(service, snapshot, wanted)}.{ENDINGS.get(format, format)}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(pieces, media_type=MEDIA_TYPES[format], headers=headers)


def _called(service: Service, snapshot: Snapshot, wanted: ImageQuery) -> str:
    """The name of a file without its ending: the category, and the one cluster or tag that was asked for."""
    homes = [cluster_of(service, cluster, snapshot)[1] for cluster in given(wanted.cluster)]
    names, tags = [snapshot.clusters[home]["name"] or home for home in homes], given(wanted.tag)
    parts = [slugify(name) for one in (names, tags) if len(one) == 1 for name in one]
    return "-".join([snapshot.slug, *(part for part in parts if part)])
