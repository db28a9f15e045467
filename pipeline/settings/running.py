"""The settings of the processes: when runs start, where they compute, and the REST service.

What belongs here: `AutomationParams`, `ServiceParams`, `ExecutionParams`, `DataParams`. Not here: what a run computes
(`images.py`, `clustering.py`).
"""

from typing import Literal

from pydantic import Field

from pipeline.settings.base import Params


class AutomationParams(Params):
    """When Dagster starts runs by itself."""

    quiet_seconds: int = Field(
        default=120, ge=0, le=86_400, description="No run starts until a category has been unchanged for this long."
    )
    interval_seconds: int = Field(default=60, ge=30, le=86_400, description="Seconds between two looks at the bucket.")
    listing_seconds: float = Field(
        default=20.0,
        gt=0,
        le=50,
        description="Longest time that one look may list; a larger bucket takes several looks.",
    )
    deadline_seconds: float = Field(
        default=45.0,
        gt=0,
        le=3600,
        description="Longest time that one look may wait for the bucket; the next look continues there. Dagster itself "
        "ends a look after 60 s, or DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS.",
    )
    nightly: str = Field(default="0 3 * * *", description="Cron expression of the nightly run of every category.")
    timezone: str = Field(default="UTC", description="Time zone of that expression.")


class ServiceParams(Params):
    """The REST service: where it listens, and its limits."""

    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on. See `serve --help`.")
    port: int = Field(default=8765, ge=1, le=65_535, description="Its port.")
    allowed_hosts: list[str] = Field(
        default_factory=list[str],
        description="Further host names of the service, for instance behind a proxy.",
    )
    public_reads: bool = Field(
        default=False,
        description="On other addresses than loopback: whether reading needs no token. Writing always does.",
    )
    language: str = Field(
        default="auto",
        pattern=r"^(auto|[a-z]{2,3})$",
        description="Language of the page for those who chose none in its menu: en, de, or auto, which is the "
        "browser's.",
    )
    max_page: int = Field(default=1000, ge=10, le=100_000, description="Most items that one answer lists.")
    max_upload_files: int = Field(default=50, ge=1, le=10_000, description="Most files in one upload.")
    max_upload_megabytes: float = Field(default=100.0, gt=0, le=10_000, description="Largest upload as a whole.")
    max_upload_megapixels: float = Field(
        default=50.0, gt=0, le=2000, description="Larger uploaded pictures are refused before they are decoded."
    )
    max_original_megabytes: float = Field(default=100.0, gt=0, le=4000, description="Largest original that is served.")
    max_vectors_megabytes: float = Field(default=256.0, gt=0, le=16_384, description="Largest body of posted vectors.")
    vectors_inline: int = Field(
        default=5000,
        ge=1,
        le=1_000_000,
        description="Up to this many posted vectors are answered at once; more become a run.",
    )
    upload_folder: str = Field(
        default="uploads",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,59}$",
        description="The folder, below its category, that uploads without a group go to.",
    )
    decode_threads: int = Field(default=2, ge=1, le=64, description="Uploaded pictures decoded at the same time.")
    concurrent_runs: int = Field(default=1, ge=1, le=64, description="Runs at the same time; further ones wait.")
    queue_seconds: float = Field(
        default=1.0, ge=0, le=3600, description="How long the queue waits for more uploads before it reads them."
    )
    queue_attempts: int = Field(default=8, ge=1, le=100, description="Tries of a queued item, with back-off.")
    events_window_seconds: int = Field(
        default=300, ge=10, le=86_400, description="How old a signed bucket notification may be."
    )
    metrics: bool = Field(
        default=False,
        description="Whether /metrics answers Prometheus (extra [server]). It needs the token where reading does.",
    )
    dagster_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s]+$",
        description="A Dagster web server, as http://127.0.0.1:3000: runs are launched there and not here.",
    )


class RayParams(Params):
    """Workers on a Ray cluster."""

    address: str = Field(
        default="", description="auto, or HOST:PORT of a running cluster. Empty: one of this machine is started."
    )
    workers: int = Field(default=0, ge=0, le=100_000, description="0 = as many as the cluster has room for.")
    cpus_per_worker: float = Field(
        default=1, gt=0, le=1024, description="Cores that each worker reserves, and decodes with."
    )
    gpus_per_worker: float = Field(
        default=0, ge=0, le=64, description="GPUs that each worker reserves; 0.5 puts two workers on one GPU."
    )
    keys_per_task: int = Field(
        default=128, ge=1, le=4096, description="Images per task. A lost worker costs at most two tasks."
    )


class ExecutionParams(Params):
    """Where images are read, decoded and embedded."""

    engine: Literal["local", "ray"] = Field(
        default="local", description="local: in this process. ray: by workers of a Ray cluster (extra [ray])."
    )
    ray: RayParams = Field(default_factory=RayParams, description="Which cluster, and how many workers.")


class DataParams(Params):
    """A bucket that holds the library, for several machines. The data directory is then a working copy of it."""

    url: str | None = Field(
        default=None,
        pattern=r"^(s3|r2)://[^/\s]+(/.*)?$",
        description="s3://bucket/prefix or r2://bucket/prefix; unset: the data directory is the library. "
        "IMAGE_CLUSTER_DATA_URL or --data-url override this. See docs/scale.md.",
    )
    endpoint_url: str | None = Field(default=None, description="Its S3 endpoint; unset: source.endpoint_url.")
    lease_seconds: float = Field(
        default=60.0,
        ge=5,
        le=3600,
        description="A machine that was not heard of for so long loses the library to the next one that wants to "
        "write. It is heard of three times in this time.",
    )
    wait_seconds: float = Field(
        default=3600.0, ge=0, le=604_800, description="How long a command waits for another one that writes."
    )
    look_seconds: float = Field(
        default=10.0, ge=1, le=3600, description="serve: time between two looks for a newer library in the bucket."
    )
