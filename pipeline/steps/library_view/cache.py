"""Snapshots kept in memory, for a process that answers many requests.

What belongs here: when to build a new snapshot, and finding an image in all categories. Not here: the snapshot itself
(`snapshot.py`).
"""

import threading
from time import monotonic

from pipeline.steps.curation import Curation
from pipeline.steps.library_view.snapshot import Snapshot, make_snapshot
from pipeline.steps.library_view.tables import read_base, versions_of
from pipeline.steps.project import Project
from pipeline.storage.categories import read_slugs

LOOK_SECONDS = 0.5  # longest time that a change by another process stays unseen


class Library:
    """The snapshots of all categories. Thread-safe: one thread builds a snapshot, the others wait for it."""

    def __init__(self, project: Project, curation: Curation | None) -> None:
        self._project, self._curation = project, curation
        self._snapshots: dict[str, tuple[float, Snapshot]] = {}
        self._locks: dict[str, threading.Lock] = {}

    def slugs(self) -> dict[str, str]:
        """Slug → category."""
        return read_slugs(self._project.layout)

    def all(self) -> list[Snapshot]:
        return [self.get(slug) for slug in sorted(self.slugs())]

    def get(self, slug: str) -> Snapshot:
        """The snapshot of a category, at most `LOOK_SECONDS` old."""
        cached = self._snapshots.get(slug)
        if cached is not None and monotonic() - cached[0] < LOOK_SECONDS:
            return cached[1]
        with self._locks.setdefault(slug, threading.Lock()):
            cached = self._snapshots.get(slug)
            if cached is not None and monotonic() - cached[0] < LOOK_SECONDS:
                return cached[1]
            snapshot = self._refresh(slug, cached[1] if cached else None)
            self._snapshots[slug] = (monotonic(), snapshot)
            return snapshot

    def forget(self, slug: str) -> None:
        """Check the stored versions at the next use; to be called after a decision or a run."""
        cached = self._snapshots.get(slug)
        if cached is not None:
            self._snapshots[slug] = (float("-inf"), cached[1])

    def image(self, image_id: str) -> tuple[Snapshot, int] | None:
        """The category and row of an image."""
        for snapshot in self.all():
            row = snapshot.base.row_of.get(image_id)
            if row is not None:
                return snapshot, row
        return None

    def source(self, image_id: str) -> tuple[Snapshot, int] | None:
        """As `image`; the id of an image whose objects are clustered gives the row of one of them."""
        for snapshot in self.all():
            if rows := snapshot.base.objects_of.get(image_id):
                return snapshot, rows[0]
        return self.image(image_id)

    def _refresh(self, slug: str, previous: Snapshot | None) -> Snapshot:
        versions = versions_of(self._project, slug)
        same = previous is not None and previous.base.versions == versions
        decided = self._curation is not None and any(name == "identities" for name, _ in versions)
        last = self._curation.log.last(slug) if self._curation is not None and decided else 0
        if previous is not None and same and last == (previous.curated.events if previous.curated else 0):
            return previous
        base = previous.base if previous is not None and same else read_base(self._project, slug)
        return make_snapshot(self._project, base, self._curation, previous)
