"""Runs: start, list and follow runs.

What belongs here: HTTP. Not here: executing runs (`service/runs.py`).
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field, ValidationError
from sse_starlette.sse import EventSourceResponse

from pipeline.service.context import Service, Shared
from pipeline.service.database import moment
from pipeline.service.models import RunList, RunShape, Shape
from pipeline.service.problems import Problem, invalid_values
from pipeline.service.routes.common import Id, category_of
from pipeline.service.runs import OPEN, Row
from pipeline.settings import (
    ClusterParams,
    IdentityParams,
    ReductionParams,
    RepresentativeParams,
    Settings,
)

router = APIRouter(tags=["runs"])
LOOK_SECONDS = 0.25
# sections that a request may change: clustering, never where anything is read from or written to
SECTIONS = {
    "reduced": ReductionParams, "labels": ClusterParams, "identities": IdentityParams,
    "representatives": RepresentativeParams,
}  # fmt: skip


class RunRequest(Shape):
    """Which category to run, and settings that differ for this run."""

    category: str = Field(max_length=200, examples=["bollards"])
    only: Literal["clusters"] | None = Field(
        default=None, description="clusters: read nothing, cluster and publish what is stored. Unset: every step."
    )
    settings: dict[str, dict[str, Any]] = Field(
        default={}, max_length=len(SECTIONS), examples=[{"labels": {"granularity": "fine"}}],
        description=f"Sections of the settings file: {', '.join(SECTIONS)}.",
    )  # fmt: skip


@router.post("/cluster/run", status_code=202)
def start_run(service: Shared, body: RunRequest, response: Response) -> RunShape:
    """Run a category: list, read, embed, cluster, publish."""
    snapshot = category_of(service, body.category)
    run = service.runs.launch(
        snapshot.base.category, snapshot.slug, body.settings, _settings(service, body.settings),
        kind="clustering" if body.only else "pipeline",
    )  # fmt: skip
    response.headers["Location"] = f"/api/v1/runs/{run['id']}"
    return run_shape(run)


@router.get("/runs")
def list_runs(
    service: Shared,
    state: Annotated[
        list[Literal["queued", "running", "succeeded", "failed", "died", "cancelled"]], Query(max_length=6)
    ] = [],  # noqa: B006  # FastAPI copies defaults
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> RunList:
    """The last runs, the newest first."""
    return RunList(items=[run_shape(run) for run in service.runs.last(limit, state)])


@router.get("/runs/{run_id}")
def get_run(service: Shared, run_id: Id) -> RunShape:
    """One run with its progress."""
    return run_shape(service.runs.get(run_id))


@router.get("/runs/{run_id}/result", response_class=Response, responses={200: {"content": {"application/json": {}}}})
def get_result(service: Shared, run_id: Id) -> Response:
    """What a run returned: the groups of posted vectors, or the figures of a category."""
    return Response(service.runs.result(run_id), media_type="application/json")


@router.post("/runs/{run_id}/cancel")
def cancel_run(service: Shared, run_id: Id) -> RunShape:
    """Ask a run to stop. Finished work is kept; the next run continues there."""
    return run_shape(service.runs.cancel(run_id))


@router.get(
    "/runs/{run_id}/events",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Server-sent events."}},
)
async def follow_run(
    service: Shared, request: Request, run_id: Id, last_event_id: Annotated[str | None, Header(max_length=40)] = None
) -> EventSourceResponse:
    """A run as it goes: events `progress` {phase, done, total}, `notice` {text}, and `state`, the run itself.

    A client that lost the connection continues where it was (Last-Event-ID).
    """
    await run_in_threadpool(service.runs.get, run_id)
    offset = int(last_event_id) if last_event_id and last_event_id.isdecimal() else 0
    return EventSourceResponse(_events(service, request, run_id, offset), headers={"X-Accel-Buffering": "no"})


async def _events(service: Service, request: Request, run_id: str, offset: int) -> AsyncGenerator[dict[str, Any]]:
    last: tuple[Any, ...] = ()
    while not await request.is_disconnected():
        run = await run_in_threadpool(service.runs.get, run_id)
        lines, offset = await run_in_threadpool(service.runs.lines, run_id, offset)
        for place, line in lines:
            name = line.pop("event")
            if name in ("progress", "notice"):
                yield {"event": name, "id": str(place), "data": json.dumps(line, ensure_ascii=False)}
        now = (run["state"], run["phase"], run["done"])
        if run["kind"] == "dagster" and now != last and run["phase"]:
            data = {"phase": run["phase"], "done": run["done"], "total": run["total"]}
            yield {"event": "progress", "data": json.dumps(data)}
        if run["state"] != (last[0] if last else None):
            yield {"event": "state", "id": str(offset), "data": run_shape(run).model_dump_json()}
        last = now
        if run["state"] not in OPEN:
            return
        await asyncio.sleep(LOOK_SECONDS)


def run_shape(run: Row) -> RunShape:
    """A row as shown."""
    return RunShape(
        id=run["id"], kind=run["kind"], category=run["category"], state=run["state"],
        created_at=moment(run["created_at"]) or "", started_at=moment(run["started_at"]),
        ended_at=moment(run["ended_at"]), settings=run["settings"], phase=run["phase"], done=run["done"],
        total=run["total"], message=run["message"], error=run["error"], result=run["result"],
        dagster_run=run["elsewhere"],
    )  # fmt: skip


def _settings(service: Service, changed: dict[str, dict[str, Any]]) -> Settings:
    """The service's settings with the changed ones. Raises `Problem` for a forbidden section or invalid values."""
    values = service.project.settings.model_dump()
    for section, knobs in changed.items():
        if section not in SECTIONS:
            raise Problem(
                422, "unknown-section", f"A run cannot change the section {section[:60]!r}. It can change: "
                f"{', '.join(SECTIONS)}.", nearest=list(SECTIONS),
            )  # fmt: skip
        values[section] = values[section] | knobs
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problems = invalid_values(error.errors())
        raise Problem(
            422, "invalid-settings", f"{problems[0]['where']}: {problems[0]['problem']}.", errors=problems
        ) from error
