"""Uploads into the bucket, and the queue that reads them.

What belongs here: HTTP. Not here: which files are accepted (`service/uploads.py`), the queue (`service/queue.py`).
"""

from typing import Annotated, Literal

from fastapi import APIRouter, File, Form, Query, UploadFile

from pipeline.service.context import Shared
from pipeline.service.database import moment
from pipeline.service.models import QueueItem, QueueList, Shape
from pipeline.service.problems import Problem
from pipeline.service.uploads import store_uploads
from pipeline.settings import ServiceParams


class Uploaded(Shape):
    """The result for one file; `image_id` finds it once it has been read, within seconds."""

    name: str
    status: str
    key: str | None
    image_id: str | None
    content_hash: str
    reason: str | None


class UploadAnswer(Shape):
    items: list[Uploaded]
    stored: int
    refused: int


def router(params: ServiceParams) -> APIRouter:
    """The routes, with the limits of the settings."""
    made = APIRouter(tags=["uploads"])
    made.add_api_route(
        "/images", upload_images, methods=["POST"], status_code=202,
        max_body_size=int(params.max_upload_megabytes * 1e6),
        form_limits={"max_files": params.max_upload_files, "max_fields": 10},
    )  # fmt: skip
    made.add_api_route("/queue", list_queue, methods=["GET"])
    return made


def upload_images(
    service: Shared,
    files: Annotated[
        list[UploadFile], File(description="Pictures; their content is checked, their names are not used.")
    ],
    category: Annotated[str, Form(max_length=200)],
    group: Annotated[str | None, Form(max_length=60)] = None,
) -> UploadAnswer:
    """Store pictures in the bucket, below their category. They are searchable in seconds, clustered at the next run."""
    if len(files) > service.params.max_upload_files:
        raise Problem(
            413, "too-many-files", f"{len(files)} files; service.max_upload_files is {service.params.max_upload_files}."
        )
    given = ((file.filename or "", file.file.read()) for file in files)
    slug, stored = store_uploads(service.project, service.decoders, category, group or None, given)
    kept = [result for result in stored if result.key is not None]
    if not kept:
        raise Problem(
            422,
            "no-picture",
            f"None of the {len(stored)} files can be used. {stored[0].name or 'The first'}: {stored[0].reason}",
            errors=[{"where": result.name, "problem": result.reason or ""} for result in stored],
        )
    service.queue.add([(slug, result.key) for result in kept if result.key is not None], "upload")
    items = [Uploaded(name=result.name, status=result.status, key=result.key, image_id=result.image_id,
                      content_hash=result.content_hash, reason=result.reason) for result in stored]  # fmt: skip
    return UploadAnswer(items=items, stored=len(kept), refused=len(stored) - len(kept))


def list_queue(
    service: Shared,
    state: Annotated[list[Literal["waiting", "working", "done", "failed"]], Query(max_length=4)] = [],  # noqa: B006
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> QueueList:
    """Waiting items and the results of finished ones, the newest first."""
    slugs = service.library.slugs()
    counts = service.queue.counts()  # before the items, so that with no item in work, every item has its result
    items = [
        QueueItem(
            id=row["id"], category=slugs.get(row["slug"]) or str(row["slug"]), key=row["key"], source=row["source"],
            state=row["state"], added_at=moment(row["added_at"]) or "", ended_at=moment(row["ended_at"]),
            attempts=row["attempts"], message=row["message"],
        )
        for row in service.queue.items(limit, state)
    ]  # fmt: skip
    return QueueList(counts=counts, items=items)
