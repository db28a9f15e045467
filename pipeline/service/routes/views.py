"""Views of the page that people keep under a name, for everybody.

What belongs here: HTTP. Not here: what a view is (`SaveView` in `curation/decisions.py`): a decision like others, which
is in the history and can be undone.
"""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field, ValidationError

from pipeline.curation.decisions import SaveView
from pipeline.curation.events import saved_views
from pipeline.curation.fields import TAG_LENGTH
from pipeline.service.context import Service, Shared
from pipeline.service.models import Shape
from pipeline.service.problems import Problem, unknown
from pipeline.service.routes.common import Slug, category_of
from pipeline.service.routes.curation import Actor, EventShape, decide_all

router = APIRouter(tags=["views"])
ViewName = Annotated[str, Path(max_length=TAG_LENGTH)]


class ViewShape(Shape):
    """A saved view. `address` is what follows the category in the page's address; `url` is the whole path."""

    name: str
    address: str
    url: str
    actor: str
    at: str
    event: int = Field(description="The number of the event that saved it.")


class ViewList(Shape):
    items: list[ViewShape]


class ViewRequest(Shape):
    """A view to save; one of the same name is replaced."""

    name: str = Field(min_length=1, max_length=TAG_LENGTH)
    address: str = Field(max_length=2000, examples=["find?tag=wet&sort=date", "?which=review"])
    actor: Actor = "api"


@router.get("/categories/{category}/views")
def list_views(service: Shared, category: Slug) -> ViewList:
    """The saved views of a category, by name."""
    return ViewList(items=views_of(service, category_of(service, category).slug))


@router.post("/categories/{category}/views", status_code=201)
def save_view(service: Shared, category: Slug, body: ViewRequest) -> EventShape:
    """Keep a view under a name."""
    slug = category_of(service, category).slug
    try:
        view = SaveView(name=body.name, address=body.address)
    except ValidationError as error:
        raise Problem(
            422, "invalid-view", f"{body.name[:60]!r} with the address {body.address[:200]!r} is no view of this page: "
            "the address is what follows the category, such as find?tag=wet.",
        ) from error  # fmt: skip
    return decide_all(service, {slug: [view]}, actor=body.actor)[0]


@router.delete("/categories/{category}/views/{name:path}", status_code=201)
def remove_view(
    service: Shared, category: Slug, name: ViewName, actor: Annotated[str, Query(min_length=1, max_length=100)] = "api"
) -> EventShape:
    """Remove a saved view. Its undo brings it back."""
    slug = category_of(service, category).slug
    there = [view.name for view in views_of(service, slug)]
    if name not in there:
        raise unknown("view", name, there)
    return decide_all(service, {slug: [SaveView(name=name, address=None)]}, actor=actor)[0]


def views_of(service: Service, slug: str) -> list[ViewShape]:
    """The saved views, by name."""
    if service.curation is None:
        return []
    return [
        ViewShape(name=name, address=event.decision.address, url=_url(slug, event.decision.address),
                  actor=event.actor, at=event.at, event=event.number)
        for name, event in saved_views(service.curation.log.events(slug)).items()
        if isinstance(event.decision, SaveView) and event.decision.address is not None
    ]  # fmt: skip


def _url(slug: str, address: str) -> str:
    return f"/c/{slug}{'' if not address or address.startswith('?') else '/'}{address}"
