"""The page *Compare two runs*: per cluster its faces before and after, what came, what left, what it was called.

What belongs here: this page. Not here: comparing (`steps/comparison.py`), the API (`routes/comparison.py`).
"""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from pipeline.service.context import Shared
from pipeline.service.models import ImageShape, image_shapes
from pipeline.service.page.language import t
from pipeline.service.page.render import PageRoute, show, snapshot_of
from pipeline.service.routes.comparison import comparison, names_today
from pipeline.steps.comparison import Faces, changed_first, versions
from pipeline.steps.library_view.snapshot import Snapshot

router = APIRouter(route_class=PageRoute, default_response_class=HTMLResponse)
ROWS, MOST_ROWS = 60, 1000
FATES = {
    "kept": "kept", "grown": "grew", "shrunk": "shrank", "split": "was split", "merged": "took in others",
    "born": "new", "died": "ended", "revived": "came back",
}  # fmt: skip
NAMINGS = {"given": "named", "renamed": "renamed", "waiting": "waits for a name"}


@dataclass(frozen=True)
class Row:
    """One cluster that changed: its entry in changes.json, and its pictures."""

    entry: dict[str, Any]
    before: list[ImageShape]
    after: list[ImageShape]
    came: list[ImageShape]
    left: list[ImageShape]
    open: bool  # whether the cluster is there now


@router.get("/c/{slug}/compare")
def compare_page(
    service: Shared,
    slug: str,
    before: Annotated[str, Query(alias="from", max_length=80)] = "",
    after: Annotated[str, Query(alias="to", max_length=80)] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = ROWS,
) -> HTMLResponse:
    """Two publications side by side, the clusters with the most changes first."""
    snapshot = snapshot_of(service, slug)
    kept = versions(service.project, slug)
    if len(kept) < 2:
        return show(service, snapshot, "compare", tab="runs", kept=kept, found=None)
    found = comparison(service, snapshot, before, after)
    changed, same = changed_first(found.changes)
    rows = [_row(snapshot, entry, found.faces[entry["id"]]) for entry in changed[:limit]]
    return show(
        service, snapshot, "compare", tab="runs", kept=kept, found=found, rows=rows, more=len(changed) - len(rows),
        limit=limit, same=same, fates=FATES, namings=NAMINGS, places=_places(snapshot, found.changes["clusters"]),
        today=names_today(snapshot, found),
    )  # fmt: skip


def _row(snapshot: Snapshot, entry: dict[str, Any], faces: Faces) -> Row:
    return Row(
        entry, image_shapes(snapshot, faces.before), image_shapes(snapshot, faces.after),
        image_shapes(snapshot, faces.came), image_shapes(snapshot, faces.left),
        open=snapshot.find_cluster(entry["id"]) is not None,
    )  # fmt: skip


def _places(snapshot: Snapshot, entries: list[dict[str, Any]]) -> dict[str, str]:
    """What a place in changes.json is called: as in the two results, else as today; what is no cluster in words."""
    known = {cluster["id"]: cluster["name"] or cluster["id"] for cluster in snapshot.clusters.values()}
    names = {entry["id"]: entry["name"] or entry["nameBefore"] for entry in entries}
    then = {cluster: name for cluster, name in names.items() if name}
    return {
        **{cluster: cluster for cluster in names},
        **known,
        **then,
        "new": t("new files"),
        "unclustered": t("unclustered"),
        "rejected": t("set aside"),
        "gone": t("files that are gone"),
    }
