"""Images: one by one, and lists of those that fit; thumbnails.

What belongs here: reading what is stored. Not here: originals (`originals.py`), uploads (`uploads.py`), search
(`similarity.py`).
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from pipeline.service.context import Shared
from pipeline.service.models import ClusterDetail, Embedding, ImagePage, ImageShape, image_shapes
from pipeline.service.problems import Problem
from pipeline.service.routes.clusters import detail
from pipeline.service.routes.common import (
    DEFAULT_LIMIT,
    SANDBOX,
    Cursor,
    Id,
    Limit,
    category_of,
    etag_of,
    image_of,
    page_of_images,
    unchanged,
)
from pipeline.service.routes.image_query import ImageQuery
from pipeline.service.thumbnails import LARGEST, SMALLEST

router = APIRouter(tags=["images"])
# Of a content hash: another one is stored only when an image was turned. A browser shows what it has, and asks later.
LASTING = "private, max-age=3600, stale-while-revalidate=31536000"
Hash = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="Content hash.")]
Size = Annotated[int | None, Query(ge=SMALLEST, le=LARGEST, description="Longer side in pixels, at most.")]
WEBP: dict[int | str, dict[str, Any]] = {200: {"content": {"image/webp": {}}}, 304: {"description": "Unchanged."}}


@router.get("/images")
def list_images(
    service: Shared,
    category: Annotated[str, Query(max_length=200)],
    wanted: Annotated[ImageQuery, Depends()],
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> ImagePage:
    """Images of a category that fit all filters: cluster, group, tag, camera, date, state and words."""
    snapshot = category_of(service, category)
    return page_of_images(service, snapshot, wanted.rows(service, snapshot), cursor, limit)


@router.get("/images/{image_id}")
def get_image(service: Shared, image_id: Id) -> ImageShape:
    """One image."""
    snapshot, row = image_of(service, image_id)
    return image_shapes(snapshot, [row])[0]


@router.get("/images/{image_id}/cluster")
def get_image_cluster(service: Shared, image_id: Id) -> ClusterDetail:
    """The cluster of an image."""
    snapshot, row = image_of(service, image_id)
    cluster = snapshot.frame["cluster_id"][row]
    if cluster is None:
        image = image_shapes(snapshot, [row])[0]
        near = f"; the nearest is {image.nearest_cluster}" if image.nearest_cluster else ""
        raise Problem(404, "no-cluster", f"The image {image_id} is in no cluster: it is {image.state}{near}.",
                      nearest=[image.nearest_cluster] if image.nearest_cluster else [])  # fmt: skip
    return detail(service, snapshot, cluster)


@router.get("/images/{image_id}/embedding")
def get_embedding(service: Shared, image_id: Id) -> Embedding:
    """The stored vector of an image, L2-normalised."""
    vector, fingerprint = service.searcher.embedding(image_id)
    values = [round(float(number), 6) for number in vector]
    return Embedding(image_id=image_id, dimension=len(values), fingerprint=fingerprint, vector=values)


@router.get("/images/{image_id}/thumbnail", response_class=Response, responses=WEBP)
def get_image_thumbnail(service: Shared, request: Request, image_id: Id, size: Size = None) -> Response:
    """The thumbnail of an image or of an object, WebP."""
    of_objects = service.library.source(image_id)
    snapshot, row = of_objects or image_of(service, image_id)
    whole = image_id in snapshot.base.objects_of
    value = snapshot.frame["source_hash" if whole else "content_hash"][row]
    if value is None:
        raise Problem(404, "no-thumbnail", f"The image {image_id} has never been read, so there is nothing to show.")
    return _thumbnail(service, request, value, size, "no-cache")


@router.get("/thumbnails/{content_hash}", response_class=Response, responses=WEBP)
def get_thumbnail(service: Shared, request: Request, content_hash: Hash, size: Size = None) -> Response:
    """The thumbnail of a content, WebP. It changes only when the image is turned."""
    return _thumbnail(service, request, content_hash, size, LASTING)


def _thumbnail(service: Any, request: Request, content_hash: str, size: int | None, caching: str) -> Response:
    etag = etag_of(content_hash, size, "webp", service.thumbnails.stamp(content_hash))
    headers = {"ETag": etag, "Cache-Control": caching, "Content-Security-Policy": SANDBOX}
    not_modified = unchanged(request, etag)
    if not_modified is not None:
        not_modified.headers.update(headers)
        return not_modified
    return Response(service.thumbnails.get(content_hash, size), media_type="image/webp", headers=headers)
