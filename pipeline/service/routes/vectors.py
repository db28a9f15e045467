"""Cluster vectors that another program posts.

What belongs here: bodies and their formats, and when a request becomes a run. Not here: reading and clustering
(`service/vectors.py`).
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import Field

from pipeline.service.context import Shared
from pipeline.service.models import RunShape, Shape
from pipeline.service.problems import Problem
from pipeline.service.routes.common import inlined_schema, read_json
from pipeline.service.routes.runs import run_shape
from pipeline.service.vectors import Posted, VectorParams, from_arrow, from_npy, group_posted, posted
from pipeline.settings import ServiceParams

NPY = ("application/octet-stream", "application/x-npy")
ARROW = ("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.file")


class VectorsRequest(Shape):
    """Vectors, and optionally an id, a time and a place for each."""

    vectors: list[list[float]] = Field(min_length=1, examples=[[[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]])
    ids: list[str] | None = Field(default=None, description="One for each vector, each once.")
    time: list[str | float | None] | None = Field(default=None, description="Seconds since 1970, or ISO 8601.")
    place: list[Annotated[list[float], Field(min_length=2, max_length=2)] | None] | None = Field(
        default=None, description="Degrees north and east."
    )
    parameters: VectorParams = VectorParams()


class Groups(Shape):
    """Entry i of `cluster`, `probability` and `outlier_score` belongs to vector i; a null cluster is unclustered."""

    ids: list[str] | None
    cluster: list[int | None]
    probability: list[float]
    outlier_score: list[float]
    clusters: list[dict[str, int]]
    unclustered: int
    duplicates: list[list[int]]
    settings: dict[str, Any]


def router(params: ServiceParams) -> APIRouter:
    """The route, with the limits of the settings."""
    made = APIRouter(tags=["vectors"])
    body: dict[str, Any] = {"application/json": {"schema": inlined_schema(VectorsRequest)}}
    body |= {kind: {"schema": {"type": "string", "format": "binary"}} for kind in (*NPY, *ARROW)}
    made.add_api_route(
        "/cluster/vectors",
        cluster_vectors,
        methods=["POST"],
        response_model=Groups,
        responses={202: {"model": RunShape, "description": "It takes longer; this is its run."},
                   415: {"description": "Not one of the formats."}},
        openapi_extra={"requestBody": {"required": True, "content": body}},
        max_body_size=int(params.max_vectors_megabytes * 1e6),
    )  # fmt: skip
    return made


async def _body(request: Request) -> bytes:
    return await request.body()


async def cluster_vectors(service: Shared, request: Request, data: Annotated[bytes, Depends(_body)]) -> Response:
    """Cluster vectors that are posted as JSON, .npy or Arrow. Nothing is stored; a long job becomes a run.

    `parameters` are members of the JSON, or, with the other formats, JSON in the query `parameters`.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    given, parameters = await run_in_threadpool(_read, kind, data, request.query_params.get("parameters"))
    if len(given.vectors) > service.params.vectors_inline:
        if service.options.read_only:
            raise Problem(
                403, "read-only", f"{len(given.vectors)} vectors would become a run, and this service is read-only. "
                f"Send {service.params.vectors_inline} or fewer.",
            )  # fmt: skip
        run = await run_in_threadpool(service.runs.launch_vectors, given.to_npz(), parameters.model_dump(mode="json"))
        shape = run_shape(run).model_dump(mode="json")
        return JSONResponse(shape, 202, headers={"Location": f"/api/v1/runs/{run['id']}"})
    return JSONResponse(await run_in_threadpool(group_posted, given, parameters))


def _read(kind: str, data: bytes, parameters: str | None) -> tuple[Posted, VectorParams]:
    if kind == "application/json":
        body = read_json(VectorsRequest, data)
        return posted(body.vectors, body.ids, body.time, body.place), body.parameters
    chosen = read_json(VectorParams, parameters.encode("utf-8", "replace")) if parameters else VectorParams()
    if kind in NPY:
        return from_npy(data), chosen
    if kind in ARROW:
        return from_arrow(data), chosen
    raise Problem(
        415, "unknown-format", f"{kind[:60] or 'A body without a Content-Type'} cannot be read. Send application/json, "
        f"{', '.join((*NPY, *ARROW))}.",
    )  # fmt: skip
