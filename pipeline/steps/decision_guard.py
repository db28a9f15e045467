"""Detects lost decisions: every decision behind the last publication must still be there at the next run.

What belongs here: comparing the present decisions with those of the last publication, the copy that every publication
keeps, and the error text with its remedies. Not here: copies themselves (`storage/curation/copies.py`), restoring one
(`backup.py`, `storage/curation/restoring.py`), reading decisions (`curation.py`).

The record of a publication holds the number of its events, their digest and the database's identity. It therefore
detects a database that is empty, missing, an older copy or a different one, even after new decisions were made in it.
A mark beside the database tells whether decisions were made that no publication used (`storage/curation/marker.py`).
"""

import json
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import LostDecisionsError
from pipeline.steps.data_directory import DataDirectory
from pipeline.storage.curation import copies, marker
from pipeline.storage.curation.reading import Reader
from pipeline.storage.history import DecisionRecord, Loss, read_decisions, read_history, write_history
from pipeline.storage.layout import DOCUMENT

ACCEPT = "--accept-lost-decisions"


class DecisionGuard:
    """The comparison for one data directory. `place` returns a description of the database for messages."""

    def __init__(self, data: DataDirectory, place: Callable[[], str]) -> None:
        self._data, self._place = data, place
        self._verified: dict[
            str, tuple[DecisionRecord, int]
        ] = {}  # slug → verified record, and generation of the reader

    @property
    def place(self) -> str:
        return self._place()

    def check(self, slug: str, log: Reader) -> None:
        """Raises `LostDecisionsError` when decisions of the last publication are missing from `log`."""
        record = self.last_record(slug)
        # before the database is read: another process may be making the first decision
        marked = not (record and record.events) and marker.was_decided(self._data.layout, slug)
        last = log.last(slug)
        if record is None:
            lost = last == 0 and self._names_published(slug)
            if lost:
                self._refuse(slug, f"what is published of it has {lost} names, but {self.place} holds no decision")
        if marked and not last:
            self._refuse(slug, f"{self._data.layout.decided} tells that some were made, but {self.place} holds none")
        if record is None:
            return
        if self._verified.get(slug) == (record, log.generation) and last >= record.events:
            return
        if last < record.events:
            self._refuse(slug, f"it was published from {counted(record.events)}, but {self.place} holds "
                               f"{last or 'none'} of it")  # fmt: skip
        if record.events and log.digest(slug, record.events) != record.digest:
            self._refuse(slug, f"it was published from {counted(record.events)}, and {self.place} holds others "
                               "under the same numbers: it is another database, or it is damaged")  # fmt: skip
        if not record.events and last and _differ(record.database, log.identity()):
            self._refuse(slug, f"it was published without decisions, and {self.place} is another database, with "
                               f"{counted(last)} about a category of this name")  # fmt: skip
        self._verified[slug] = (record, log.generation)

    def last_record(self, slug: str) -> DecisionRecord | None:
        """The decisions of the last publication: from its record, else from the newest copy, else None."""
        record = read_decisions(self._data.layout.published, slug)
        if record is not None:
            return record
        newest = next(iter(copies.newest_first(self._data.layout.copies)), None)
        kept = newest.categories.get(slug) if newest else None
        return DecisionRecord(kept.events, kept.digest, newest.database, newest.at) if newest and kept else None

    def had_decisions(self, slug: str) -> bool:
        """Whether anything outside the database tells that there are decisions about a category."""
        record = self.last_record(slug)
        if marker.was_decided(self._data.layout, slug):
            return True
        return record.events > 0 if record else self._names_published(slug) > 0

    def record(self, slug: str, log: Reader) -> DecisionRecord:
        """The decisions of a publication that is made now."""
        last = log.last(slug)
        return DecisionRecord(last, log.digest(slug, last) if last else "", log.identity(), self._data.now())

    def _names_published(self, slug: str) -> int:
        """How many clusters are published with a name. Only decisions give names, so this works without a record."""
        path = self._data.layout.published / slug / DOCUMENT
        try:
            return sum(cluster["name"] is not None for cluster in json.loads(path.read_bytes())["clusters"])
        except (OSError, ValueError, KeyError, TypeError):  # nothing readable is published, so nothing was lost
            return 0

    def _refuse(self, slug: str, what: str) -> None:
        category = self._data.category_of(slug)
        raise LostDecisionsError(
            f"Decisions about {category} are missing: {what}. Nothing was published or changed.\n"
            f"{ways_on(self._data)}\n"
            "  another database is meant: correct curation.database_url or IMAGE_CLUSTER_DATABASE_URL\n"
            f"  begin anew without them:   image-cluster publish {ACCEPT} --category {category}{_out(self._data)}"
        )


def accept_loss(data: DataDirectory, slug: str, guard: DecisionGuard, log: Reader) -> str | None:
    """Continue without the missing decisions, and record the loss. Returns what was done in words, None if no loss."""
    try:
        guard.check(slug, log)
    except LostDecisionsError:
        with data.lock(slug):
            history = read_history(data.layout.published, slug)
            before, now = guard.last_record(slug), guard.record(slug, log)
            loss = Loss(data.now(), before.events if before else 0, now.events)
            history.decisions, history.losses = now, [*history.losses, loss]
            write_history(data.layout.published, slug, history)
            if not now.events:
                marker.forget(data.layout, slug)
        return (
            f"{data.category_of(slug)} goes on with {counted(now.events)}, without what was there before"
            f"{f' ({counted(before.events)})' if before else ''}. Copies of those stay in {data.layout.copies}."
        )
    return None


def ways_on(data: DataDirectory) -> str:
    """The commands that restore decisions, with the newest good copy."""
    newest = copies.best(copies.newest_first(data.layout.copies))
    own = f"  bring back another copy:   image-cluster restore FILE{_out(data)}"
    if newest is None:
        return f"There is no good copy in {data.layout.copies}. Ways on:\n{own}"
    return (
        f"The newest good copy holds {counted(newest.events)} as of {newest.at}: {newest.file}. Ways on:\n"
        f"  bring it back:             image-cluster restore latest{_out(data)}\n{own}"
    )


def keep_copy(data: DataDirectory, log: Reader) -> Path | None:
    """Make a verified copy of the decisions, unless the newest copy is equal. Raises `BackupError`."""
    made = copies.keep_copy(log, data.layout.copies, data.now())
    return made.file if made else None


def counted(count: int) -> str:
    """A number of decisions in words."""
    return "1 decision" if count == 1 else f"{count:,} decisions"


def _differ(first: str | None, second: str | None) -> bool:
    return first is not None and second is not None and first != second


def _out(data: DataDirectory) -> str:
    folder = data.settings.data_dir
    return "" if folder == Path("data") else f" --out {folder}"
