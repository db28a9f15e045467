"""The application: routes below /api/v1 and /api, the pages at the root, security around everything.

What belongs here: assembling it. Not here: any route (`routes/`, `page/`), starting a server
(`commands/serve.py`).
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from pipeline.service import problems
from pipeline.service.context import Service
from pipeline.service.models import ProblemDocument
from pipeline.service.observed import Listener, Observed
from pipeline.service.options import Options
from pipeline.service.page.router import router as pages
from pipeline.service.routes import (
    categories,
    clusters,
    comparison,
    curation,
    documentation,
    encoder,
    events,
    export,
    granularity,
    health,
    images,
    imports,
    login,
    manual,
    map_points,
    objects,
    originals,
    probes,
    runs,
    similarity,
    source,
    stream,
    tagging,
    uploads,
    vectors,
    views,
    words,
)
from pipeline.service.security import Security
from pipeline.service.telemetry import telemetry
from pipeline.settings import ServiceParams
from pipeline.steps.project import Project

API = "/api/v1"
SMALL_BODY = 4 << 20  # bytes; routes that accept more set their own limit
ABOUT = """\
Reads come from the tables that the pipeline stored, with what people decided over them. Writes are decisions, uploads
and runs. Errors are RFC 9457 problem documents whose `detail` says what to do next. Lists come in pages: send the
`cursor` of one page to get the next.
"""
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"content": {problems.MEDIA_TYPE: {"schema": ProblemDocument.model_json_schema()}}, "description": text}
    for status, text in (
        (400, "The request cannot be read."), (401, "The token is missing."), (403, "Wrong origin, or read-only."),
        (404, "Not found; the nearest known names are listed."), (409, "It conflicts with the current state."),
        (413, "Larger than the limits allow."), (421, "Unknown name in the Host header."),
        (422, "A value is invalid."), (502, "The bucket or Dagster refused or failed."), (503, "Busy; try again."),
        (507, "The disk is full."),
    )
}  # fmt: skip


class Application(FastAPI):
    """FastAPI wrapped in our security layer, including FastAPI's own layers such as the limit on bodies."""

    started_with: Options = Options()
    listeners: Sequence[Listener] = ()

    def build_middleware_stack(self) -> ASGIApp:
        """All layers, the outermost first."""
        stack = Security(super().build_middleware_stack(), self.started_with)
        return Observed(stack, self.listeners) if self.listeners else stack


def create_app(project: Project, options: Options, listeners: Sequence[Listener] = ()) -> FastAPI:
    """Create the application for one data directory. Background work starts with the server.

    `listeners` hear of every request, beside the metrics.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        running: Service = app.state.service
        running.start()
        yield
        for run in running.stop():
            project.talk.notice(f"The run {run['id']} ({run['category'] or run['kind']}) goes on by itself.")

    app = Application(
        title="image-cluster",
        version=version("image-cluster"),
        description=ABOUT,
        lifespan=lifespan,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # both of FastAPI's pages load scripts from another server; `routes/documentation.py` does not
        redoc_url=None,
        max_body_size=SMALL_BODY,
        telemetry=telemetry(),
    )
    app.started_with = options
    app.state.service = service = Service(project, options)
    app.listeners = [*listeners, *([service.metrics.request] if service.metrics else [])]
    problems.install(app)
    _include_routes(app, project.settings.service)
    return app


def _include_routes(app: FastAPI, params: ServiceParams) -> None:
    """The API below its version and below /api, what is not versioned at the root, and the pages."""
    for router in (
        health.router, categories.router, clusters.router, images.router, originals.router, objects.router,
        map_points.router, tagging.router, curation.router, granularity.router, encoder.router, runs.router,
        events.router, export.router, comparison.router, similarity.router(params), source.router, stream.router,
        vectors.router(params), uploads.router(params), imports.router(params), views.router, words.router,
    ):  # fmt: skip
        app.include_router(router, prefix=API, responses=PROBLEMS)
        app.include_router(router, prefix="/api", include_in_schema=False)
    for module in (health, probes, login, documentation, manual):
        app.include_router(module.router, include_in_schema=False)
    app.include_router(pages)
