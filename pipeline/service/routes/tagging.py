"""Tags: put on the results of a search all at once, and taken off again.

What belongs here: the HTTP side of tags. Not here: other decisions (`curation.py`), what a tag does
(`pipeline/curation/`).
"""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from pipeline.curation.decisions import Tag, TagName, Untag
from pipeline.service.context import Service, Shared
from pipeline.service.models import Decided, Shape
from pipeline.service.problems import Problem
from pipeline.service.routes.common import image_of
from pipeline.service.routes.curation import Actor, Why, decide, event_shape

router = APIRouter(tags=["decisions"])
MOST_IMAGES = 100_000


class TagRequest(Shape):
    """Which images get, or lose, which tag."""

    image_ids: list[Annotated[str, Field(max_length=100)]] = Field(min_length=1, max_length=MOST_IMAGES)
    tag: TagName = Field(examples=["style_001"])
    actor: Actor = "api"
    why: Why = None


class UndoTagging(Shape):
    """The events to take back, as `apply` or `remove` returned them."""

    events: list["EventName"] = Field(min_length=1, max_length=1000)
    actor: Actor = "api"


class EventName(Shape):
    category: str = Field(max_length=200)
    number: int = Field(ge=1, le=2**31 - 1)


@router.post("/tagging/apply")
def apply_tag(service: Shared, body: TagRequest) -> Decided:
    """Put a tag on images. Each category that they are of gets one event, which can be undone."""
    return _decided(service, body, Tag)


@router.post("/tagging/remove")
def remove_tag(service: Shared, body: TagRequest) -> Decided:
    """Take a tag off images."""
    return _decided(service, body, Untag)


@router.post("/tagging/undo")
def undo_tagging(service: Shared, body: UndoTagging) -> Decided:
    """Take back events of tagging."""
    curation = service.decisions()
    made: list[dict[str, Any]] = []
    for one in body.events:
        slug = next((slug for slug, name in service.library.slugs().items() if one.category in (slug, name)), None)
        events = curation.store.events(slug) if slug is not None else []
        tagging = one.number <= len(events) and isinstance(events[one.number - 1].decision, (Tag, Untag))
        if slug is None or not tagging:
            raise Problem(404, "unknown-event", f"There is no tagging event {one.number} of {one.category!r}.")
        made.append(event_shape(service, slug, curation.undo(slug, one.number, actor=body.actor)))
        service.library.forget(slug)
    return Decided(events=made)


def _decided(service: Service, body: TagRequest, make: type[Tag | Untag]) -> Decided:
    """One event per category; nothing is stored when an id is unknown or was never read."""
    hashes: dict[str, dict[str, None]] = {}
    for name in body.image_ids:
        snapshot, row = image_of(service, name)
        value = snapshot.frame["content_hash"][row]
        if value is None or snapshot.frame["state"][row] in ("rejected", "new"):
            state = snapshot.frame["state"][row]
            raise Problem(409, "not-taggable", f"The image {name} is {state}; only clustered and unclustered images "
                          "take tags. Run its category first.")  # fmt: skip
        hashes.setdefault(snapshot.slug, {})[value] = None
    made: list[dict[str, Any]] = []
    for slug, values in hashes.items():
        decision = make(images=tuple(values), tag=body.tag)
        made.append(decide(service, slug, decision, actor=body.actor, why=body.why))
    return Decided(events=made)
