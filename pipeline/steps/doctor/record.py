"""Check and repair of a category's publishing history, `published/.history/SLUG.json`.

What belongs here: telling that the history is missing or unreadable, and rebuilding it from the complete sets on disk.
Not here: reading and writing it (`storage/history.py`), the sets themselves (`category.py`).

A rebuilt history has the version and time of each complete set. It lacks outlets, accepted losses and digests of files:
nothing else on disk has them.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pipeline.errors import DamagedFileError
from pipeline.steps.doctor.finding import REPAIR, Finding, many
from pipeline.steps.project import Project
from pipeline.storage import integrity
from pipeline.storage.history import (
    Candidate,
    History,
    Publication,
    number_of,
    publication_of_set,
    read_history,
    write_history,
)
from pipeline.storage.layout import published_record, published_set
from pipeline.storage.publications import linked_version

_BACKUP = "bring it back from a backup of the data directory"


def history(project: Project, slug: str) -> Iterator[Finding]:
    """Checks that the publishing history is there and readable, if anything was published."""
    root = project.layout.published
    path = published_record(root, slug)
    if path.exists():
        try:
            count = len(read_history(root, slug).publications)
        except DamagedFileError as error:
            yield _fault(root, slug, str(error).partition(". ")[0])
        else:
            yield Finding("history", slug, "ok", f"{many(count, 'publication')} recorded")
        return
    if linked_version(root, slug) is None and not integrity.unlisted_sets(root, slug, ()):
        yield Finding("history", slug, "ok", "nothing is published yet")
        return
    yield _fault(root, slug, f"{path} is gone")


def _fault(root: Path, slug: str, text: str) -> Finding:
    complete = integrity.complete_sets(root, slug)
    if linked_version(root, slug) in complete:
        remedy = f"{_BACKUP}, or rebuild it from {many(len(complete), 'complete set')}: {REPAIR}"
        return Finding("history", slug, "fault", text, remedy, partial(_rebuild, root, slug, complete))
    remedy = f"{_BACKUP}; it cannot be rebuilt, because {root / slug} leads to no complete set"
    return Finding("history", slug, "fault", text, remedy)


def _rebuild(root: Path, slug: str, complete: list[str]) -> str:
    path, shown = published_record(root, slug), str(linked_version(root, slug))
    if path.exists():  # unreadable for us, but a person may still read a part of it
        path.replace(path.with_name(f"{path.name}.damaged"))
    write_history(root, slug, _history_of(root, slug, complete, shown))
    return f"it was rebuilt from {many(len(complete), 'complete set')}; readers still see {shown}"


def _history_of(root: Path, slug: str, complete: list[str], shown: str) -> History:
    """The history of complete sets, of which readers see `shown`.

    A newer set than `shown` waited for a person or was rolled back. Nothing tells which, so it waits.
    """
    sets = {version: publication_of_set(published_set(root, slug, version), version) for version in complete}
    newer = [version for version in complete if number_of(version) > number_of(shown)]
    waiting = newer[-1] if newer else None
    before = [publication for version, publication in sets.items() if version not in (shown, waiting)]
    history = History(publications=[*before, sets[shown]])
    if waiting is not None:
        history.candidate = _candidate(sets[waiting])
        history.held = "the history was lost, and a set newer than the one that readers see was found"
    return history


def _candidate(publication: Publication) -> Candidate:
    text = "the history was lost: this set waited for a person, or it was rolled back"
    return Candidate(
        publication.version, publication.at, publication.digest, publication.headline, publication.summary,
        [{"rule": "history_lost", "text": text, "figures": {}}],
    )  # fmt: skip
