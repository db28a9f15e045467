"""The map: position and cluster of every image, compact enough for 100,000 points.

What belongs here: the two formats. Not here: computing positions (`stages/reduced/projection.py`).

The binary format, little-endian: the four bytes ICM1, the uint32 length of a JSON head, the head (padded with blanks to
a multiple of 8), then for n points: float32 x [n], float32 y [n], int32 cluster [n] (an index into `clusters` of the
head, −1 for unclustered), and n ids of 8 bytes, written elsewhere as 16 hexadecimal digits.
"""

import json
import threading
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import polars as pl
from fastapi import APIRouter, Query, Request, Response

from pipeline.service.context import Shared
from pipeline.service.routes.common import Slug, category_of, etag_of, unchanged
from pipeline.steps.families import family_of
from pipeline.steps.library_view.snapshot import Snapshot

router = APIRouter(tags=["library"])
BINARY = "application/octet-stream"
CACHED = 4  # responses in the cache: a map is requested again and again, and takes 50 ms to make
_cached: dict[str, bytes] = {}
_lock = threading.Lock()


@router.get(
    "/categories/{category}/map",
    response_class=Response,
    responses={200: {"content": {"application/json": {}, BINARY: {}}}, 304: {"description": "Unchanged."}},
)
def get_map(
    service: Shared,
    request: Request,
    category: Slug,
    format: Annotated[Literal["json", "binary"], Query()] = "json",  # noqa: A002  # the name in the address
) -> Response:
    """Map positions of images. JSON: columns `ids`, `x`, `y`, `cluster` (index in `clusters`, or null)."""
    snapshot = category_of(service, category)
    etag = etag_of(snapshot.slug, snapshot.version, format)
    headers = {"ETag": etag}
    not_modified = unchanged(request, etag)
    if not_modified is not None:
        return not_modified
    with _lock:
        data = _cached.get(etag)
        if data is None:
            stored = service.project.store.current(snapshot.slug, "identities")
            families = family_of(stored) if stored is not None else {}
            data = _json(snapshot, families) if format == "json" else _binary(snapshot, families)
            while len(_cached) >= CACHED:
                _cached.pop(next(iter(_cached)))
            _cached[etag] = data
    return Response(data, media_type="application/json" if format == "json" else BINARY, headers=headers)


def _points(snapshot: Snapshot, families: Mapping[str, str]) -> tuple[list[dict[str, Any]], pl.DataFrame]:
    """The clusters, the largest first, and the points with `index`, null for the unclustered.

    `families`: cluster id → the family that it is a kind of.
    """
    clusters = sorted(snapshot.clusters.values(), key=lambda cluster: (-cluster["size"], cluster["id"]))
    head = [{"id": cluster["id"], "name": cluster["name"], "size": cluster["size"],
             "family": families.get(cluster["id"])} for cluster in clusters]  # fmt: skip
    numbers = pl.DataFrame(
        {"cluster_id": [cluster["id"] for cluster in clusters], "index": range(len(clusters))},
        schema={"cluster_id": pl.String, "index": pl.Int32},
    )
    shown = snapshot.frame.filter(pl.col("x").is_not_null() & (pl.col("state") != "excluded"))
    points = shown.select("image_id", "x", "y", "cluster_id").join(
        numbers, on="cluster_id", how="left", maintain_order="left"
    )
    return head, points


def _json(snapshot: Snapshot, families: Mapping[str, str]) -> bytes:
    clusters, points = _points(snapshot, families)
    columns = {
        "ids": points["image_id"].to_list(),
        "x": points["x"].cast(pl.Float64).round(4).to_list(),
        "y": points["y"].cast(pl.Float64).round(4).to_list(),
        "cluster": points["index"].to_list(),
    }
    document = {"category": snapshot.base.category, "count": points.height, "clusters": clusters, **columns}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _binary(snapshot: Snapshot, families: Mapping[str, str]) -> bytes:
    clusters, points = _points(snapshot, families)
    head = json.dumps(
        {"category": snapshot.base.category, "count": points.height, "clusters": clusters}, separators=(",", ":")
    ).encode()
    head += b" " * (-(len(head) + 8) % 8)
    parts = [
        b"ICM1",
        len(head).to_bytes(4, "little"),
        head,
        points["x"].to_numpy().astype("<f4").tobytes(),
        points["y"].to_numpy().astype("<f4").tobytes(),
        points["index"].fill_null(-1).to_numpy().astype("<i4").tobytes(),
        np.frombuffer(bytes.fromhex("".join(points["image_id"].to_list())), dtype=np.uint8).tobytes(),
    ]
    return b"".join(parts)
