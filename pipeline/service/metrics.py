"""/metrics for Prometheus: requests as they come, and the state of the library at each scrape.

What belongs here: the registry, and the metrics of requests and of the process. Not here: the state of the library
(`library_metrics.py`), the address (`routes/probes.py`). prometheus-client, of the extra `server`, is imported only
where `service.metrics` asks for it.

No label takes what clients send: routes are templates, methods and statuses are known ones.
"""

from importlib.metadata import version

from pipeline.errors import SettingsError
from pipeline.service.database import ServiceDatabase
from pipeline.service.observed import Seen
from pipeline.service.queue import Queue
from pipeline.steps.curation import Curation
from pipeline.steps.library_view.cache import Library

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # seconds


class Metrics:
    """The metrics of one service. Raises `SettingsError` if the library for them is not installed."""

    def __init__(self, library: Library, curation: Curation | None, database: ServiceDatabase, queue: Queue) -> None:
        try:
            from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
        except ImportError as error:
            raise SettingsError(
                "service.metrics needs the package prometheus-client. Install it with: "
                "pip install 'image-cluster[server]'."
            ) from error
        from pipeline.service.library_metrics import LibraryCollector

        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        build = Gauge("image_cluster_build", "Always 1.", ["version"], registry=self._registry)
        build.labels(version("image-cluster")).set(1)
        self._requests = Counter(
            "image_cluster_http_requests", "Answered requests.", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "image_cluster_http_request_seconds", "Seconds until the answer begins.", ["method", "route"],
            buckets=BUCKETS, registry=self._registry,
        )  # fmt: skip
        self._registry.register(LibraryCollector(library, curation, database, queue))

    def request(self, seen: Seen) -> None:
        """Count one request."""
        self._requests.labels(seen.method, seen.route, str(seen.status)).inc()
        self._seconds.labels(seen.method, seen.route).observe(seen.seconds)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """All metrics now, in the format that a client accepts, and its media type."""
        from prometheus_client.exposition import choose_encoder

        encode, media_type = choose_encoder(accept)
        return encode(self._registry), media_type
