"""Originals: an image at full size, streamed from its source, and what its camera recorded.

What belongs here: reading an object of the source in parts, as a browser asks for it. Nothing of it is stored. Not
here: thumbnails (`images.py`), reading EXIF (`stages/images/camera.py`).

An original is read by the key that the library stores for an id; no part of a path ever comes from a request. It is
sent with the type of its decoded format, in a sandbox, or as a JPEG that every browser can show.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from PIL import Image

from pipeline.service.contact_sheet import encoded
from pipeline.service.context import Service, Shared
from pipeline.service.models import CameraShape
from pipeline.service.problems import Problem
from pipeline.service.routes.common import SANDBOX, Id, etag_of, image_of, unchanged
from pipeline.service.uploads import FORMATS
from pipeline.stages.images.camera import read_camera
from pipeline.stages.images.decode import Rejected
from pipeline.stages.images.formats import identify
from pipeline.stages.objects.table import NO_OBJECT

router = APIRouter(tags=["images"])
PIECE = 1 << 20  # bytes read and sent at once
HEAD = 1 << 18  # bytes in which a JPEG keeps what its camera recorded
PREVIEW = 2560  # pixels of the longer side of a preview
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True)
class Original:
    """An object of the source: its size in bytes, Pillow's name of its format, and an ETag of its content."""

    image_id: str
    key: str
    size: int
    format: str
    etag: str


@router.get(
    "/images/{image_id}/original",
    response_class=Response,
    responses={
        200: {"content": {"image/*": {}}},
        206: {"description": "The part that was asked for with Range."},
        304: {"description": "Unchanged."},
        416: {"description": "The original has fewer bytes.", "content": {"application/problem+json": {}}},
    },
)
def get_original(service: Shared, request: Request, image_id: Id) -> Response:
    """The original image, as it lies in the source. A `Range` of bytes is read and sent alone."""
    original = original_of(service, image_id)
    not_modified = unchanged(request, original.etag)
    if not_modified is not None:
        return not_modified
    begin, end, partial = _wanted(request, original)
    first = service.project.bucket.read_part(original.key, begin, min(PIECE, end - begin))
    if len(first) < min(PIECE, end - begin) or (begin == 0 and identify(first)[0] is None):
        raise changed(original)
    extension, media_type = FORMATS.get(original.format, ("bin", "application/octet-stream"))
    headers = {
        "ETag": original.etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Security-Policy": SANDBOX,
        "Content-Disposition": f'inline; filename="{image_id}.{extension}"',
        "Content-Length": str(end - begin),
    }
    if partial:
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{original.size}"
    pieces = _pieces(service, original.key, first, begin, end)
    return StreamingResponse(pieces, 206 if partial else 200, media_type=media_type, headers=headers)


@router.get(
    "/images/{image_id}/preview",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, 304: {"description": "Unchanged."}},
)
def get_preview(service: Shared, request: Request, image_id: Id) -> Response:
    """The original as a JPEG, upright, in sRGB, its longer side at most 2,560 pixels: for browsers that cannot show its
    format (HEIC, TIFF, JPEG 2000). It is made anew for each request."""
    original = original_of(service, image_id)
    etag = etag_of(original.etag, "preview", PREVIEW)
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Content-Security-Policy": SANDBOX}
    not_modified = unchanged(request, etag)
    if not_modified is not None:
        return not_modified
    decoded = service.decoders.decode(service.project.bucket.read(original.key))
    if isinstance(decoded, Rejected):
        if decoded.status == "too_large":
            raise Problem(413, "too-large", f"No JPEG is made of the original: {decoded.reason}")
        raise changed(original)
    return Response(encoded(Image.fromarray(decoded.pixels), PREVIEW), media_type="image/jpeg", headers=headers)


@router.get("/images/{image_id}/camera")
def get_camera(service: Shared, image_id: Id) -> CameraShape:
    """What the camera recorded (EXIF), read from the original. Values that it lacks are null."""
    original = original_of(service, image_id)
    most = HEAD if original.format in ("JPEG", "MPO") else original.size  # other formats may keep it at the end
    data = service.project.bucket.read_part(original.key, 0, min(most, original.size))
    kind = identify(data)[0]
    if kind is None:
        raise changed(original)
    return CameraShape.model_validate(read_camera(data, kind))


def original_of(service: Service, image_id: str) -> Original:
    """The original of an image, or of the image that an object is in.

    Raises `Problem` if the image was set aside or its original is larger than the settings allow.
    """
    snapshot, row = service.library.source(image_id) or image_of(service, image_id)
    record = snapshot.records([row])[0]
    if record["status"] not in ("ok", NO_OBJECT):
        raise Problem(409, "set-aside", f"The image {image_id} was set aside as {record['status']}, so it is not "
                      "served.")  # fmt: skip
    size = record["size"]
    head = service.project.bucket.head(record["key"]) if size is None or size < 0 else None
    size = head.size if head is not None else size or 0
    limit = service.params.max_original_megabytes
    if size > limit * 1e6:
        raise Problem(
            413, "too-large", f"The original has {size / 1e6:.1f} MB; service.max_original_megabytes is {limit:g}."
        )
    etag = etag_of(record["content_hash"], record["etag"])
    return Original(image_id, record["key"], size, record["format"], etag)


def _wanted(request: Request, original: Original) -> tuple[int, int, bool]:
    """The first byte, the byte after the last, and whether that is a part. What is no single range means the whole."""
    size, given = original.size, request.headers.get("range")
    same = request.headers.get("if-range", original.etag) == original.etag
    match = _RANGE.fullmatch(given.strip()) if given and same else None
    if match is None or not any(match.groups()):
        return 0, size, False
    first, last = match.groups()
    begin = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if begin >= end:
        raise Problem(416, "range", f"The original has {size:,} bytes; {given} asks for none of them.")
    return begin, end, True


def _pieces(service: Service, key: str, first: bytes, begin: int, end: int) -> Iterator[bytes]:
    yield first
    for at in range(begin + len(first), end, PIECE):
        yield service.project.bucket.read_part(key, at, min(PIECE, end - at))


def changed(original: Original) -> Problem:
    """The problem that an original is not what the last run read."""
    return Problem(
        409, "changed", f"The object {original.key} is no longer the image that was read. Run its category again."
    )
