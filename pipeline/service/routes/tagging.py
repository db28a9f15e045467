"""Tags: add tags to many images at once, and remove them.

What belongs here: HTTP for tags. Not here: other decisions (`curation.py`), the effect of a tag (`pipeline/curation/`).
"""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from pipeline.curation.decisions import Tag, Undo, Untag
from pipeline.curation.fields import TagName
from pipeline.service.context import Service, Shared
from pipeline.service.models import Shape
from pipeline.service.problems import Problem
from pipeline.service.routes.common import image_of
from pipeline.service.routes.curation import Actor, EventShape, Why, decide_all

router = APIRouter(tags=["decisions"])
MOST_IMAGES = 100_000


class TagRequest(Shape):
    """Which images get, or lose, which tag."""

    image_ids: list[Annotated[str, Field(max_length=100)]] = Field(min_length=1, max_length=MOST_IMAGES)
    tag: TagName = Field(examples=["style_001"])
    actor: Actor = "api"
    why: Why = None


class Decided(Shape):
    """The events that a request stored, one per category."""

    events: list[EventShape]


class EventName(Shape):
    category: str = Field(max_length=200)
    number: int = Field(ge=1, le=2**31 - 1)


class UndoTagging(Shape):
    """The events to undo, as `apply` or `remove` returned them."""

    events: list[EventName] = Field(min_length=1, max_length=1000)
    actor: Actor = "api"


@router.post("/tagging/apply")
def apply_tag(service: Shared, body: TagRequest) -> Decided:
    """Add a tag to images. Stores one event per category, all or none; each can be undone."""
    return _store_tags(service, body, Tag)


@router.post("/tagging/remove")
def remove_tag(service: Shared, body: TagRequest) -> Decided:
    """Remove a tag from images."""
    return _store_tags(service, body, Untag)


@router.post("/tagging/undo")
def undo_tagging(service: Shared, body: UndoTagging) -> Decided:
    """Undo events of tagging: all of them, or none."""
    store = service.decisions().store
    undos: dict[str, list[Undo]] = {}
    for reference in body.events:
        slug = next(
            (slug for slug, name in service.library.slugs().items() if reference.category in (slug, name)), None
        )
        events = store.events(slug) if slug is not None else []
        tagging = reference.number <= len(events) and isinstance(events[reference.number - 1].decision, (Tag, Untag))
        if slug is None or not tagging:
            raise Problem(
                404, "unknown-event", f"There is no tagging event {reference.number} of {reference.category!r}."
            )
        undos.setdefault(slug, []).append(Undo(event=reference.number))
    return Decided(events=decide_all(service, undos, actor=body.actor))


def _store_tags(service: Service, body: TagRequest, make: type[Tag | Untag]) -> Decided:
    """Store one event per category; nothing if any image is unknown or not taggable."""
    hashes: dict[str, dict[str, None]] = {}
    for name in body.image_ids:
        snapshot, row = image_of(service, name)
        value = snapshot.frame["content_hash"][row]
        if value is None or snapshot.frame["state"][row] in ("rejected", "new"):
            state = snapshot.frame["state"][row]
            raise Problem(409, "not-taggable", f"The image {name} is {state}; only clustered and unclustered images "
                          "take tags. Run its category first.")  # fmt: skip
        hashes.setdefault(snapshot.slug, {})[value] = None
    decisions = {slug: [make(images=tuple(values), tag=body.tag)] for slug, values in hashes.items()}
    return Decided(events=decide_all(service, decisions, actor=body.actor, why=body.why))
