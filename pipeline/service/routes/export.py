"""Exports: clusters, names and tags of a category for other programs.

What belongs here: the HTTP side. Not here: choosing and writing (`steps/export.py`).
"""

import io
from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from pipeline.curation.decisions import NAME_LENGTH, TAG_LENGTH
from pipeline.service.context import Shared
from pipeline.service.routes.common import Slug, category_of
from pipeline.service.routes.images import State
from pipeline.steps.export import WITH_ORIGINALS, TableFormat, select_images, write_table, zip_pieces

router = APIRouter(tags=["export"])
MEDIA_TYPES: dict[TableFormat | Literal["zip"], str] = {
    "csv": "text/csv; charset=utf-8", "json": "application/json", "parquet": "application/vnd.apache.parquet",
    "zip": "application/zip",
}  # fmt: skip
FILES: dict[int | str, dict[str, Any]] = {200: {"content": {media.split(";")[0]: {} for media in MEDIA_TYPES.values()}}}
Clusters = Annotated[
    list[Annotated[str, Query(max_length=NAME_LENGTH)]] | None,
    Query(description="Only these clusters, by id or name. Repeat it for several.", max_length=100),
]
Tags = Annotated[
    list[Annotated[str, Query(max_length=TAG_LENGTH)]] | None,
    Query(description="Only images with one of these tags. Repeat it for several.", max_length=100),
]
States = Annotated[list[State] | None, Query(description="Only these states. Repeat it for several.", max_length=5)]


@router.get("/categories/{category}/export", response_class=StreamingResponse, responses=FILES)
def export_category(
    service: Shared, category: Slug, format: TableFormat | Literal["zip"] = "csv",  # noqa: A002  # the word in the address
    cluster: Clusters = None, tag: Tags = None, state: States = None,
) -> StreamingResponse:  # fmt: skip
    """A row per image (csv, json, parquet), or the originals in a folder per cluster (zip, sent while it is made).

    A zip has clustered and unclustered images unless `state` says otherwise; a table has all.
    """
    snapshot = category_of(service, category)
    states = state or (WITH_ORIGINALS if format == "zip" else ())
    images = select_images(snapshot, clusters=cluster or (), tags=tag or (), states=states)
    if format == "zip":
        rest = zip_pieces(service.project, images)
        # the first piece is read here: a source that does not answer is an error, not an empty file
        pieces: Iterator[bytes] = chain([next(rest)], rest)
    else:
        buffer = io.BytesIO()
        write_table(images, format, buffer)
        pieces = iter((buffer.getvalue(),))
    name = f"{snapshot.slug}.{format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(pieces, media_type=MEDIA_TYPES[format], headers=headers)
