"""What a container platform and Prometheus ask: is it alive, can it work, how is it.

What belongs here: /healthz, /readyz and /metrics, at the root only. Not here: the status for people and clients
(`health.py`), the metrics themselves (`service/metrics.py`).
"""

from collections.abc import Callable
from typing import Literal

from fastapi import APIRouter, Request, Response
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from pipeline.errors import ImageClusterError
from pipeline.service.context import Service, Shared
from pipeline.service.models import Shape
from pipeline.service.problems import Problem
from pipeline.service.routes.health import Health

router = APIRouter(tags=["service"])


class Readiness(Shape):
    """`parts`: what the service needs. The bucket is none of it: what is stored can be shown without."""

    status: Literal["ready", "not ready"]
    parts: dict[str, Literal["ok", "failed"]]


@router.get("/healthz")
def healthz() -> Health:
    """Answers as soon as the service listens; needs no token. A platform restarts what does not answer."""
    return Health(status="ok")


@router.get("/readyz")
def readyz(service: Shared, response: Response) -> Readiness:
    """503 until data directory, decisions and the service's own database can be read; needs no token."""
    checks = {"data": _data, "decisions": _decisions, "database": _database}
    failed = [name for name, check in checks.items() if not _works(service, check)]
    response.status_code = 503 if failed else 200
    return Readiness(
        status="not ready" if failed else "ready",
        parts={name: "failed" if name in failed else "ok" for name in checks},
    )


@router.get("/metrics")
def metrics(service: Shared, request: Request) -> Response:
    """All metrics, for Prometheus. Needs the token where reading needs one."""
    if service.metrics is None:
        raise Problem(404, "no-metrics", "Metrics are off. Set service.metrics to true.")
    body, media_type = service.metrics.exposition(request.headers.get("accept", ""))
    return Response(body, headers={"Content-Type": media_type})


def _works(service: Service, check: Callable[[Service], None]) -> bool:
    try:
        check(service)
    except (ImageClusterError, SQLAlchemyError, OSError):
        return False
    return True


def _data(service: Service) -> None:
    service.project.layout.marker.stat()
    service.library.slugs()


def _decisions(service: Service) -> None:
    if service.curation is not None:
        service.curation.log.counts()


def _database(service: Service) -> None:
    with service.database.begin() as connection:
        connection.execute(text("SELECT 1"))
