"""Clusters: lists with sorting and filters, one cluster, its images.

What belongs here: reading. Not here: decisions about clusters (`curation.py`).
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query

from pipeline.service.context import Shared
from pipeline.service.models import ClusterDetail, ClusterPage, ClusterShape, ImagePage
from pipeline.service.paging import cut
from pipeline.service.routes.common import (
    DEFAULT_LIMIT,
    Cluster,
    Cursor,
    Limit,
    Slug,
    category_of,
    checked_limit,
    cluster_of,
    page_of_images,
)
from pipeline.steps.library_view.snapshot import ClusterRow, Snapshot
from pipeline.steps.library_view.words import fits

GROUPS_SHOWN = 12  # of each cluster in a list; there may be hundreds
router = APIRouter(tags=["library"])
Sort = Literal["size", "-size", "name", "-name", "cohesion", "-cohesion", "groups", "-groups", "id", "-id"]


class ClusterFilter:
    """Which clusters to list."""

    def __init__(
        self,
        sort: Annotated[Sort, Query(description="- before it: the largest first.")] = "-size",
        status: Annotated[Literal["active", "unusable", "hidden"] | None, Query()] = None,
        named: Annotated[bool | None, Query(description="Only those with, or without, a name.")] = None,
        needs_review: Annotated[bool | None, Query()] = None,
        group: Annotated[str | None, Query(max_length=200, description="Only those with images of it.")] = None,
        q: Annotated[
            str | None,
            Query(max_length=200, description="Words in names or description, or the beginning of an id."),
        ] = None,
        min_size: Annotated[int, Query(ge=1, le=10**9)] = 1,
        max_size: Annotated[int, Query(ge=1, le=10**9)] = 10**9,
    ) -> None:
        self.sort, self.status, self.named, self.needs_review = sort, status, named, needs_review
        self.group, self.q, self.min_size, self.max_size = group, q, min_size, max_size

    def apply(self, clusters: Iterable[ClusterRow]) -> list[ClusterRow]:
        """The clusters that match, sorted; ties by id."""
        kept = sorted((cluster for cluster in clusters if self._matches(cluster)), key=lambda cluster: cluster["id"])
        key = self.sort.removeprefix("-")
        return sorted(kept, key=lambda cluster: _value(cluster, key), reverse=self.sort.startswith("-"))

    def _matches(self, cluster: ClusterRow) -> bool:
        return (
            self.min_size <= cluster["size"] <= self.max_size
            and (self.status is None or cluster["status"] == self.status)
            and (self.named is None or (cluster["name"] is not None) == self.named)
            and (self.needs_review is None or cluster["needs_review"] == self.needs_review)
            and (self.group is None or any(group["group"] == self.group for group in cluster["groups"]))
            and fits(cluster, self.q or "")
        )


@router.get("/categories/{category}/clusters")
def list_clusters(
    service: Shared,
    category: Slug,
    wanted: Annotated[ClusterFilter, Depends()],
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> ClusterPage:
    """The clusters of a category, the largest first."""
    matching = wanted.apply(category_of(service, category).clusters.values())
    page = cut(matching, lambda cluster: str(cluster["id"]), cursor, checked_limit(service, limit))
    items = [
        ClusterShape.model_validate({**cluster, "groups": cluster["groups"][:GROUPS_SHOWN]}) for cluster in page.items
    ]
    return ClusterPage(items=items, total=page.total, cursor=page.cursor)


@router.get("/clusters/{cluster}")
def get_cluster(service: Shared, cluster: Cluster) -> ClusterDetail:
    """One cluster, by its id, the id of a cluster merged into it, or its name. 409 if several have the name."""
    return detail(service, *cluster_of(service, cluster))


@router.get("/clusters/{cluster}/images")
def list_cluster_images(
    service: Shared, cluster: Cluster, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
) -> ImagePage:
    """The images of a cluster, the most typical first."""
    snapshot, cluster_id = cluster_of(service, cluster)
    return page_of_images(service, snapshot, snapshot.rows_by_cluster[cluster_id], cursor, limit)


def detail(service: Any, snapshot: Snapshot, cluster: str) -> ClusterDetail:
    """A cluster with its revision, and the other clusters of the same name."""
    curation = service.curation
    revision = curation.log.revision(snapshot.slug, cluster) if curation is not None else 0
    same_name = snapshot.namesakes(cluster)
    return ClusterDetail.model_validate({**snapshot.clusters[cluster], "revision": revision, "same_name": same_name})


def _value(cluster: ClusterRow, key: str) -> Any:
    match key:
        case "groups":
            return cluster["group_count"]
        case "name":
            return (cluster["name"] or "").casefold()
        case "cohesion":
            return cluster["cohesion"] or 0.0
        case _:
            return cluster[key]
