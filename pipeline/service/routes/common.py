"""Shared pieces of routes: list parameters, ETags, look-ups that answer 404.

What belongs here: small pieces that several files of this folder use. Not here: any route.
"""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar, cast

from fastapi import Path, Query, Request, Response
from pydantic import BaseModel, ValidationError

from pipeline.curation.addressing import choose_cluster
from pipeline.curation.decisions import NAME_LENGTH
from pipeline.service.context import Service
from pipeline.service.models import ImagePage, image_shapes
from pipeline.service.paging import cut
from pipeline.service.problems import Problem, unknown
from pipeline.steps.library_view.snapshot import Snapshot

Model = TypeVar("Model", bound=BaseModel)
DEFAULT_LIMIT = 100

Limit = Annotated[int, Query(ge=1, le=100_000, description="Items in one answer; at most service.max_page.")]
Cursor = Annotated[str | None, Query(max_length=1000, description="The `cursor` of the page before.")]
Slug = Annotated[str, Path(max_length=200, description="A category, by its slug or its name.")]
Id = Annotated[str, Path(max_length=100)]
Cluster = Annotated[str, Path(max_length=NAME_LENGTH, description="A cluster, by its id or its name.")]


def category_of(service: Service, name: str) -> Snapshot:
    """The snapshot of a category, by slug or name. Raises `Problem` 404 with the nearest."""
    slugs = service.library.slugs()
    if name not in slugs:
        found = next((slug for slug, category in slugs.items() if category == name), None)
        if found is None:
            raise unknown("category", name, [*slugs, *slugs.values()], hint="GET /api/v1/categories lists them.")
        name = found
    return service.library.get(name)


def image_of(service: Service, image_id: str) -> tuple[Snapshot, int]:
    """Category and row of an image. Raises `Problem` 404 with the nearest ids."""
    found = service.library.image(image_id)
    if found is None:
        raise unknown("image", image_id, [name for one in service.library.all() for name in one.base.row_of])
    return found


def cluster_of(service: Service, cluster: str, category: Snapshot | None = None) -> tuple[Snapshot, str]:
    """Category and present id of a cluster that is given by id or name, in one category or in all.

    Raises `Problem` 404 with the nearest ids, `AmbiguousNameError` where a name fits several clusters.
    """
    snapshots = service.library.all() if category is None else [category]
    for snapshot in snapshots:
        found = snapshot.find_cluster(cluster)
        if found is not None:
            return snapshot, found
    homes = {name: snapshot for snapshot in snapshots for name in snapshot.rows_by_cluster}
    names = {name: home.curated.names.get(name) if home.curated else None for name, home in homes.items()}
    chosen = choose_cluster(cluster, names)
    if chosen is None:
        raise unknown("cluster", cluster, homes)
    return homes[chosen], chosen


def checked_limit(service: Service, limit: int) -> int:
    """The limit itself. Raises `Problem` where it is more than the settings allow."""
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
    """An ETag over what an answer is made of."""
    text = "\0".join(map(str, parts))
    return f'"{hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()}"'


def unchanged(request: Request, etag: str) -> Response | None:
    """304 where the asker has it already."""
    given = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    return Response(status_code=304, headers={"ETag": etag}) if etag in given or "*" in given else None


def read_json(model: type[Model], data: bytes) -> Model:
    """The value of a JSON body. Raises `Problem` 422 saying what is wrong where."""
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        found = [{"where": ".".join(map(str, one["loc"])), "problem": one["msg"]} for one in error.errors()[:20]]
        first = f"{found[0]['where']}: {found[0]['problem']}".removeprefix(": ")
        raise Problem(422, "invalid-request", f"{first}.", errors=found) from error


def inlined_schema(model: type[BaseModel]) -> Any:
    """A model's JSON Schema without references, for bodies that FastAPI does not read itself."""
    schema = model.model_json_schema()
    definitions: dict[str, Any] = schema.pop("$defs", {})

    def whole(node: Any) -> Any:
        if isinstance(node, list):
            return [whole(one) for one in cast("list[Any]", node)]
        if not isinstance(node, dict):
            return node
        fields = cast("dict[str, Any]", node)
        target: dict[str, Any] = definitions[fields["$ref"].rpartition("/")[2]] if "$ref" in fields else {}
        return {name: whole(one) for name, one in (target | fields).items() if name != "$ref"}

    return whole(schema)
