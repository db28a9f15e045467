"""The other pages: unclustered, rejected, duplicates, runs.

What belongs here: one function for each page. Not here: the wall, one cluster, search and the map (`views.py`).
"""

from typing import Any

import polars as pl
from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from pipeline.curation.decisions import KeepBoth, active_events
from pipeline.service.context import Service, Shared
from pipeline.service.models import image_shapes
from pipeline.service.page import walls
from pipeline.service.page.render import PageRoute, show, snapshot_of
from pipeline.service.page.views import TILES, Cursor, Limit
from pipeline.service.paging import cut
from pipeline.service.routes.runs import run_shape
from pipeline.stages.duplicates import groups as finding
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
def duplicates(service: Shared, slug: str, cursor: Cursor = None, limit: Limit = None) -> HTMLResponse:
    """Groups of copies of the same picture, and which image to keep."""
    snapshot = snapshot_of(service, slug)
    stored = service.project.store.current(slug, "duplicates")
    groups = _groups(service, snapshot, stored) if stored is not None else []
    page = cut(groups, lambda group: str(group["id"]), cursor, limit or GROUPS)
    for group in page.items:
        group["images"] = image_shapes(snapshot, group["rows"])
        group["rest"] = _ids_to_exclude(group)
    return show(service, snapshot, "duplicates", groups=page.items, page=page, looked_for=stored is not None)


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


def _nearest(snapshot: Snapshot, cluster: str | None) -> Row | None:
    """The card of the nearest cluster, as it is now."""
    cluster_id = snapshot.find_cluster(cluster) if cluster else None
    return walls.card(snapshot, snapshot.clusters[cluster_id], 3) if cluster_id else None


def _groups(service: Service, snapshot: Snapshot, stored: Any) -> list[Row]:
    """Groups with at least two images that people neither excluded nor marked as different."""
    table = stored.table("duplicates", finding.DUPLICATES_SCHEMA).filter(pl.col("level") != "similar")
    state, row_of = snapshot.frame["state"], snapshot.base.row_of
    different = _pairs_to_keep(service, snapshot)
    groups: dict[str, Row] = {}
    for record in table.iter_rows(named=True):
        row = row_of.get(record["image_id"])
        if row is None or state[row] == "excluded":
            continue
        group = groups.setdefault(
            record["group_id"],
            {"id": record["group_id"], "level": record["level"], "rows": [], "hashes": set(), "said": {}},
        )
        group["rows"].append(row)
        group["hashes"].add(record["content_hash"])
        group["said"][record["image_id"]] = {"kept": record["kept"], "reason": record["reason"]}
    return [group for group in groups.values()
            if len(group["rows"]) > 1 and not any(group["hashes"] <= pair for pair in different)]  # fmt: skip


def _ids_to_exclude(group: Row) -> list[str]:
    """Ids of the images to exclude, without exact copies of the kept image: excluding one would exclude both."""
    kept = {image.content_hash for image in group["images"] if group["said"][image.image_id]["kept"]}
    return [image.image_id for image in group["images"] if image.content_hash not in kept]


def _pairs_to_keep(service: Service, snapshot: Snapshot) -> list[frozenset[str]]:
    if service.curation is None:
        return []
    events = active_events(service.curation.store.events(snapshot.slug))
    return [frozenset(event.decision.images) for event in events if isinstance(event.decision, KeepBoth)]
