"""Categories: list, figures, unclustered images, rejected images, changes.

What belongs here: reading. Not here: clusters (`clusters.py`), the map (`map_points.py`).
"""

import json
from typing import Any

from fastapi import APIRouter, Request, Response

from pipeline.service.boxes import boxes_waiting
from pipeline.service.context import Service, Shared
from pipeline.service.models import CategoryShape, ImagePage, Shape
from pipeline.service.problems import Problem
from pipeline.service.routes.common import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    Slug,
    category_of,
    etag_of,
    page_of_images,
    unchanged,
)
from pipeline.steps.library_view.snapshot import Snapshot
from pipeline.storage.layout import CHANGES

router = APIRouter(tags=["library"])


class CategoryList(Shape):
    items: list[CategoryShape]


@router.get("/categories")
def list_categories(service: Shared) -> CategoryList:
    """Every category with its figures."""
    return CategoryList(items=[_shape(service, snapshot) for snapshot in service.library.all()])


@router.get("/categories/{category}")
def get_category(service: Shared, category: Slug) -> CategoryShape:
    """One category with its figures."""
    return _shape(service, category_of(service, category))


@router.get("/categories/{category}/unclustered")
def list_unclustered(service: Shared, category: Slug, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT) -> ImagePage:
    """Unclustered images, each with its nearest cluster and the distance to it, the nearest first."""
    snapshot = category_of(service, category)
    return page_of_images(service, snapshot, snapshot.unclustered, cursor, limit)


@router.get("/categories/{category}/rejected")
def list_rejected(service: Shared, category: Slug, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT) -> ImagePage:
    """Images that could not be used, each with the reason."""
    snapshot = category_of(service, category)
    return page_of_images(service, snapshot, snapshot.rows_by_state.get("rejected", []), cursor, limit)


@router.get("/categories/{category}/changes")
def get_changes(service: Shared, category: Slug, request: Request, response: Response) -> Any:
    """The change report of the last publication, changes.json as it was published."""
    snapshot = category_of(service, category)
    path = service.project.layout.published / snapshot.slug / CHANGES
    if not path.exists():
        raise Problem(409, "not-published", f"{snapshot.base.category} was never published. Run it first.")
    data = path.read_bytes()
    etag = etag_of(data)
    response.headers["ETag"] = etag
    return unchanged(request, etag) or json.loads(data)


def _shape(service: Service, snapshot: Snapshot) -> CategoryShape:
    states = {name: len(rows) for name, rows in snapshot.rows_by_state.items()}
    return CategoryShape(
        slug=snapshot.slug,
        category=snapshot.base.category,
        images=snapshot.frame["source_id"].n_unique(),
        unit="object" if snapshot.base.is_of_objects else "image",
        objects=sum(map(len, snapshot.base.objects_of.values())) if snapshot.base.is_of_objects else None,
        boxes_waiting=boxes_waiting(service, snapshot),
        clusters=len(snapshot.rows_by_cluster),
        clustered=states.get("clustered", 0),
        unclustered=states.get("unclustered", 0),
        rejected=states.get("rejected", 0),
        excluded=states.get("excluded", 0),
        new=states.get("new", 0),
        needs_review=sum(cluster in snapshot.rows_by_cluster for cluster in snapshot.reasons),
        groups=len(snapshot.rows_by_group),
        tags=[{"tag": tag, "images": len(rows)} for tag, rows in snapshot.rows_by_tag.items()],
        cameras=[{"camera": camera, "images": images} for camera, images in snapshot.base.cameras],
        encoder=snapshot.base.encoder,
        updated_at=snapshot.base.updated_at,
        version=snapshot.version,
    )
