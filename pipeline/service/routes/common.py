"""Shared pieces of routes: list parameters, ETags, look-ups that answer 404.

What belongs here: small pieces that several files of this folder use. Not here: any route (the other files).
"""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar, cast

from fastapi import Path, Query, Request, Response
from pydantic import BaseModel, ValidationError

from pipeline.curation.addressing import choose_category, choose_cluster
from pipeline.curation.fields import NAME_LENGTH
from pipeline.service.context import Service
from pipeline.service.models import ImagePage, image_shapes
from pipeline.service.paging import cut
from pipeline.service.problems import Problem, invalid_values, unknown
from pipeline.steps.library_view.snapshot import Snapshot

Model = TypeVar("Model", bound=BaseModel)
DEFAULT_LIMIT = 100
SANDBOX = "default-src 'none'; style-src 'none'; sandbox"  # for bytes that come from a library

Limit = Annotated[int, Query(ge=1, le=100_000, description="Items in one answer; at most service.max_page.")]
Cursor = Annotated[str | None, Query(max_length=1000, description="The `cursor` of the page before.")]
Slug = Annotated[str, Path(max_length=200, description="A category, by its slug or its name.")]
Id = Annotated[str, Path(max_length=100)]
Cluster = Annotated[str, Path(max_length=NAME_LENGTH, description="A cluster, by its id or its name.")]


def category_of(service: Service, name: str) -> Snapshot:
    """The snapshot of a category, by slug or else by name, because the pages' links hold slugs.

    Raises `Problem` 404 with the nearest, `AmbiguousNameError` if the name fits several.
    """
    slugs = service.library.slugs()
    if name not in slugs:
        slug = choose_category(name, slugs)
        if slug is None:
            raise unknown("category", name, [*slugs, *slugs.values()], hint="GET /api/v1/categories lists them.")
        name = slug
    return service.library.get(name)


def image_of(service: Service, image_id: str) -> tuple[Snapshot, int]:
    """Category and row of an image. Raises `Problem` 404 with the nearest ids."""
    location = service.library.image(image_id)
    if location is None:
        raise unknown("image", image_id, [name for snapshot in service.library.all() for name in snapshot.base.row_of])
    return location


def cluster_of(service: Service, cluster: str, category: Snapshot | None = None) -> tuple[Snapshot, str]:
    """Category and current id of a cluster given by id or name, in one category or in all.

    Raises `Problem` 404 with the nearest ids, `AmbiguousNameError` if several clusters have the name.
    """
    snapshots = service.library.all() if category is None else [category]
    for snapshot in snapshots:
        cluster_id = snapshot.find_cluster(cluster)
        if cluster_id is not None:
            return snapshot, cluster_id
    homes = {name: snapshot for snapshot in snapshots for name in snapshot.rows_by_cluster}
    names = {name: home.curated.names.get(name) if home.curated else None for name, home in homes.items()}
    chosen = choose_cluster(cluster, names)
    if chosen is None:
        raise unknown("cluster", cluster, homes)
    return homes[chosen], chosen


def checked_limit(service: Service, limit: int) -> int:
    """The limit itself. Raises `Problem` if it is more than the settings allow."""
    if limit > service.params.max_page:
        raise Problem(
            422, "limit-too-large", f"limit is {limit}; service.max_page allows {service.params.max_page}. Ask for "
            "several pages with their cursor.",
        )  # fmt: skip
    return limit


def page_of_images(
    service: Service, snapshot: Snapshot, rows: Sequence[int], cursor: str | None, limit: int
) -> ImagePage:
    """One page of rows."""
    names = snapshot.frame["image_id"]
    page = cut(rows, lambda row: str(names[row]), cursor, checked_limit(service, limit))
    return ImagePage(items=image_shapes(snapshot, page.items), total=page.total, cursor=page.cursor)


def etag_of(*parts: object) -> str:
    """An ETag over the parts that determine a response."""
    text = "\0".join(map(str, parts))
    return f'"{hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()}"'


def unchanged(request: Request, etag: str) -> Response | None:
    """304 if the client has the response with this ETag already; else None."""
    given = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    return Response(status_code=304, headers={"ETag": etag}) if etag in given or "*" in given else None


def read_json(model: type[Model], data: bytes) -> Model:
    """The value of a JSON body. Raises `Problem` 422 with the place and reason of each error."""
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        problems = invalid_values(error.errors())
        first = f"{problems[0]['where']}: {problems[0]['problem']}".removeprefix(": ")
        raise Problem(422, "invalid-request", f"{first}.", errors=problems) from error


def inlined_schema(model: type[BaseModel]) -> Any:
    """A model's JSON Schema without references, for bodies that FastAPI does not read itself."""
    schema = model.model_json_schema()
    definitions: dict[str, Any] = schema.pop("$defs", {})

    def whole(node: Any) -> Any:
        if isinstance(node, list):
            return [whole(part) for part in cast("list[Any]", node)]
        if not isinstance(node, dict):
            return node
        fields = cast("dict[str, Any]", node)
        target: dict[str, Any] = definitions[fields["$ref"].rpartition("/")[2]] if "$ref" in fields else {}
        return {name: whole(part) for name, part in (target | fields).items() if name != "$ref"}

    return whole(schema)
