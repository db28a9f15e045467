"""Decisions about clusters and images, their history, and undo.

What belongs here: HTTP. Not here: the kinds of decisions (`curation/decisions.py`), their effect
(`curation/replay.py`). The service writes events, never clusters.

Requests name images by id, events by content hash. `if_revision` is the revision of a cluster that the person saw; if
the cluster has a later one, the response is 409 and nothing is stored. With an Idempotency-Key, a request that is sent
twice stores its events once.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from pydantic import Field, ValidationError

from pipeline.curation.decisions import IMAGE_FIELDS, KINDS, Decision, NewCluster, Undo, kinds_of, parse_decision
from pipeline.curation.decisions import Encoder as EncoderDecision
from pipeline.curation.events import Event, active_events
from pipeline.service.boxes import BOX_KINDS, box_decision
from pipeline.service.context import Service, Shared
from pipeline.service.models import ClusterDetail, Shape
from pipeline.service.problems import Problem, invalid_values, unknown
from pipeline.service.routes.clusters import detail
from pipeline.service.routes.common import Cluster, Id, Slug, category_of, cluster_of, image_of
from pipeline.steps.curation import new_cluster_id
from pipeline.steps.encoder_choice import require_here

router = APIRouter(tags=["decisions"])
SHOWN_IMAGES = 20
NEW_CLUSTER_KINDS = kinds_of(NewCluster)
MOST_AT_ONCE = 1000  # decisions in one transaction

Actor = Annotated[str, Field(min_length=1, max_length=100, pattern=r"\S", description="Who decides.")]
Why = Annotated[str | None, Field(max_length=4000, description="A remark for the history.")]
Key = Annotated[str | None, Header(max_length=200)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Before = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Only events with a lower number: go on with the "
                                     "last number of a page.")]  # fmt: skip


class DecisionRequest(Shape):
    """A decision: its kind and the fields of that kind. Images are named by id."""

    decision: dict[str, Any] = Field(
        max_length=10, description=f"`kind` is one of {', '.join(KINDS)}.",
        examples=[{"kind": "rename", "cluster": "c-a3bwn6n5", "name": "White post, red cap"}],
    )  # fmt: skip
    actor: Actor = "api"
    why: Why = None
    if_revision: dict[str, int] = Field(default={}, max_length=100, description="Cluster id → revision that was seen.")


class DecisionsRequest(Shape):
    """Decisions that belong together, each as in a single request."""

    decisions: list[Annotated[dict[str, Any], Field(max_length=10)]] = Field(min_length=1, max_length=MOST_AT_ONCE)
    actor: Actor = "api"
    why: Why = None
    if_revision: dict[str, int] = Field(
        default={}, max_length=MOST_AT_ONCE, description="Cluster id → revision that was seen before the first."
    )


class EventShape(Shape):
    """A stored decision."""

    category: str
    number: int
    at: str
    actor: str
    why: str | None
    decision: dict[str, Any]
    undone: bool


class MadeEvent(EventShape):
    """A decision that was stored just now."""

    same_name: list[str] = Field(
        description="Ids of the other clusters that have the name that the decision gave, but for case and blanks."
    )


class MadeEvents(Shape):
    items: list[MadeEvent]


class History(Shape):
    items: list[EventShape]


class UndoRequest(Shape):
    number: int | None = Field(
        default=None, ge=1, le=2**31 - 1, description="The event; by default the last one in force."
    )
    actor: Actor = "api"
    why: Why = None


@router.post("/categories/{category}/decisions", status_code=201)
def make_decision(service: Shared, category: Slug, body: DecisionRequest, idempotency_key: Key = None) -> MadeEvent:
    """Store a decision. This API shows its effect at once; published documents follow at the next run."""
    slug = category_of(service, category).slug
    return _made(service, slug, body, idempotency_key, body.decision)[0]


@router.post("/categories/{category}/decisions/batch", status_code=201)
def make_decisions(service: Shared, category: Slug, body: DecisionsRequest, idempotency_key: Key = None) -> MadeEvents:
    """Store decisions that belong together: all of them, in their order, or none."""
    slug = category_of(service, category).slug
    return MadeEvents(items=_made(service, slug, body, idempotency_key, *body.decisions))


@router.post("/categories/{category}/undo", status_code=201)
def undo_decision(service: Shared, category: Slug, body: UndoRequest) -> EventShape:
    """Take back a decision. An undo is an event too, and can be undone."""
    slug = category_of(service, category).slug
    made = service.decisions().undo(slug, body.number, actor=body.actor, why=body.why)
    service.library.forget(slug)
    return event_shape(service, slug, made)


@router.get("/categories/{category}/history")
def category_history(service: Shared, category: Slug, limit: Limit = 100, before: Before = None) -> History:
    """The last decisions of a category, the newest first."""
    return _history(service, category_of(service, category).slug, limit=limit, before=before)


@router.get("/clusters/{cluster}/history")
def cluster_history(service: Shared, cluster: Cluster, limit: Limit = 100, before: Before = None) -> History:
    """The decisions that touched a cluster, the newest first."""
    snapshot, cluster_id = cluster_of(service, cluster)
    return _history(service, snapshot.slug, cluster=cluster_id, limit=limit, before=before)


@router.get("/images/{image_id}/history")
def image_history(service: Shared, image_id: Id, limit: Limit = 100, before: Before = None) -> History:
    """The decisions that touched an image, the newest first."""
    snapshot, row = image_of(service, image_id)
    value = snapshot.frame["content_hash"][row]
    if value is None:
        return History(items=[])
    return _history(service, snapshot.slug, image=value, limit=limit, before=before)


class ClusterChange(Shape):
    """New values of a cluster; omitted fields stay unchanged."""

    name: str | None = Field(default=None, max_length=120)
    description: str | None = Field(default=None, max_length=4000)
    status: str | None = Field(default=None, pattern="^(active|unusable|hidden)$")
    actor: Actor = "api"
    if_revision: int | None = Field(default=None, ge=0)


@router.patch("/clusters/{cluster}")
def change_cluster(service: Shared, cluster: Cluster, body: ClusterChange) -> ClusterDetail:
    """Rename, describe or set the status of a cluster; null removes a name or description.

    Stores one event for each, all or none.
    """
    snapshot, cluster_id = cluster_of(service, cluster)
    expected = {cluster_id: body.if_revision} if body.if_revision is not None else {}
    kinds = {"name": "rename", "description": "describe", "status": "status"}
    values = [
        {"kind": kind, "cluster": cluster_id, field: getattr(body, field)}
        for field, kind in kinds.items()
        if field in body.model_fields_set and not (field == "status" and body.status is None)
    ]
    decisions = [_parse_decision(value) for value in values]
    if decisions:
        decide_all(service, {snapshot.slug: decisions}, actor=body.actor, expected=expected)
    snapshot, cluster_id = cluster_of(service, cluster_id)
    return detail(service, snapshot, cluster_id)


def decide_all(
    service: Service,
    decisions: Mapping[str, Sequence[Decision]],
    *,
    actor: str,
    why: str | None = None,
    expected: dict[str, int] | None = None,
) -> list[EventShape]:
    """Store decisions of one or several categories, all or none, and refresh the library."""
    made = _stored(service, decisions, actor=actor, why=why, key=None, expected=expected)
    return [event_shape(service, slug, event) for slug, events in made.items() for event in events]


def _stored(
    service: Service,
    decisions: Mapping[str, Sequence[Decision]],
    *,
    actor: str,
    why: str | None,
    key: str | None,
    expected: dict[str, int] | None,
) -> dict[str, list[Event]]:
    for slug, some in decisions.items():
        for decision in some:
            if isinstance(decision, EncoderDecision) and decision.spec is not None:
                require_here(service.project, slug, decision.spec)
    made = service.decisions().decide_all(decisions, actor=actor, why=why, key=key, expected=expected)
    for slug in made:
        service.library.forget(slug)
    return made


def _made(service: Service, slug: str, body: DecisionRequest | DecisionsRequest, key: str | None,
          *values: dict[str, Any]) -> list[MadeEvent]:  # fmt: skip
    """Store what a request decides; each event with the clusters that have the name that it gave."""
    decisions = [_decision(service, slug, value) for value in values]
    made = _stored(service, {slug: decisions}, actor=body.actor, why=body.why, key=key, expected=body.if_revision)
    curation = service.decisions()
    return [
        MadeEvent(**dict(event_shape(service, slug, event)), same_name=curation.namesakes(slug, event))
        for event in made[slug]
    ]


def event_shape(service: Service, slug: str, event: Event, *, undone: bool = False) -> EventShape:
    """An event as shown: a list of more than `SHOWN_IMAGES` images is cut, and counted."""
    value = event.decision.model_dump(mode="json")
    images = value.get("images")
    if isinstance(images, list) and len(images) > SHOWN_IMAGES:
        value["images_in_all"] = len(images)
        value["images"] = images[:SHOWN_IMAGES]
    return EventShape(category=service.project.category_of(slug), number=event.number, at=event.at,
                      actor=event.actor, why=event.why, decision=value, undone=undone)  # fmt: skip


def _history(
    service: Service, slug: str, *, limit: int, before: int | None, cluster: str | None = None, image: str | None = None
) -> History:
    if service.curation is None:
        return History(items=[])
    store = service.curation.store
    holding = {event.number for event in active_events(store.events(slug))}
    most = limit if before is None else store.last(slug)
    events = store.touching(slug, cluster=cluster, image=image, limit=most)
    events = [event for event in events if before is None or event.number < before][:limit]
    return History(items=[
        event_shape(service, slug, event, undone=event.number not in holding and not isinstance(event.decision, Undo))
        for event in events
    ])  # fmt: skip


def _decision(service: Service, slug: str, value: dict[str, Any]) -> Decision:
    """The decision with content hashes in place of image ids; a kind that makes a cluster gets its id here."""
    if value.get("kind") not in KINDS:
        raise unknown("kind of decision", str(value.get("kind")), KINDS, hint=f"Kinds: {', '.join(KINDS)}.")
    if value["kind"] in BOX_KINDS:
        return box_decision(service, slug, value)
    given = dict(value)
    for field in IMAGE_FIELDS:
        named = given.get(field)
        if isinstance(named, list):
            given[field] = list(dict.fromkeys(_hash(service, slug, image_id) for image_id in named))
        elif named is not None:
            given[field] = _hash(service, slug, named)
    if given["kind"] in NEW_CLUSTER_KINDS and "new_cluster" not in given and isinstance(given.get("images"), list):
        given["new_cluster"] = new_cluster_id(slug, given["images"], service.decisions().store.last(slug))
    return _parse_decision(given)


def _parse_decision(value: dict[str, Any]) -> Decision:
    try:
        return parse_decision(value)
    except ValidationError as error:
        problems = invalid_values(error.errors(), skip=1)
        first = f"{problems[0]['where'] or 'decision'}: {problems[0]['problem']}"
        raise Problem(422, "invalid-decision", f"{first}.", errors=problems) from error


def _hash(service: Service, slug: str, image_id: Any) -> str:
    if not isinstance(image_id, str):
        raise Problem(422, "invalid-decision", "Images are named by their ids.")
    snapshot, row = image_of(service, image_id)
    value = snapshot.frame["content_hash"][row]
    if snapshot.slug != slug or value is None:
        raise Problem(409, "not-decidable", f"The image {image_id} is of {snapshot.base.category}, or was never read.")
    return value
