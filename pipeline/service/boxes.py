"""Boxes that people refuse or draw, for the API and the page.

What belongs here: a request as a decision, and what waits for the next run. Not here: the decisions
(`steps/corrections.py`), HTTP (`routes/`).
"""

from typing import Any, Literal

from pydantic import Field, ValidationError

from pipeline.curation.decisions import AddBox, WrongBox
from pipeline.service.context import Service
from pipeline.service.models import BoxChange, BoxesWaiting, Shape
from pipeline.service.problems import Problem, invalid_values
from pipeline.stages.objects.contract import Facts
from pipeline.steps.corrections import add_box, corrections_of, waiting, wrong_box
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
    found = waiting(service.project, snapshot.slug)
    return BoxesWaiting(added=found.added, removed=found.removed, undone=found.undone)


def waiting_on(service: Service, snapshot: Snapshot, source_id: str) -> list[BoxChange]:
    """The decisions about the boxes of one image that the last run did not know of."""
    stored = service.project.store.current(snapshot.slug, "objects")
    if service.curation is None or stored is None or not snapshot.base.is_of_objects:
        return []
    followed = set(stored.facts(Facts).corrections)
    return [
        BoxChange(event=one.event, kind="wrong_box" if one.wrong else "add_box", box=list(one.box),
                  label=one.label or None)
        for one in corrections_of(service.project, snapshot.slug, source_id) if one.event not in followed
    ]  # fmt: skip
