"""The kept publications of a category, accepting one that waits, and two of them side by side.

What belongs here: HTTP. Not here: accepting (`steps/published_sets.py`), comparing (`steps/comparison.py`), the page
(`page/compare.py`).
"""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import Field

from pipeline.service.context import Service, Shared
from pipeline.service.models import ImageId, Shape
from pipeline.service.problems import Problem, unknown
from pipeline.service.routes.common import Slug, category_of
from pipeline.steps.comparison import Comparison, Version, compare, versions
from pipeline.steps.library_view.snapshot import Snapshot
from pipeline.steps.live_library import writing
from pipeline.steps.published_sets import accept
from pipeline.storage.history import number_of

router = APIRouter(tags=["library"])
VersionName = Annotated[str, Query(max_length=80, description="A version, or the number in it.")]


class VersionShape(Shape):
    """A kept publication; `event` is published, accepted, rolled back or candidate (it waits)."""

    version: str
    at: str
    event: str
    headline: str
    summary: dict[str, int]


class VersionList(Shape):
    items: list[VersionShape]


class FacesShape(Shape):
    """Ids of images of one cluster that are still in the library; `came` and `left` are at most twenty."""

    before: list[ImageId]
    after: list[ImageId]
    came: list[ImageId]
    left: list[ImageId]


class ComparisonShape(Shape):
    """Two publications: `changes` is as changes.json, `faces` are by cluster id."""

    before: VersionShape
    after: VersionShape
    changes: dict[str, Any] = Field(description="As changes.json: per cluster its fate, names, sizes and flows.")
    faces: dict[str, FacesShape]
    names_today: dict[str, str] = Field(description="Present names of the clusters in `changes` that have one.")


@router.get("/categories/{category}/publications")
def list_publications(service: Shared, category: Slug) -> VersionList:
    """The kept publications, the newest first, and the candidate that waits."""
    slug = category_of(service, category).slug
    return VersionList(items=[_shape(one) for one in versions(service.project, slug)])


class Accepted(Shape):
    version: str
    changed: bool = Field(description="False if it was published already.")


@router.post("/categories/{category}/publications/{version}/accept")
def accept_candidate(service: Shared, category: Slug, version: Annotated[str, Path(max_length=80)]) -> Accepted:
    """Publish the result that the guard held back, unchanged, here and at every outlet."""
    with writing(service.project):
        done = accept(service.project, category_of(service, category).slug, version)
    return Accepted(version=done.version, changed=done.changed)


@router.get("/categories/{category}/compare")
def compare_publications(
    service: Shared,
    category: Slug,
    before: Annotated[VersionName, Query(alias="from")] = "",
    after: Annotated[VersionName, Query(alias="to")] = "",
) -> ComparisonShape:
    """What changed between two publications, per cluster. By default the newest one and the one before it."""
    snapshot = category_of(service, category)
    found = comparison(service, snapshot, before, after)
    names = snapshot.frame["image_id"]

    def ids(rows: list[int]) -> list[ImageId]:
        return [names[row] for row in rows]

    faces = {
        cluster: FacesShape(before=ids(one.before), after=ids(one.after), came=ids(one.came), left=ids(one.left))
        for cluster, one in found.faces.items()
    }
    return ComparisonShape(before=_shape(found.before), after=_shape(found.after), changes=found.changes, faces=faces,
                           names_today=names_today(snapshot, found))  # fmt: skip


def names_today(snapshot: Snapshot, found: Comparison) -> dict[str, str]:
    """Cluster id → its present name, for the clusters of a comparison that have one: people may name them later."""
    return {
        entry["id"]: str(name)
        for entry in found.changes["clusters"]
        if (cluster := snapshot.clusters.get(entry["id"])) and (name := cluster["name"])
    }


def comparison(service: Service, snapshot: Snapshot, before: str, after: str) -> Comparison:
    """Two publications of a category. Raises `Problem` where there are not two, and for one that is not kept."""
    kept = versions(service.project, snapshot.slug)
    if len(kept) < 2 and not (before and after):
        raise Problem(
            409, "not-published-twice", f"{snapshot.base.category} was published {len(kept)} times, so there are not "
            "two results to compare yet. Each run that changes something publishes one.",
        )  # fmt: skip
    new = _named(kept, after) if after else kept[0]
    older = [one for one in kept if one.version < new.version] or [one for one in kept if one != new]
    return compare(service.project, snapshot, _named(kept, before) if before else older[0], new)


def _named(kept: list[Version], wanted: str) -> Version:
    for one in kept:
        if one.version == wanted or (wanted.isdigit() and number_of(one.version) == int(wanted)):
            return one
    raise unknown("publication", wanted, [one.version for one in kept])


def _shape(found: Version) -> VersionShape:
    return VersionShape(version=found.version, at=found.at, event=found.event, headline=found.headline,
                        summary=found.summary)  # fmt: skip
