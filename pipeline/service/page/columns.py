"""Data that only the page's scripts request: suggested names, tiles of some images, colours of the map.

What belongs here: these responses. Not here: the pages (`views.py`), the API (`service/routes/`).
"""

import json
import threading
from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse

from pipeline.service.context import Shared
from pipeline.service.models import image_shapes
from pipeline.service.page.render import WordsRoute, environment, snapshot_of
from pipeline.steps.library_view.listing import name_ideas
from pipeline.steps.library_view.tables import Versions

router = APIRouter(route_class=WordsRoute)
_suggested: dict[str, tuple[Versions, dict[str, str]]] = {}
_lock = threading.Lock()


@router.get("/c/{slug}/suggestions")
def suggestions(service: Shared, slug: str) -> dict[str, str]:
    """Cluster id → suggested name. Requested after the first paint, because it reads every key once per run."""
    snapshot = snapshot_of(service, slug)
    with _lock:
        cached = _suggested.get(slug)
        if cached is None or cached[0] != snapshot.base.versions:
            cached = _suggested[slug] = (snapshot.base.versions, name_ideas(service.project, snapshot))
    return cached[1]


@router.get("/c/{slug}/map/columns")
def map_columns(service: Shared, slug: str) -> Response:
    """The country of each point of the map (an index), and the points of each tag."""
    snapshot = snapshot_of(service, slug)
    shown = snapshot.frame.with_row_index("row").filter(pl.col("x").is_not_null() & (pl.col("state") != "excluded"))
    place = {row: point for point, row in enumerate(shown["row"].to_list())}
    groups = sorted(snapshot.rows_by_group, key=lambda group: (-len(snapshot.rows_by_group[group]), group))
    number = {group: index for index, group in enumerate(groups)}
    document: dict[str, Any] = {
        "version": snapshot.version,
        "groups": groups,
        "group": [number.get(group, len(groups)) for group in shown["group"].to_list()],
        "tags": {tag: [place[row] for row in rows if row in place] for tag, rows in snapshot.rows_by_tag.items()},
    }
    return Response(json.dumps(document, separators=(",", ":")), media_type="application/json")


@router.get("/c/{slug}/tiles", response_class=HTMLResponse)
def tiles(service: Shared, slug: str, id: Annotated[list[str], Query(max_length=200)]) -> str:  # noqa: A002
    """The tiles of these images, in this order, without images that do not exist."""
    snapshot = snapshot_of(service, slug)
    rows = [snapshot.base.row_of[image_id] for image_id in id if image_id in snapshot.base.row_of]
    parts: Any = environment().get_template("parts.html.j2").module
    return str(parts.tiles(image_shapes(snapshot, rows)))
