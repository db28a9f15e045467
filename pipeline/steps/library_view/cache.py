"""Snapshots kept in memory, for a process that answers many questions.

What belongs here: when a snapshot is made anew, and finding an image in all categories. Not here: what a
snapshot says (`snapshot.py`).
"""

import threading
from time import monotonic

from pipeline.steps.curation import Curation
from pipeline.steps.library_view.snapshot import Snapshot, make_snapshot
from pipeline.steps.library_view.tables import read_base, versions_of
from pipeline.steps.project import Project
from pipeline.storage.layout import read_slugs

LOOK_SECONDS = 0.5  # how long a change by another process may stay unseen


class Library:
    """The snapshots of all categories. Thread-safe; one thread makes a snapshot, the others wait for it."""

    def __init__(self, project: Project, curation: Curation | None) -> None:
        self._project, self._curation = project, curation
        self._held: dict[str, tuple[float, Snapshot]] = {}
        self._locks: dict[str, threading.Lock] = {}

    def slugs(self) -> dict[str, str]:
        """Slug → category."""
        return read_slugs(self._project.layout)

    def all(self) -> list[Snapshot]:
        return [self.get(slug) for slug in sorted(self.slugs())]

    def get(self, slug: str) -> Snapshot:
        """The snapshot of a known category, at most `LOOK_SECONDS` behind what is stored."""
        held = self._held.get(slug)
        if held is not None and monotonic() - held[0] < LOOK_SECONDS:
            return held[1]
        with self._locks.setdefault(slug, threading.Lock()):
            held = self._held.get(slug)
            if held is not None and monotonic() - held[0] < LOOK_SECONDS:
                return held[1]
            snapshot = self._renewed(slug, held[1] if held else None)
            self._held[slug] = (monotonic(), snapshot)
            return snapshot

    def forget(self, slug: str) -> None:
        """Look again at the next use: something was decided or computed just now."""
        held = self._held.get(slug)
        if held is not None:
            self._held[slug] = (float("-inf"), held[1])

    def image(self, image_id: str) -> tuple[Snapshot, int] | None:
        """The category and row of an image."""
        for snapshot in self.all():
            row = snapshot.base.row_of.get(image_id)
            if row is not None:
                return snapshot, row
        return None

    def _renewed(self, slug: str, held: Snapshot | None) -> Snapshot:
        versions = versions_of(self._project, slug)
        same = held is not None and held.base.versions == versions
        decided = self._curation is not None and any(name == "identities" for name, _ in versions)
        last = self._curation.log.last(slug) if self._curation is not None and decided else 0
        if held is not None and same and last == (held.curated.events if held.curated else 0):
            return held
        base = held.base if held is not None and same else read_base(self._project, slug)
        return make_snapshot(self._project, base, self._curation, held)
