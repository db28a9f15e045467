"""The objects in an image, and regions of it.

What belongs here: HTTP. Not here: decisions about boxes (`curation.py`), search by a region (`similarity.py`).
"""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from PIL import Image

from pipeline.service.boxes import changes_waiting
from pipeline.service.contact_sheet import encoded
from pipeline.service.context import Shared
from pipeline.service.models import ObjectList, image_shapes
from pipeline.service.problems import Problem
from pipeline.service.routes.common import SANDBOX, Id, etag_of, image_of, unchanged
from pipeline.service.routes.originals import PREVIEW, changed, original_of
from pipeline.service.thumbnails import SMALLEST
from pipeline.stages.embeddings.crops import crop_of
from pipeline.stages.images.decode import Rejected
from pipeline.stages.objects.boxes import Box, fault

router = APIRouter(tags=["images"])
Region = Annotated[
    str, Query(max_length=100, description="Left, top, width and height as shares of the image: 0.1,0.2,0.3,0.4.")
]
AsObject = Annotated[bool, Query(description="With objects.margin around it, as the stored crops of objects have.")]
Size = Annotated[int, Query(ge=SMALLEST, le=PREVIEW, description="Longer side in pixels, at most.")]


@router.get("/images/{image_id}/objects")
def get_objects(service: Shared, image_id: Id) -> ObjectList:
    """The objects in an image, given its id (`source_id`) or that of one of its objects."""
    for snapshot in service.library.all():
        if (rows := snapshot.base.objects_of.get(image_id)) is not None:
            waiting = changes_waiting(service, snapshot, image_id)
            return ObjectList(source_id=image_id, items=image_shapes(snapshot, rows), waiting=waiting)
    snapshot, row = image_of(service, image_id)
    source = snapshot.frame["source_id"][row]
    items = image_shapes(snapshot, snapshot.base.objects_of.get(source, []))
    return ObjectList(source_id=source, items=items, waiting=changes_waiting(service, snapshot, source))


@router.get(
    "/images/{image_id}/region",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, 304: {"description": "Unchanged."}},
)
def get_region(
    service: Shared, request: Request, image_id: Id, box: Region, size: Size = 256, as_object: AsObject = False
) -> Response:
    """A region of the original as a JPEG. It is cut for each request and not stored."""
    region = parsed_region(box)
    original = original_of(service, image_id)
    margin = service.project.settings.objects.margin if as_object else 0.0
    etag = etag_of(original.etag, *region, size, margin)
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Content-Security-Policy": SANDBOX}
    not_modified = unchanged(request, etag)
    if not_modified is not None:
        not_modified.headers.update(headers)
        return not_modified
    decoded = service.decoders.decode(service.project.bucket.read(original.key))
    if isinstance(decoded, Rejected):
        raise changed(original)
    pixels = crop_of(decoded.pixels, region, margin)
    return Response(encoded(Image.fromarray(pixels), size), media_type="image/jpeg", headers=headers)


def parsed_region(text: str) -> Box:
    """The box in an address. Raises `Problem` 422."""
    try:
        x, y, w, h = (float(part) for part in text.split(","))
    except ValueError:
        raise Problem(422, "invalid-region", "`box` is four numbers: left, top, width, height, as in 0.1,0.2,0.3,0.4."
                      ) from None  # fmt: skip
    if problem := fault(Box(x, y, w, h)):
        raise Problem(422, "invalid-region", f"`box` is no region of an image: {problem}.")
    return Box(x, y, w, h)
