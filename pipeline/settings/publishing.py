"""The settings of the results that leave the pipeline: what is published and where, and when a person looks first.

What belongs here: `PublishParams` with its outlets and guard, `CurationParams`. Not here: who may reach the service
(`running.py`).
"""

from pydantic import Field

from pipeline.settings.base import Params, without_secrets


class OutletSettings(Params):
    """One place that the published documents are written to, beside the data directory."""

    url: str = Field(
        min_length=1,
        description="A folder, s3://bucket/prefix, r2://bucket/prefix, sqlite:///file.db or postgresql://host/name.",
    )
    endpoint_url: str | None = Field(default=None, description="As for the source.")
    region: str = Field(default="auto", description="As for the source.")
    table_prefix: str = Field(
        default="", pattern=r"^[a-z_]{0,30}$", description="Prefix of the table names in a database."
    )

    @property
    def shown(self) -> str:
        """The address for people, logs and records: without a password."""
        return without_secrets(self.url)


class GuardParams(Params):
    """When a new result waits for a person instead of replacing what is published."""

    enabled: bool = Field(default=True, description="Whether new results are compared with the published one.")
    max_cluster_drop: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Holds back if the number of clusters falls by more than this share; 1: never.",
    )
    max_cluster_growth: float = Field(
        default=1.5,
        ge=1,
        le=1000,
        description="Holds back if the number of clusters per image grows by more than this factor, "
        "and by at least 5 clusters; 1000: never.",
    )
    max_unclustered_growth: float = Field(
        default=2.0, ge=1, le=1000, description="Holds back if the unclustered share grows by more than this factor ..."
    )
    min_unclustered_rise: float = Field(
        default=0.02,
        ge=0,
        le=1,
        description="... and rises by more than this share of the images (and by at least 5 images).",
    )
    max_cluster_share: float = Field(
        default=0.5, gt=0, le=1, description="Holds back if the largest cluster grows beyond this share; 1: never."
    )
    forbid_losing_named: bool = Field(default=True, description="Holds back if a named cluster would disappear.")


class PublishParams(Params):
    """What is published and where."""

    outlets: list[OutletSettings] = Field(
        default_factory=list[OutletSettings], description="Further places to publish to."
    )
    include_centroids: bool = Field(
        default=False, description="Whether clusters.json contains each cluster's centroid."
    )
    page_images: int = Field(
        default=5000,
        ge=0,
        le=100_000,
        description="Most thumbnails in the review page; the rest are counted.",
    )
    max_cluster_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="The check warns if one cluster has more than this share of the images.",
    )
    history: int = Field(
        default=30, ge=2, le=1000, description="Published sets to keep in the data directory for rollback."
    )
    guard: GuardParams = Field(
        default_factory=GuardParams,
        description="When a new result waits for a person instead of replacing what is published.",
    )


class CurationParams(Params):
    """Where people's decisions are kept, and what asks to be looked at again."""

    database_url: str | None = Field(
        default=None,
        description="postgresql://… or sqlite:///PATH; unset: curation.sqlite3 in the data directory. A password "
        "belongs in the variable IMAGE_CLUSTER_DATABASE_URL, which overrides this.",
    )
    review_change: float = Field(
        default=0.333,
        gt=0,
        le=1,
        description="A named cluster needs a review if more than this share of it came or left since the last review.",
    )
    review_new_size: int = Field(default=5, ge=1, description="A new cluster needs a review from this many images on.")
