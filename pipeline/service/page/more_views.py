"""The other pages: unclustered, rejected, duplicates, runs, import.

What belongs here: one function for each page. Not here: the wall, one cluster, search and the map (`views.py`).
"""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from pipeline.service.context import Shared
from pipeline.service.models import image_shapes
from pipeline.service.page import copies, walls
from pipeline.service.page.render import PageRoute, show, snapshot_of
from pipeline.service.page.views import TILES, Cursor, Limit
from pipeline.service.paging import cut
from pipeline.service.routes.runs import run_shape
from pipeline.steps.library_view.snapshot import Snapshot
from pipeline.storage.history import read_history

router = APIRouter(route_class=PageRoute, default_response_class=HTMLResponse)
GROUPS, RUNS, PUBLICATIONS = 30, 30, 20
Row = dict[str, Any]


@router.get("/c/{slug}/unclustered")
def unclustered(service: Shared, slug: str, cursor: Cursor = None, limit: Limit = None) -> HTMLResponse:
    """Unclustered images, those nearest to a cluster first."""
    snapshot = snapshot_of(service, slug)
    distance, names = snapshot.frame["distance"], snapshot.frame["image_id"]
    rows = sorted(snapshot.rows_by_state.get("unclustered", []),
                  key=lambda row: (2.0 if distance[row] is None else distance[row], names[row]))  # fmt: skip
    page = cut(rows, lambda row: str(names[row]), cursor, limit or TILES)
    items = [(image, _nearest(snapshot, image.nearest_cluster)) for image in image_shapes(snapshot, page.items)]
    return show(service, snapshot, "unclustered", items=items, page=page, tags=list(snapshot.rows_by_tag))


@router.get("/c/{slug}/rejected")
def rejected(service: Shared, slug: str, cursor: Cursor = None, limit: Limit = None) -> HTMLResponse:
    """Excluded images and images that could not be used, with the reasons."""
    snapshot = snapshot_of(service, slug)
    states, names = snapshot.rows_by_state, snapshot.frame["image_id"]
    rows = [*states.get("excluded", []), *states.get("rejected", [])]
    page = cut(rows, lambda row: str(names[row]), cursor, limit or TILES)
    status = snapshot.frame["status"]
    reasons: dict[str, int] = {}
    for row in states.get("rejected", []):
        reasons[status[row]] = reasons.get(status[row], 0) + 1
    return show(
        service, snapshot, "rejected", images=image_shapes(snapshot, page.items), page=page, reasons=reasons,
        excluded=len(states.get("excluded", [])), tags=list(snapshot.rows_by_tag),
    )  # fmt: skip


@router.get("/c/{slug}/duplicates")
def duplicates(
    service: Shared, slug: str, level: copies.Level = "same", cursor: Cursor = None, limit: Limit = None
) -> HTMLResponse:
    """Groups of copies of the same picture, or of similar pictures, and which image to keep."""
    snapshot = snapshot_of(service, slug)
    stored = service.project.store.current(slug, "duplicates")
    groups = copies.read_groups(service, snapshot, stored, level) if stored is not None else []
    page = cut(groups, lambda group: group.id, cursor, limit or GROUPS)
    if stored is not None:
        copies.fill_groups(snapshot, stored, page.items)
    return show(
        service, snapshot, "duplicates", groups=page.items, page=page, looked_for=stored is not None, level=level,
        levels=copies.LEVELS,
    )  # fmt: skip


@router.get("/c/{slug}/runs")
def runs(service: Shared, slug: str) -> HTMLResponse:
    """Past runs, what they changed, and the button *Run now*."""
    snapshot = snapshot_of(service, slug)
    history = read_history(service.project.layout.published, slug)
    wanted = [run for run in service.runs.last(10 * RUNS) if run["slug"] == slug][:RUNS]
    return show(
        service, snapshot, "runs", runs=[run_shape(run) for run in wanted],
        publications=history.publications[::-1][:PUBLICATIONS], candidate=history.candidate,
        encoder=snapshot.base.encoder, updated_at=snapshot.base.updated_at,
        dagster=service.params.dagster_url.rstrip("/") if service.params.dagster_url else None,
    )  # fmt: skip


@router.get("/c/{slug}/import")
def import_page(service: Shared, slug: str) -> HTMLResponse:
    """Importing names and tags. The page's script asks what would happen."""
    return show(service, snapshot_of(service, slug), "import", tab="clusters")


def _nearest(snapshot: Snapshot, cluster: str | None) -> Row | None:
    """The card of the nearest cluster, as it is now."""
    cluster_id = snapshot.find_cluster(cluster) if cluster else None
    return walls.card(snapshot, snapshot.clusters[cluster_id], 3) if cluster_id else None
