"""The page *Coarser or finer*: a slider over the compared settings, and what each would change.

What belongs here: this page. Not here: the figures (`routes/granularity.py`), choosing (the script posts it there).
"""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from pipeline.service.context import Shared
from pipeline.service.page.render import PageRoute, show, snapshot_of
from pipeline.service.page.said import said
from pipeline.service.routes.granularity import comparison, preview_shape
from pipeline.service.runs import OPEN
from pipeline.stages.tuning.trials import same_setting
from pipeline.steps.granularity import choice, preview
from pipeline.steps.library_view.history import describe

router = APIRouter(route_class=PageRoute, default_response_class=HTMLResponse)
CHANGES = {
    "merged": "come together", "divided": "comes apart", "mixed": "are divided anew", "changed": "changes",
    "new": "is new", "gone": "goes",
}  # fmt: skip


@router.get("/c/{slug}/granularity")
def granularity(service: Shared, slug: str, at: Annotated[str, Query(max_length=20)] = "") -> HTMLResponse:
    """The comparison, with the setting `at` or else the one in force."""
    snapshot = snapshot_of(service, slug)
    now = choice(service.project, slug)
    compared = comparison(service, slug, now.value) if snapshot.base.is_clustered else None
    rows = [] if compared is None else compared.settings
    chosen = next((row for row in rows if same_setting(row.setting, at or now.value)), rows[0] if rows else None)
    seen = None if chosen is None else preview_shape(service, slug, preview(service.project, slug, chosen.setting))
    running = [run for run in service.runs.last(100, OPEN) if run["slug"] == slug and run["kind"] != "vectors"]
    return show(
        service, snapshot, "granularity", tab="clusters", now=now, compared=compared,
        chosen=chosen, seen=seen, changes=CHANGES, running=running[0]["id"] if running else "",
        decided=said(describe(now.event)) if now.event else "", is_clustered=snapshot.base.is_clustered,
    )  # fmt: skip
