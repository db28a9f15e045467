"""What others decide, as it happens: an event stream of one category.

What belongs here: HTTP (server-sent events). Not here: deciding and history (`curation.py`), notifications of a bucket
(`events.py`).

The store of decisions is asked once a second, so decisions of other processes (the command line, another server) come
too. A stream says where it is (`id`), so a browser that lost it goes on from there.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from pipeline.service.context import Service, Shared
from pipeline.service.routes.common import Slug, category_of
from pipeline.steps.library_view.history import describe

router = APIRouter(tags=["decisions"])
ASK_SECONDS = 1.0
ALIVE_SECONDS = 15.0  # proxies close what is silent for long
MOST_EVENTS = 200  # after a long absence the page is read anew anyway
After = Annotated[int | None, Query(ge=0, le=2**31 - 1, description="Begin after this event. [the last one now]")]
STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}


@router.get("/categories/{category}/stream", response_class=StreamingResponse, responses=STREAM)
async def stream(
    service: Shared, request: Request, category: Slug, after: After = None,
    last_event_id: Annotated[str, Header(max_length=20)] = "",
) -> StreamingResponse:  # fmt: skip
    """Server-sent events: `decision` for each new decision (number, actor, kind, clusters, what: in words), and `run`
    when a run stored new results."""
    slug = (await run_in_threadpool(category_of, service, category)).slug
    known = int(last_event_id) if last_event_id.isdecimal() else after
    pieces = _pieces(service, request, slug, known)
    return StreamingResponse(pieces, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _pieces(service: Service, request: Request, slug: str, after: int | None) -> AsyncGenerator[str]:
    last, versions = await run_in_threadpool(_state, service, slug)
    last = last if after is None else min(after, last)
    yield f"retry: 3000\nid: {last}\n\n"
    silent = 0.0
    while not service.stopping.is_set() and not await request.is_disconnected():
        now, stored = await run_in_threadpool(_state, service, slug)
        if now > last:
            events = await run_in_threadpool(_decisions, service, slug, last)
            for event in events:
                yield f"id: {event['number']}\nevent: decision\ndata: {json.dumps(event)}\n\n"
            # decisions made since `now` was asked for are among them
            last, silent = events[-1]["number"] if events else now, 0.0
        if stored != versions:
            yield "event: run\ndata: {}\n\n"
            versions, silent = stored, 0.0
        if silent >= ALIVE_SECONDS:
            yield ": alive\n\n"
            silent = 0.0
        await asyncio.sleep(ASK_SECONDS)
        silent += ASK_SECONDS


def _state(service: Service, slug: str) -> tuple[int, object]:
    """The number of the last decision, and the versions of what runs stored."""
    last = service.curation.log.last(slug) if service.curation is not None else 0
    return last, service.library.get(slug).base.versions


def _decisions(service: Service, slug: str, after: int) -> list[dict[str, Any]]:
    if service.curation is None:
        return []
    events = service.curation.log.events(slug)[after:]
    return [
        {"number": event.number, "at": event.at, "actor": event.actor, "kind": event.decision.kind,
         "clusters": list(event.decision.clusters_touched())[:20], "what": describe(event)}
        for event in events[-MOST_EVENTS:]
    ]  # fmt: skip
