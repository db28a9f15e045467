"""Health and status of the service.

What belongs here: the two paths for monitoring. Not here: the library (`categories.py`).
"""

from typing import Literal

from fastapi import APIRouter

from pipeline.service.context import Shared
from pipeline.service.models import Shape

router = APIRouter(tags=["service"])


class Health(Shape):
    status: Literal["ok"]


class Status(Shape):
    read_only: bool
    source: str
    encoder: str
    encoder_state: str
    categories: int
    queue: dict[str, int]
    runs: dict[str, int]
    limits: dict[str, float]


@router.get("/health")
def health() -> Health:
    """Answers as soon as the service listens; needs no token."""
    return Health(status="ok")


@router.get("/status")
def status(service: Shared) -> Status:
    """The data directory, what waits, and the limits."""
    params, settings = service.params, service.project.settings
    limits = ("max_page", "max_upload_files", "max_upload_megabytes", "max_upload_megapixels", "max_vectors_megabytes",
              "max_original_megabytes", "vectors_inline")  # fmt: skip
    open_runs = service.runs.last(1000, ["queued", "running"])
    return Status(
        read_only=service.options.read_only,
        source=settings.source.url,
        encoder=settings.encoder.spec,
        encoder_state=service.encoders.state,
        categories=len(service.library.slugs()),
        queue=service.queue.counts(),
        runs={state: sum(run["state"] == state for run in open_runs) for state in ("queued", "running")},
        limits={name: getattr(params, name) for name in limits},
    )
