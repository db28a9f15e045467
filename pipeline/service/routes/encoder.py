"""The encoder of a category: the one in force, comparing two on its images and decisions, and choosing one.

What belongs here: HTTP. Not here: comparing (`steps/encoder_comparison.py`), choosing (`steps/encoder_choice.py`), the
same as a page (`page/encoder.py`).
"""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from pipeline.service.context import Service, Shared
from pipeline.service.models import RunShape, Shape
from pipeline.service.problems import Problem
from pipeline.service.routes.common import Slug, category_of
from pipeline.service.routes.curation import Actor, EventShape, Why, event_shape
from pipeline.service.routes.runs import run_shape
from pipeline.steps.encoder_choice import choose_encoder, encoder_choice, encoders_here, require_here
from pipeline.steps.encoder_comparison import stored_comparison
from pipeline.steps.encoders import list_encoders

router = APIRouter(tags=["encoder"])
Spec = Field(max_length=300, examples=["packaged:efficientnet_lite0_gem"])


class EncoderRow(Shape):
    """An encoder that can be compared and chosen without fetching anything."""

    spec: str
    family: str
    dimension: int | None
    megabytes: int | None = Field(description="Of its weights.")
    licence: str | None
    is_open: bool | None = Field(description="Whether the licence of the weights is an open one.")
    reads: bool = Field(description="Whether it reads words, for search by text.")
    images_per_second: float | None = Field(description="Preparing and encoding, as last measured on this machine.")


class EncoderShape(Shape):
    """The encoder in force: that of a decision about this category, else that of the settings."""

    category: str
    spec: str
    settings: str = Field(description="encoder.spec of the settings.")
    embedded: str | None = Field(description="The encoder that made the stored vectors.")
    decided: EventShape | None
    pending: bool = Field(description="The stored vectors are of another encoder; the next run embeds with this one.")
    encoders: list[EncoderRow]
    comparison: dict[str, Any] | None = Field(
        description="The last comparison, as of `image-cluster encoders compare --json`; null without one."
    )


class EncoderComparisonRequest(Shape):
    spec: str = Spec
    sample: int | None = Field(
        default=None, ge=8, le=100_000, strict=True, description="Images at most. [encoder.compare_sample]"
    )
    seed: int = Field(default=0, ge=0, le=2**31, strict=True, description="Draws another sample.")


class EncoderRequest(Shape):
    spec: str | None = Field(max_length=300, description="An encoder that is here; null: as the settings say.")
    actor: Actor = "api"
    why: Why = None
    run: bool = Field(default=True, description="Also embed, cluster and publish at once.")


class EncoderChosen(Shape):
    event: EventShape | None = Field(description="None if that encoder was in force already.")
    run: RunShape | None


@router.get("/categories/{category}/encoder")
def get_encoder(service: Shared, category: Slug) -> EncoderShape:
    """The encoder in force, those that are here, and the last comparison."""
    slug = category_of(service, category).slug
    now = encoder_choice(service.project, slug)
    decided = None if now.event is None else event_shape(service, slug, now.event)
    found = stored_comparison(service.project, slug)
    return EncoderShape(
        category=service.project.category_of(slug), spec=now.spec, settings=now.settings, embedded=now.embedded,
        decided=decided, pending=now.pending, encoders=encoder_rows(service, slug),
        comparison=None if found is None else asdict(found),
    )  # fmt: skip


@router.post("/categories/{category}/encoder/compare", status_code=202)
def compare_encoder(service: Shared, category: Slug, body: EncoderComparisonRequest) -> RunShape:
    """Start a run that compares an encoder with the one in force, on a sample. Changes no cluster."""
    snapshot = category_of(service, category)
    project, slug = service.project, snapshot.slug
    now = encoder_choice(project, slug)
    require_here(project, slug, body.spec)
    if body.spec == (now.embedded or now.spec):
        raise Problem(422, "same-encoder", f"{body.spec} is in force. Choose another encoder to compare it with.")
    further = {
        "specs": [now.embedded or now.spec, body.spec], "seed": body.seed,
        "sample": body.sample or project.settings.encoder.compare_sample,
    }  # fmt: skip
    return run_shape(
        service.runs.launch_comparison("encoders", snapshot.base.category, slug, project.settings, further)
    )


@router.post("/categories/{category}/encoder", status_code=201)
def choose(service: Shared, category: Slug, body: EncoderRequest) -> EncoderChosen:
    """Choose the encoder of this category: stores a decision, which can be undone, and runs the category."""
    snapshot = category_of(service, category)
    slug, project = snapshot.slug, service.project
    service.decisions()
    event = choose_encoder(project, slug, body.spec, actor=body.actor, why=body.why)
    run = None
    if body.run and (event is not None or encoder_choice(project, slug).pending):
        run = run_shape(service.runs.launch(snapshot.base.category, slug, {}, project.settings))
    service.library.forget(slug)
    return EncoderChosen(event=None if event is None else event_shape(service, slug, event), run=run)


def encoder_rows(service: Service, slug: str) -> list[EncoderRow]:
    """What is known of each encoder that is here."""
    project = service.project
    here = encoders_here(project, slug)
    known = {row["spec"]: row for row in list_encoders(project.settings, project.talk, project.now(), further=here)}
    return [EncoderRow.model_validate({name: known[spec][name] for name in EncoderRow.model_fields}) for spec in here]
