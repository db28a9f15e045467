"""Boxes that people refuse or draw, for the API and the page.

What belongs here: a request as a decision, and what waits for the next run. Not here: the decisions
(`steps/corrections.py`), HTTP (`routes/`).
"""

from dataclasses import asdict
from typing import Any, Literal

from pydantic import Field, ValidationError

from pipeline.curation.decisions import AddBox, WrongBox
from pipeline.service.context import Service
from pipeline.service.models import BoxChange, BoxesWaiting, Shape
from pipeline.service.problems import Problem, invalid_values
from pipeline.steps.corrections import add_box, waiting, waiting_on, wrong_box
from pipeline.steps.library_view.snapshot import Snapshot

BOX_KINDS = ("wrong_box", "add_box")


class WrongBoxRequest(Shape):
    """An object whose box is wrong."""

    kind: Literal["wrong_box"]
    image: str = Field(max_length=100)


class AddBoxRequest(Shape):
    """A box on an image, given by its id or that of an object in it."""

    kind: Literal["add_box"]
    image: str = Field(max_length=100)
    box: tuple[float, float, float, float]
    label: str | None = None


def box_decision(service: Service, slug: str, value: dict[str, Any]) -> WrongBox | AddBox:
    """The decision of a request. Raises `Problem`, `UnknownNameError`, `DecisionError`."""
    try:
        if value["kind"] == "wrong_box":
            return wrong_box(service.project, slug, WrongBoxRequest.model_validate(value).image)
        wanted = AddBoxRequest.model_validate(value)
        return add_box(service.project, slug, wanted.image, wanted.box, wanted.label)
    except ValidationError as error:
        problems = invalid_values(error.errors())
        first = f"{problems[0]['where'] or 'decision'}: {problems[0]['problem']}"
        raise Problem(422, "invalid-decision", f"{first}.", errors=problems) from error


def boxes_waiting(service: Service, snapshot: Snapshot) -> BoxesWaiting | None:
    """How many decisions about boxes wait for the next run; None where whole images are clustered."""
    if not snapshot.base.is_of_objects:
        return None
    if service.curation is None:
        return BoxesWaiting(added=0, removed=0, undone=0)
    return BoxesWaiting(**asdict(waiting(service.project, snapshot.slug)))


def changes_waiting(service: Service, snapshot: Snapshot, source_id: str) -> list[BoxChange]:
    """The decisions about the boxes of one image that the last run did not know of."""
    if service.curation is None:
        return []
    return [
        BoxChange(event=correction.event, kind="wrong_box" if correction.wrong else "add_box",
                  box=list(correction.box), label=correction.label or None)
        for correction in waiting_on(service.project, snapshot.slug, source_id)
    ]  # fmt: skip
