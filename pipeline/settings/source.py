"""The settings of the source: where the images are, how their keys are read, and how patiently.

What belongs here: `SourceSettings` and the defaults that also hold for a bucket opened without settings. Not here:
secrets, which `adapters/buckets.py` reads from the environment; decoding (`images.py`).
"""

from typing import Literal

from pydantic import Field

from pipeline.settings.base import Params

# Names of files and folders that operating systems, NAS boxes and photo tools put beside photos.
SKIP_NAMES = (
    ".*", "@eaDir", "@tmp", "@Recycle", "@Recently-Snapshot", "@__thumb", "@sharebin", "@GMT-*", "#recycle",
    "#snapshot", "~snapshot", "$RECYCLE.BIN", "System Volume Information", "FOUND.0??", "lost+found", "__MACOSX",
    "Network Trash Folder", "Temporary Items", "_gsdata_", "*.lrdata", "SYNOPHOTO_THUMB_*", "SYNOFILE_THUMB_*",
    "Thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini",
)  # fmt: skip

# defaults of a source, also for a bucket that is opened without settings
CONCURRENCY = 16
TIMEOUT_SECONDS = 30.0
RETRIES = 4


class SourceSettings(Params):
    """Where the images are and how their keys are read."""

    url: str = Field(
        default="demo-library",
        min_length=1,
        description="A folder, s3://bucket/prefix or r2://bucket/prefix.",
    )
    endpoint_url: str | None = Field(
        default=None,
        description="The S3 endpoint, for R2 https://ACCOUNT_ID.r2.cloudflarestorage.com. Plain AWS S3 needs none.",
    )
    region: str = Field(default="auto", description="The bucket's region; R2 says auto.")
    categories: Literal["all", "single"] | list[str] = Field(
        default="all",
        description="all: each top folder is a category; single: the whole source is one; or a list of folders.",
    )
    patterns: dict[str, str] = Field(
        default_factory=dict,
        description="Per category, a regular expression on the key after the category's folder, with the named groups "
        "identifier, group and variant (the last two optional). A category not named here uses the built-in layouts.",
    )
    group_label: dict[str, str] = Field(
        default_factory=dict,
        description="Per category, what the page calls a group of images, as country, year or camera. Of a category "
        "not named here: country if the groups are ISO codes of countries, else folder.",
    )
    variant: str = Field(
        default="800w",
        pattern=r"^(\d+w|original)$",
        description="Which width to read if an image has several; otherwise the nearest larger, otherwise the largest.",
    )
    manifest: Literal["auto", "ignore", "require"] = Field(
        default="auto",
        description="Whether the bucket's manifest.json (not a listing) says what exists; auto: if there is one.",
    )
    skip_names: list[str] = Field(
        default=list(SKIP_NAMES),
        description="Names of system files and folders that are skipped and counted everywhere, ignoring case; * and ? "
        "match any characters. [] skips nothing, not even names that begin with a dot.",
    )
    follow_links: Literal["inside", "all"] = Field(
        default="inside",
        description="Symbolic links in a folder. inside: links that lead elsewhere are reported, not read; all: read.",
    )
    concurrency: int = Field(default=CONCURRENCY, ge=1, le=256, description="Objects read at the same time.")
    timeout_seconds: float = Field(
        default=TIMEOUT_SECONDS,
        gt=0,
        le=600,
        description="Seconds until a request is given up. An object may take longer while it goes on coming.",
    )
    retries: int = Field(
        default=RETRIES, ge=0, le=20, description="Further tries after a transient error, with back-off."
    )
    retry_seconds: float = Field(
        default=180.0,
        ge=0,
        le=3600,
        description="How long a request is tried after that if the server is busy (SlowDown) or stops answering; "
        "with back-off and jitter, and reported. 0: only the retries.",
    )
