"""Decisions are never lost in silence: what a publication was made from must still be there at the next run.

What belongs here: comparing the decisions that are there with those of the last publication, the copy that every
publication keeps, and the words that name the ways on. Not here: copies themselves (`storage/curation/copies.py`),
bringing one back (`restoring.py`), reading decisions (`curation.py`).

The record of a publication says how many events it was made from, with their digest and the database's identity. So a
database that is empty, gone, an older copy or another one altogether is told from the one that was published from,
also where somebody decided something in it meanwhile.
"""

import json
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import LostDecisionsError
from pipeline.steps.data_directory import DataDirectory
from pipeline.storage.curation import copies
from pipeline.storage.curation.reading import Reader
from pipeline.storage.history import Known, Loss, read_history, read_known, write_history
from pipeline.storage.layout import DOCUMENT

ACCEPT = "--accept-lost-decisions"


class DecisionGuard:
    """The comparison for one data directory. `place` says in words where the decisions are."""

    def __init__(self, data: DataDirectory, place: Callable[[], str]) -> None:
        self._data, self._place = data, place
        self._held: dict[str, tuple[Known, int]] = {}  # what was found to be there, and in which file of the reader

    @property
    def place(self) -> str:
        return self._place()

    def check(self, slug: str, log: Reader) -> None:
        """Raises `LostDecisionsError` where decisions of the last publication are not in `log`."""
        known = self.known(slug)
        last = log.last(slug)
        if known is None:
            lost = last == 0 and self._names_published(slug)
            if lost:
                self._refuse(slug, f"what is published of it has {lost} names, but {self.place} holds no decision")
            return
        if self._held.get(slug) == (known, log.generation) and last >= known.events:
            return
        if last < known.events:
            self._refuse(slug, f"it was published from {counted(known.events)}, but {self.place} holds "
                               f"{last or 'none'} of it")  # fmt: skip
        if known.events and log.digest(slug, known.events) != known.digest:
            self._refuse(slug, f"it was published from {counted(known.events)}, and {self.place} holds others "
                               "under the same numbers: it is another database, or it is damaged")  # fmt: skip
        if not known.events and last and _others(known.database, log.identity()):
            self._refuse(slug, f"it was published without decisions, and {self.place} is another database, with "
                               f"{counted(last)} about a category of this name")  # fmt: skip
        self._held[slug] = (known, log.generation)

    def known(self, slug: str) -> Known | None:
        """What the last publication was made from: its record, else that of the newest copy; None: nothing tells."""
        known = read_known(self._data.layout.published, slug)
        if known is not None:
            return known
        newest = next(iter(copies.newest_first(self._data.layout.copies)), None)
        held = newest.categories.get(slug) if newest else None
        return Known(held.events, held.digest, newest.database, newest.at) if newest and held else None

    def record(self, slug: str, log: Reader) -> Known:
        """What a publication is made from now."""
        last = log.last(slug)
        return Known(last, log.digest(slug, last) if last else "", log.identity(), self._data.now())

    def _names_published(self, slug: str) -> int:
        """Names come from decisions alone: a data directory without a record still tells that there were some."""
        path = self._data.layout.published / slug / DOCUMENT
        try:
            return sum(one["name"] is not None for one in json.loads(path.read_bytes())["clusters"])
        except (OSError, ValueError, KeyError, TypeError):  # nothing readable is published: nothing was lost from it
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
    """Go on without the decisions that are missing, on record; None where none is. Returns what was done in words."""
    try:
        guard.check(slug, log)
    except LostDecisionsError:
        with data.lock(slug):
            history = read_history(data.layout.published, slug)
            before, now = guard.known(slug), guard.record(slug, log)
            loss = Loss(data.now(), before.events if before else 0, now.events)
            history.decisions, history.losses = now, [*history.losses, loss]
            write_history(data.layout.published, slug, history)
        return (
            f"{data.category_of(slug)} goes on with {counted(now.events)}, without what was there before"
            f"{f' ({counted(before.events)})' if before else ''}. Copies of those stay in {data.layout.copies}."
        )
    return None


def ways_on(data: DataDirectory) -> str:
    """The commands that bring decisions back, with the newest good copy."""
    found = copies.best(copies.newest_first(data.layout.copies))
    own = f"  bring back another copy:   image-cluster restore FILE{_out(data)}"
    if found is None:
        return f"There is no good copy in {data.layout.copies}. Ways on:\n{own}"
    return (
        f"The newest good copy holds {counted(found.events)} as of {found.at}: {found.file}. Ways on:\n"
        f"  bring it back:             image-cluster restore latest{_out(data)}\n{own}"
    )


def keep_copy(data: DataDirectory, log: Reader) -> Path | None:
    """A verified copy of the decisions, unless the newest one holds the same. Raises `BackupError`."""
    made = copies.keep_copy(log, data.layout.copies, data.now())
    return made.file if made else None


def counted(count: int) -> str:
    """A number of decisions in words."""
    return "1 decision" if count == 1 else f"{count:,} decisions"


def _others(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other


def _out(data: DataDirectory) -> str:
    folder = data.settings.data_dir
    return "" if folder == Path("data") else f" --out {folder}"
