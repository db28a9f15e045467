"""Notifications from the bucket: an object was written or deleted.

What belongs here: checking the signature, and queueing the categories. Not here: ingesting them (`service/queue.py`).

R2 writes its notifications into a queue; a consumer posts them here unchanged and signed. The header
`X-Image-Cluster-Timestamp` has seconds since 1970, `X-Image-Cluster-Signature` the hexadecimal HMAC-SHA256, with the
shared secret, over timestamp, full stop, body. A notification only says which category to look at; its objects are
always listed from the bucket.
"""

import hmac
import json
from hashlib import sha256
from time import time
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Header, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy import delete, insert
from sqlalchemy.exc import IntegrityError

from pipeline.service.context import Service, Shared
from pipeline.service.database import signature_table
from pipeline.service.models import Shape
from pipeline.service.options import EVENTS_VARIABLE
from pipeline.service.problems import Problem
from pipeline.stages.manifest.keys import category_of, sort_of
from pipeline.steps.categories import slugs_with
from pipeline.storage.categories import write_slugs

router = APIRouter(tags=["uploads"])
MOST_EVENTS = 10_000


class _Object(BaseModel):
    key: str = Field(min_length=1, max_length=4096)
    size: int = Field(default=1, ge=0)


class _Event(BaseModel):
    """The fields of an R2 event notification that are used here."""

    action: str = Field(max_length=100)
    object: _Object


class EventsAnswer(Shape):
    queued: int
    ignored: int
    categories: list[str]


async def _body(request: Request) -> bytes:
    return await request.body()


@router.post(
    "/events/bucket",
    status_code=202,
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {}}}}},
)
async def bucket_events(
    service: Shared,
    body: Annotated[bytes, Depends(_body)],
    x_image_cluster_timestamp: Annotated[str, Header(max_length=20)] = "",
    x_image_cluster_signature: Annotated[str, Header(max_length=200)] = "",
) -> EventsAnswer:
    """Accept signed R2 event notifications: one, a list, or the batch of a queue, {"messages": [{"body": …}]}."""
    _check(service, body, x_image_cluster_timestamp, x_image_cluster_signature)
    return await run_in_threadpool(_queue, service, _parse(body))


def _check(service: Service, body: bytes, timestamp: str, signature: str) -> None:
    secret = service.options.events_secret
    if secret is None:
        raise Problem(
            503, "no-secret", f"Notifications are off: set {EVENTS_VARIABLE} where the service is started, and sign "
            "with the same secret.",
        )  # fmt: skip
    wanted = hmac.new(secret.encode(), timestamp.encode() + b"." + body, sha256).hexdigest()
    if not hmac.compare_digest(signature.removeprefix("sha256=").encode(), wanted.encode()):
        raise Problem(401, "wrong-signature", "The signature does not match the body. Is the secret the same?")
    window = service.params.events_window_seconds
    if not timestamp.isdecimal() or abs(time() - int(timestamp)) > window:
        raise Problem(
            401, "out-of-window", f"The notification is not of the last {window} s. Is the clock right, or was it "
            "sent again? Sign it anew.",
        )  # fmt: skip
    try:
        with service.database.begin() as connection:
            connection.execute(delete(signature_table).where(signature_table.c.seen_at < time() - 2 * window))
            connection.execute(insert(signature_table).values(signature=wanted, seen_at=time()))
    except IntegrityError as error:
        raise Problem(409, "seen-before", "This notification was already accepted.") from error


def _parse(body: bytes) -> list[_Event]:
    try:
        document: Any = json.loads(body)
        if isinstance(document, dict) and "messages" in document:
            batch = cast("dict[str, Any]", document)["messages"]
            document = [
                message["body"] if isinstance(message, dict) and "body" in message else message for message in batch
            ]
        notifications: list[Any] = cast("list[Any]", document) if isinstance(document, list) else [document]
        if len(notifications) > MOST_EVENTS:
            raise Problem(
                413,
                "too-many-events",
                f"{len(notifications)} notifications at once; at most {MOST_EVENTS} are allowed.",
            )
        return [_Event.model_validate(notification) for notification in notifications]
    except (ValueError, TypeError, ValidationError, RecursionError) as error:
        raise Problem(
            422, "invalid-notification", f"This is not an R2 event notification: {str(error)[:300]}"
        ) from error


def _queue(service: Service, events: list[_Event]) -> EventsAnswer:
    """Queue every key that may be an image of a category. Stores new categories."""
    project = service.project
    source = project.settings.source
    prefix = source.url.partition("://")[2].partition("/")[2].strip("/")
    wanted: dict[str, str] = {}
    for event in events:
        key = event.object.key
        if prefix and not key.startswith(f"{prefix}/"):
            continue
        key = key.removeprefix(f"{prefix}/") if prefix else key
        category = category_of(key, source.categories, source.skip_names)
        if category is not None and sort_of(key, event.object.size, source.skip_names) == "image":
            wanted[key] = category
    slugs = slugs_with(project.layout, wanted.values())
    write_slugs(project.layout, slugs)
    by_name = {name: slug for slug, name in slugs.items()}
    service.queue.add([(by_name[category], key) for key, category in wanted.items()], "notification")
    return EventsAnswer(queued=len(wanted), ignored=len(events) - len(wanted), categories=sorted(set(wanted.values())))
