"""The pages on which clusters are curated: the wall, one cluster, search, the map.

What belongs here: one function for each page, which collects the values for its template. Not here: the other pages
(`more_views.py`), decisions (the page's scripts post them to `service/routes/curation.py`).

A list comes in parts: `cursor` requests the next one. `limit` is the number of items that a browser has loaded, so that
it can request the same part again after a decision.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from pipeline.service.context import Service, Shared
from pipeline.service.models import image_shapes
from pipeline.service.page import members, walls
from pipeline.service.page.language import t
from pipeline.service.page.narrowing import Narrowing
from pipeline.service.page.render import Missing, PageRoute, group_label, groups_of, show, snapshot_of
from pipeline.service.page.said import called
from pipeline.service.paging import cut
from pipeline.service.routes.objects import parsed_region
from pipeline.service.routes.source import offered
from pipeline.service.runs import OPEN
from pipeline.stages.published.guard import holds_most
from pipeline.steps.labels import compare_command, warning_about_groups
from pipeline.steps.library_view.history import history_rows
from pipeline.steps.library_view.snapshot import Snapshot

router = APIRouter(route_class=PageRoute, default_response_class=HTMLResponse)
CARDS, TILES, MOST = 60, 120, 1000
STATUSES = {
    "": "In any cluster or none", "clustered": "Clustered", "named": "In named clusters",
    "unnamed": "In unnamed clusters", "review": "In clusters to be reviewed", "hidden": "In hidden clusters",
    "unclustered": "Unclustered", "new": "Not clustered yet", "excluded": "Excluded",
}  # fmt: skip
SORTS = {
    "": "In any order", "typical": "Most typical first", "edge": "Least typical first", "-date": "Newest first",
    "date": "Oldest first", "name": "By file name", "-name": "By file name, Z to A",
}  # fmt: skip
SHOWN_HISTORY = 30
Cursor = Annotated[str | None, Query(max_length=1000)]
Limit = Annotated[int | None, Query(ge=1, le=MOST)]


@router.get("/")
def home(service: Shared) -> Response:
    """The first category, or a page that says how to get one."""
    slugs = sorted(service.library.slugs())
    first_run = [run for run in service.runs.last(100, OPEN) if run["kind"] == "pipeline" and run["slug"] is None]
    if slugs and not first_run:
        return RedirectResponse(f"/c/{slugs[0]}", 303)
    options = service.options
    return show(
        service, None, "empty", tab="", can_choose=offered(service) or bool(first_run), buckets=options.loopback,
        roots=[str(root) for root in options.browse], running=first_run[0]["id"] if first_run else "",
    )  # fmt: skip


@router.get("/c/{slug}")
def clusters(
    service: Shared,
    slug: str,
    wanted: Annotated[walls.Wanted, Depends()],
    cursor: Cursor = None,
    limit: Limit = None,
) -> HTMLResponse:
    """The wall of clusters."""
    snapshot = snapshot_of(service, slug)
    fitting = walls.images_fitting(snapshot, wanted.mask(service, snapshot))
    matching = walls.wall(snapshot, wanted, fitting)
    page = cut(matching, lambda cluster: str(cluster["id"]), cursor, limit or CARDS)
    revisions = service.curation.log.revisions(snapshot.slug) if service.curation else {}
    return show(
        service,
        snapshot,
        "clusters",
        cards=[walls.card(snapshot, cluster) for cluster in page.items],
        revisions=revisions,
        page=page,
        wanted=wanted,
        fitting=fitting,
        cameras=snapshot.base.cameras,
        which=walls.WHICH,
        orders=walls.ORDERS,
        groups=groups_of(snapshot),
        tags=list(snapshot.rows_by_tag),
        reviews=sum(cluster in snapshot.rows_by_cluster for cluster in snapshot.reasons),
        unnamed=sum(row["name"] is None and row["status"] == "active" for row in snapshot.clusters.values()),
        warning=_warning(service, snapshot),
    )


@router.get("/c/{slug}/cluster/{cluster}")
def cluster_page(
    service: Shared, slug: str, cluster: str, wanted: Annotated[Narrowing, Depends()],
    order: members.Order = "typical", cursor: Cursor = None, limit: Limit = None,
) -> Response:  # fmt: skip
    """One cluster."""
    snapshot = snapshot_of(service, slug)
    cluster_id = snapshot.find_cluster(cluster)
    if cluster_id is None:
        raise Missing(t("There is no cluster {id} in {category} now: it died or is empty. Its history is kept.",
                        id=cluster[:100], category=called(snapshot.base.category)))  # fmt: skip
    if cluster_id != cluster:
        return RedirectResponse(f"/c/{slug}/cluster/{cluster_id}", 303)
    label = group_label(service, snapshot)
    ordered = members.sections(snapshot, cluster_id, order, label, wanted.mask(service, snapshot))
    names = snapshot.frame["image_id"]
    page = cut(ordered.rows, lambda row: str(names[row]), cursor, limit or TILES)
    revision = service.curation.log.revision(slug, cluster_id) if service.curation else 0
    decided = _has_decisions(service, snapshot)
    history = history_rows(service.project, slug, cluster_id, SHOWN_HISTORY) if decided else []
    return show(
        service, snapshot, "cluster", tab="clusters", cluster=snapshot.clusters[cluster_id], order=order,
        same_name=[snapshot.clusters[other] for other in snapshot.namesakes(cluster_id)],
        orders={**members.ORDERS, "country": "By {group}"},
        sections=members.under_headings(snapshot, ordered, page.items), sizes=ordered.sizes,
        page=page, since=members.since_review(snapshot, cluster_id), revision=revision, tags=list(snapshot.rows_by_tag),
        history=history, wanted=wanted, groups=groups_of(snapshot), cameras=snapshot.base.cameras,
    )  # fmt: skip


@router.get("/c/{slug}/find")
def find(service: Shared, slug: str, image: Annotated[str, Query(max_length=100)] = "",
         box: Annotated[str, Query(max_length=100)] = "") -> HTMLResponse:  # fmt: skip
    """Search by an image, a region of one, a picture, text, or filters alone. The page's script fills the grid."""
    snapshot = snapshot_of(service, slug)
    row = snapshot.base.row_of.get(image)
    if image and row is None:
        raise Missing(t("There is no image {id} in {category}.", id=image, category=called(snapshot.base.category)))
    region = parsed_region(box) if image and box else None
    return show(
        service, snapshot, "find", region=",".join(f"{side:g}" for side in region) if region else "",
        image=image_shapes(snapshot, [row])[0] if row is not None else None,
        groups=groups_of(snapshot), tags=list(snapshot.rows_by_tag), named=_cluster_choices(snapshot),
        cameras=snapshot.base.cameras, statuses=STATUSES, sorts=SORTS,
    )  # fmt: skip


@router.get("/c/{slug}/map")
def map_page(service: Shared, slug: str) -> HTMLResponse:
    """The map. The page's script fetches its points."""
    snapshot = snapshot_of(service, slug)
    return show(service, snapshot, "map", tags=list(snapshot.rows_by_tag))


def _warning(service: Service, snapshot: Snapshot) -> str:
    images = sum(len(snapshot.rows_by_state.get(state, ())) for state in ("clustered", "unclustered"))
    largest = max((cluster["size"] for cluster in snapshot.clusters.values()), default=0)
    limit, compare = (
        service.project.settings.published.max_cluster_share,
        compare_command(service.project, snapshot.slug, service.project.where),
    )
    large = holds_most(largest, images, limit, compare)
    return " ".join(filter(None, [large, warning_about_groups(service.project, snapshot.slug)]))


def _has_decisions(service: Service, snapshot: Snapshot) -> bool:
    return service.curation is not None and snapshot.curated is not None


def _cluster_choices(snapshot: Snapshot) -> list[tuple[str, str, int]]:
    """Id, name and size of the clusters to choose from: named ones first, then the largest."""
    rows = sorted(
        snapshot.clusters.values(),
        key=lambda cluster: (cluster["name"] is None, (cluster["name"] or "").casefold(), -cluster["size"]),
    )
    return [(cluster["id"], cluster["name"] or cluster["id"], cluster["size"]) for cluster in rows[:500]]
