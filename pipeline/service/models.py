"""The shapes of requests and responses, as the OpenAPI document shows them.

What belongs here: pydantic models of the API, and the functions that fill them. Not here: computing the values
(`steps/library_view/`), shapes of one route only (`routes/`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.steps.library_view.snapshot import Snapshot

ImageId = str
Words = Literal["clustered", "unclustered", "rejected", "excluded", "new"]


class Shape(BaseModel):
    """Base of every response."""

    model_config = ConfigDict(extra="forbid")


class ProblemDocument(BaseModel):
    """An RFC 9457 problem: what went wrong, and what to do next, in `detail`."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    nearest: list[str] | None = Field(default=None, description="The known names nearest to the given one.")
    errors: list[dict[str, str]] | None = Field(default=None, description="For 422: the invalid values and why.")


class BoxesWaiting(Shape):
    """Decisions about boxes that the next run follows."""

    added: int
    removed: int
    undone: int


class CategoryShape(Shape):
    """One category with its counts; images = clustered + unclustered + new + rejected + excluded.

    Where objects are clustered, these count objects, and images without any as rejected; `images` counts images.
    """

    slug: str
    category: str
    images: int
    unit: Literal["image", "object"] = Field(description="What is clustered.")
    objects: int | None = Field(description="Null where whole images are clustered.")
    boxes_waiting: BoxesWaiting | None = Field(description="Null where whole images are clustered.")
    clusters: int
    clustered: int
    unclustered: int
    rejected: int
    excluded: int
    new: int = Field(description="Embedded and searchable; clustered at the next run.")
    needs_review: int
    groups: int
    tags: list[dict[str, Any]]
    cameras: list[dict[str, Any]] = Field(description="Cameras that images name (EXIF), the most used first.")
    encoder: dict[str, Any]
    updated_at: str
    version: str = Field(description="Changes whenever anything in the category does.")


class GroupCount(Shape):
    group: str
    images: int


class ClusterShape(Shape):
    """One cluster with people's decisions applied."""

    id: str
    category: str
    name: str | None
    description: str | None
    status: str
    size: int
    cohesion: float | None
    needs_review: bool
    review_reasons: list[str]
    representative: ImageId
    representatives: list[ImageId]
    groups: list[GroupCount] = Field(description="The most frequent first; in a list of clusters, the first twelve.")
    group_count: int
    fate: str | None
    parents: list[str]
    merged: list[str]
    former_names: list[str]
    made_by_people: bool


class ClusterDetail(ClusterShape):
    """A cluster with its revision. A decision that names the revision fails if the cluster has changed since."""

    revision: int
    same_name: list[str] = Field(description="Ids of other clusters that have this name, but for case and blanks.")


class ImageShape(Shape):
    """One image with its state, and its cluster, or the nearest cluster and the distance to it."""

    image_id: ImageId
    category: str
    key: str
    group: str | None
    identifier: str
    state: Words
    reason: str | None
    content_hash: str | None
    width: int | None
    height: int | None
    format: str | None
    bytes: int | None
    taken_at: str | None = Field(description="Local time of the camera's clock, ISO 8601 without a zone.")
    date: str | None = Field(description="When it was taken, else last modified (UTC), ISO 8601 without a zone.")
    latitude: float | None
    longitude: float | None
    cluster: str | None
    cluster_name: str | None
    probability: float | None
    similarity: float | None = Field(description="Cosine to the centroid of its cluster.")
    nearest_cluster: str | None
    distance: float | None
    tags: list[str]
    box: list[float] | None = Field(
        default=None,
        description="Of an object: left, top, width and height in its image, as shares; its id is the object's.",
    )
    source_id: ImageId | None = Field(default=None, description="Of an object: the id of its image.")


class CameraShape(Shape):
    """What the camera recorded (EXIF)."""

    camera: str | None = None
    lens: str | None = None
    exposure: float | None = Field(default=None, description="Seconds.")
    aperture: float | None = Field(default=None, description="F-number.")
    iso: float | None = None
    focal_length: float | None = Field(default=None, description="Millimetres.")
    software: str | None = None
    artist: str | None = None
    taken_at: str | None = Field(default=None, description="Local time of the camera's clock.")
    latitude: float | None = None
    longitude: float | None = None


class ClusterPage(Shape):
    items: list[ClusterShape]
    total: int
    cursor: str | None


class ImagePage(Shape):
    items: list[ImageShape]
    total: int
    cursor: str | None


class BoxChange(Shape):
    """A decision about a box that the last run did not know of."""

    event: int
    kind: Literal["wrong_box", "add_box"]
    box: list[float]
    label: str | None


class ObjectList(Shape):
    """The objects of one image; none where whole images are clustered."""

    source_id: ImageId
    items: list[ImageShape]
    waiting: list[BoxChange] = Field(default=[], description="What people decided and the next run does.")


class Hit(Shape):
    score: float = Field(description="Cosine similarity; 1 = the same picture.")
    image: ImageShape


class HitList(Shape):
    items: list[Hit]
    searched: int = Field(description="Number of images that were searched.")
    recall: float = Field(
        description="The share of the true nearest images that such a search finds, measured when its index was made; "
        "1 = exact, the query was compared with every image."
    )


class Embedding(Shape):
    image_id: ImageId
    dimension: int
    fingerprint: str = Field(description="Vectors with equal fingerprints are comparable.")
    vector: list[float]


class RunShape(Shape):
    """One run. `done` and `total` are the progress of `phase`."""

    id: str
    kind: Literal["pipeline", "clustering", "tuning", "encoders", "vectors", "dagster"]
    category: str | None
    state: Literal["queued", "running", "succeeded", "failed", "died", "cancelled"]
    created_at: str
    started_at: str | None
    ended_at: str | None
    settings: dict[str, Any]
    phase: str | None
    done: int | None
    total: int | None
    message: str | None
    error: str | None
    result: Any
    dagster_run: str | None


class RunList(Shape):
    items: list[RunShape]


class QueueItem(Shape):
    id: int
    category: str
    key: str
    source: Literal["upload", "notification"]
    state: Literal["waiting", "working", "done", "failed"]
    added_at: str
    ended_at: str | None
    attempts: int
    message: str | None


class QueueList(Shape):
    counts: dict[str, int]
    items: list[QueueItem]


def image_shapes(snapshot: Snapshot, rows: Sequence[int]) -> list[ImageShape]:
    """The images of these rows, in that order."""
    clusters = snapshot.clusters
    return [
        ImageShape.model_construct(
            image_id=row["image_id"], category=snapshot.base.category, key=row["key"], group=row["group"],
            identifier=row["identifier"], state=row["state"],
            reason=None if row["status"] == "ok" else f"{row['status']}: {row['reason']}",
            content_hash=row["content_hash"], width=row["width"], height=row["height"], format=row["format"],
            bytes=row["size"], taken_at=_moment(row["taken_at"]), date=_moment(row["date"]), latitude=row["latitude"],
            longitude=row["longitude"], cluster=row["cluster_id"],
            cluster_name=clusters[row["cluster_id"]]["name"] if row["cluster_id"] in clusters else None,
            probability=_rounded(row["probability"]) if row["state"] == "clustered" else None,
            similarity=_rounded(row["similarity"]) if row["state"] == "clustered" else None,
            nearest_cluster=row["nearest_cluster"] if row["state"] == "unclustered" else None,
            distance=_rounded(row["distance"]) if row["state"] == "unclustered" else None,
            tags=list(snapshot.tags_of(row["content_hash"])), box=row["box"],
            source_id=row["source_id"] if row["box"] is not None else None,
        )
        for row in snapshot.records(rows)
    ]  # fmt: skip


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
