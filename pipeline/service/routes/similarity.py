"""Find images similar to an image, a vector, a picture or a text.

What belongs here: HTTP. Not here: the search (`service/search.py`).
"""

import csv
import io
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field, model_validator
from starlette.datastructures import UploadFile

from pipeline.service.belonging import belonging
from pipeline.service.context import Service, Shared
from pipeline.service.models import Hit, HitList, Shape, image_shapes
from pipeline.service.problems import Problem
from pipeline.service.routes.common import Slug, category_of, image_of, inlined_schema, read_json
from pipeline.service.routes.image_query import Moment
from pipeline.service.search import Filters, Question
from pipeline.settings import ServiceParams
from pipeline.stages.objects.boxes import Box, fault
from pipeline.stages.published.spreadsheet import escape_formula
from pipeline.steps.library_view.filters import Status

MOST = 10_000
MOST_RATED = 1000
DEFAULT_TOP = 50
TopK = Annotated[int, Query(ge=1, le=MOST, description="How many results.")]
MinScore = Annotated[float, Query(ge=-1, le=1, description="Leave out less similar images.")]
Names = Annotated[list[str], Query(max_length=100)]
Share = Annotated[float, Field(ge=0, le=1)]
Ids = Annotated[list[str], Field(max_length=MOST_RATED)]


class FindFilters(Shape):
    """Filters of results. One of the categories, groups and clusters is enough; all tags must match."""

    categories: list[str] = Field(default=[], max_length=100, description="None: that of the image, else all.")
    groups: list[str] = Field(default=[], max_length=1000)
    clusters: list[str] = Field(default=[], max_length=1000)
    tags: list[str] = Field(default=[], max_length=100)
    since: Moment | None = Field(default=None, description="Taken (or else last modified) at this time or later.")
    until: Moment | None = None
    cameras: list[str] = Field(default=[], max_length=100)
    states: list[Status] = Field(default=[], max_length=9)
    q: str = Field(default="", max_length=200, description="Words, as in /categories/{category}/search.")


class FindOptions(Shape):
    """Options of every search."""

    top_k: int = Field(default=DEFAULT_TOP, ge=1, le=MOST)
    min_score: float = Field(default=-1.0, ge=-1, le=1)
    filters: FindFilters = FindFilters()
    liked: Ids = Field(default=[], description="Ids of good results: the query moves towards them.")
    disliked: Ids = Field(default=[], description="Ids of bad results: the query moves away, and they are left out.")
    format: Literal["json", "csv"] = Field(default="json", description="csv: a row per result, the best first.")


class FindRequest(FindOptions):
    """The query: `image_id`, `vector` or `text`, or one of the first two and words added to it; and options."""

    image_id: str | None = Field(default=None, max_length=100, examples=["03a880e7a3b6c83f"])
    vector: list[float] | None = Field(default=None, min_length=1, max_length=65_536)
    text: str | None = Field(default=None, min_length=1, max_length=1000)
    not_text: list[Annotated[str, Field(min_length=1, max_length=1000)]] = Field(
        default=[], max_length=20, description="Words that the results should not fit: the query moves away from them."
    )
    box: tuple[Share, Share, Share, Share] | None = Field(
        default=None,
        description="With image_id: a region of that image (left, top, width and height as shares of it), or of the "
        "image that an object is in.",
    )

    @model_validator(mode="after")
    def _one_question(self) -> "FindRequest":
        if self.image_id is not None and self.vector is not None:
            raise ValueError("give image_id or vector, not both")
        if self.image_id is None and self.vector is None and self.text is None:
            raise ValueError("give image_id, vector or text")
        if self.box is not None and self.image_id is None:
            raise ValueError("box is a region of an image: give its image_id")
        if self.box is not None and (problem := fault(Box(*self.box))):
            raise ValueError(f"box is no region of an image: {problem}")
        return self


class BelongingRequest(Shape):
    """Images that somebody wants to make a cluster."""

    image_ids: Annotated[list[str], Field(min_length=1, max_length=MOST)]
    limit: int = Field(default=DEFAULT_TOP, ge=1, le=1000)


class BelongingList(Shape):
    """The nearest unclustered and edge images, best first, by cosine to the centre of the given images."""

    items: list[Hit]
    floor: float | None = Field(
        description="From this score on an image is as alike as the given ones are (a standard deviation below their "
        "mean); null for a single image."
    )


def router(params: ServiceParams) -> APIRouter:
    """The routes, with the limits of the settings."""
    made = APIRouter(tags=["search"])
    made.add_api_route("/categories/{category}/belonging", find_belonging, methods=["POST"])
    made.add_api_route("/similarity/find", find_by_id, methods=["GET"])
    upload = {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {"type": "string", "format": "binary", "description": "A picture; it is decoded and forgotten."},
            "options": {"type": "string", "description": "JSON: top_k, min_score, filters, liked, disliked."},
        },
    }
    content = {
        "application/json": {"schema": inlined_schema(FindRequest)},
        "multipart/form-data": {"schema": upload},
    }
    made.add_api_route(
        "/similarity/find",
        find,
        methods=["POST"],
        response_model=HitList,
        responses={200: {"content": {"text/csv": {}}}, 415: {"description": "Neither JSON nor a form with a file."}},
        openapi_extra={"requestBody": {"required": True, "content": content}},
        max_body_size=int(params.max_upload_megabytes * 1e6),
    )
    return made


def find_by_id(
    service: Shared,
    image_id: Annotated[str, Query(max_length=100)],
    top_k: TopK = DEFAULT_TOP,
    min_score: MinScore = -1.0,
    category: Names = [],  # noqa: B006  # FastAPI copies defaults
    group: Names = [],  # noqa: B006
    cluster: Names = [],  # noqa: B006
    tag: Names = [],  # noqa: B006
    since: Moment | None = None,
    until: Moment | None = None,
) -> HitList:
    """The images most similar to one of the library, best first; itself first, with score 1."""
    filters = FindFilters(categories=category, groups=group, clusters=cluster, tags=tag, since=since, until=until)
    options = FindOptions(top_k=top_k, min_score=min_score, filters=filters)
    return _answer(service, service.searcher.from_image(image_id), options)


def find_belonging(service: Shared, category: Slug, body: BelongingRequest) -> BelongingList:
    """What else may belong to a kind that is made from these images. Decides nothing: the decision `create` does."""
    snapshot = category_of(service, category)
    found = belonging(service.searcher, snapshot, list(dict.fromkeys(body.image_ids)), body.limit)
    shapes = image_shapes(snapshot, [row for row, _ in found.rows])
    items = [Hit.model_construct(score=round(score, 4), image=image)
             for (_, score), image in zip(found.rows, shapes, strict=True)]  # fmt: skip
    return BelongingList(items=items, floor=None if found.floor is None else round(found.floor, 4))


async def find(service: Shared, request: Request) -> HitList | Response:
    """The images most similar to an image, a vector, a text, or an uploaded picture (multipart, `file`).

    Refined by what is liked and disliked.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        data, options = await _upload(request)
        return await run_in_threadpool(_find_upload, service, data, options)
    if kind == "application/json":
        return await run_in_threadpool(_find_json, service, await request.body())
    raise Problem(415, "unknown-format", "Send application/json, or multipart/form-data with a `file`.")


async def _upload(request: Request) -> tuple[bytes, str]:
    async with request.form(max_files=1, max_fields=4) as form:
        file, options = form.get("file"), form.get("options", "{}")
        if not isinstance(file, UploadFile):
            raise Problem(422, "no-file", "The form has no `file`. Send the picture as one.")
        if not isinstance(options, str):
            raise Problem(422, "invalid-request", "`options` must be JSON text, not a file.")
        return await file.read(), options


def _find_upload(service: Service, data: bytes, text: str) -> HitList | Response:
    options = read_json(FindOptions, text.encode())
    return _sent(_answer(service, service.searcher.from_upload(data, options.filters.categories), options), options)


def _find_json(service: Service, data: bytes) -> HitList | Response:
    body = read_json(FindRequest, data)
    return _sent(_answer(service, _question(service, body), body), body)


def _sent(found: HitList, options: FindOptions) -> HitList | Response:
    """The answer in the format that was asked for."""
    if options.format == "json":
        return found
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["rank", "score", "key", "image_id", "group", "cluster", "cluster_name", "tags"])
    for rank, hit in enumerate(found.items, 1):
        image = hit.image
        texts = [image.key, image.image_id, image.group, image.cluster, image.cluster_name, "; ".join(image.tags)]
        table.writerow([rank, hit.score, *(escape_formula(text) if text else text for text in texts)])
    return Response(file.getvalue(), media_type="text/csv; charset=utf-8")


def _question(service: Service, body: FindRequest) -> Question:
    question, among = _start(service, body), body.filters.categories
    added = body.text if question is not None else None
    if question is None:
        question = service.searcher.from_text(body.text or "", among)
    return service.searcher.composed(question, added, body.not_text, among) if added or body.not_text else question


def _start(service: Service, body: FindRequest) -> Question | None:
    """The query without its words; None if it is nothing but words."""
    if body.image_id is not None and body.box is not None:
        return service.searcher.from_region(body.image_id, Box(*body.box))
    if body.image_id is not None:
        return service.searcher.from_image(body.image_id)
    return service.searcher.from_vector(body.vector) if body.vector is not None else None


def _answer(service: Service, question: Question, options: FindOptions) -> HitList:
    liked, disliked, wanted = options.liked, options.disliked, options.filters
    filters = Filters(
        wanted.categories, wanted.groups, wanted.clusters, wanted.tags, wanted.since, wanted.until, wanted.cameras,
        wanted.states, wanted.q,
    )  # fmt: skip
    both = set(liked) & set(disliked)
    if both:
        raise Problem(422, "liked-and-disliked", f"{min(both)} is both liked and disliked.")
    for image_id in (*liked, *disliked):
        image_of(service, image_id)
    answer = service.searcher.ask(
        question, filters, top_k=options.top_k, min_score=options.min_score, liked=liked, disliked=disliked
    )
    items: list[Hit] = []
    for slug in dict.fromkeys(snapshot.slug for _, snapshot, _ in answer.hits):
        here = [(hit, snapshot, row) for hit, snapshot, row in answer.hits if snapshot.slug == slug]
        shapes = image_shapes(here[0][1], [row for _, _, row in here])
        items += [Hit.model_construct(score=round(hit.score, 4), image=shape)
                  for (hit, _, _), shape in zip(here, shapes, strict=True)]  # fmt: skip
    places = {hit.image_id: place for place, (hit, _, _) in enumerate(answer.hits)}
    ordered = sorted(items, key=lambda hit: places[hit.image.image_id])
    return HitList(items=ordered, searched=answer.searched, recall=answer.recall)
