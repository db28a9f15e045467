"""The state of the library as metrics: images by status, clusters, decisions, runs, the queue.

What belongs here: reading that state at a scrape. Not here: requests (`metrics.py`), computing any of it
(`steps/library_view/`). Imports prometheus-client: only `metrics.py` imports this module, and only where it is wanted.

At most `MOST_CATEGORIES` categories have labels of their own, and the rest are summed, so a library of thousands of
folders does not flood Prometheus. If a part cannot be read, `image_cluster_readable` says so, and the others are shown.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from pipeline.errors import ImageClusterError
from pipeline.service.database import ServiceDatabase, run_table
from pipeline.service.queue import Queue
from pipeline.steps.curation import Curation
from pipeline.steps.library_view.cache import Library
from pipeline.steps.library_view.snapshot import Snapshot

MOST_CATEGORIES = 100
OTHERS = "(others)"
STATUSES = ("clustered", "unclustered", "rejected", "excluded", "new")
STATES = ("queued", "running", "succeeded", "failed", "died", "cancelled")
KINDS = ("pipeline", "clustering", "tuning", "vectors", "dagster")


class LibraryCollector(Collector):
    """Reads the state of one service whenever Prometheus asks."""

    def __init__(self, library: Library, curation: Curation | None, database: ServiceDatabase, queue: Queue) -> None:
        self._categories, self._curation, self._database, self._items = library, curation, database, queue

    def describe(self) -> list[Metric]:
        """Nothing: otherwise registering would read the library."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All metrics of this module."""
        readable = GaugeMetricFamily("image_cluster_readable", "1 if this part can be read.", labels=["part"])
        parts: dict[str, Callable[[], list[Metric]]] = {
            "library": self._library, "decisions": self._decisions, "runs": self._runs, "queue": self._queue,
        }  # fmt: skip
        for part, read in parts.items():
            try:
                metrics = read()
            except (ImageClusterError, SQLAlchemyError, OSError):
                readable.add_metric([part], 0)
                continue
            readable.add_metric([part], 1)
            yield from metrics
        yield readable

    def _library(self) -> list[Metric]:
        images = GaugeMetricFamily(
            "image_cluster_images", "Images, or objects where they are clustered, by status.",
            labels=["category", "status"],
        )  # fmt: skip
        clusters = GaugeMetricFamily("image_cluster_clusters", "Clusters.", labels=["category"])
        named = GaugeMetricFamily("image_cluster_clusters_named", "Clusters with a name.", labels=["category"])
        review = GaugeMetricFamily("image_cluster_clusters_to_review", "Clusters to review.", labels=["category"])
        updated = GaugeMetricFamily(
            "image_cluster_updated_timestamp_seconds", "When the stored result last changed.", labels=["category"]
        )
        sums: dict[tuple[str, ...], int] = {}
        for place, snapshot in enumerate(self._categories.all()):
            label = snapshot.slug if place < MOST_CATEGORIES else OTHERS
            for name, number in _figures(snapshot, label).items():
                sums[name] = sums.get(name, 0) + number
            if label != OTHERS:
                updated.add_metric([label], _moment(snapshot))
        families = {"images": images, "clusters": clusters, "named": named, "review": review}
        for (name, *labels), number in sums.items():
            families[name].add_metric(labels, number)
        return [images, clusters, named, review, updated]

    def _decisions(self) -> list[Metric]:
        decisions = CounterMetricFamily("image_cluster_decisions", "Decisions of people.", labels=["category"])
        counts = sorted(self._curation.log.counts().items()) if self._curation is not None else []
        for slug, number in counts[:MOST_CATEGORIES]:
            decisions.add_metric([slug], number)
        if rest := counts[MOST_CATEGORIES:]:
            decisions.add_metric([OTHERS], sum(number for _, number in rest))
        return [decisions]

    def _runs(self) -> list[Metric]:
        runs = GaugeMetricFamily("image_cluster_runs", "Runs of this service by state.", labels=["kind", "state"])
        last = GaugeMetricFamily(
            "image_cluster_run_succeeded_timestamp_seconds", "When the last run succeeded.", labels=["kind"]
        )
        kind, state = run_table.c.kind, run_table.c.state
        query = select(kind, state, func.count(), func.max(run_table.c.ended_at)).group_by(kind, state)
        with self._database.begin() as connection:
            rows = {(row[0], row[1]): (int(row[2]), row[3]) for row in connection.execute(query)}
        for each in KINDS:
            for named in STATES:
                runs.add_metric([each, named], rows.get((each, named), (0, None))[0])
            ended = rows.get((each, "succeeded"), (0, None))[1]
            if ended is not None:
                last.add_metric([each], ended)
        return [runs, last]

    def _queue(self) -> list[Metric]:
        queue = GaugeMetricFamily("image_cluster_queue_items", "Uploads and notifications by state.", labels=["state"])
        for state, number in self._items.counts().items():
            queue.add_metric([state], number)
        return [queue]


def _figures(snapshot: Snapshot, label: str) -> dict[tuple[str, ...], int]:
    """(metric, labels …) → number."""
    figures: dict[tuple[str, ...], int] = {
        ("clusters", label): len(snapshot.rows_by_cluster),
        ("named", label): sum(row["name"] is not None for row in snapshot.clusters.values()),
        ("review", label): sum(cluster in snapshot.rows_by_cluster for cluster in snapshot.reasons),
    }
    for status in STATUSES:
        figures["images", label, status] = len(snapshot.rows_by_state.get(status, ()))
    return figures


def _moment(snapshot: Snapshot) -> float:
    return datetime.fromisoformat(snapshot.base.updated_at).timestamp()
