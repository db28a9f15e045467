"""Backup and restore of decisions.

What belongs here: which copy is meant, whether it may replace the present decisions, and what was done in words. Not
here: the copies of every publication (`decision_guard.py`), files and rows (`storage/curation/`).
"""

from pathlib import Path

from pipeline.errors import BackupError, CurationDatabaseError, DamagedDatabaseError
from pipeline.steps.decision_guard import counted
from pipeline.steps.project import Project
from pipeline.storage.curation import copies
from pipeline.storage.curation.copies import CategoryEvents, Copy
from pipeline.storage.curation.reading import Reader, SqliteFile

LATEST = "latest"


def backup(project: Project, file: Path | None) -> Copy:
    """Make a verified copy of all decisions, in `file` or beside the copies of publications. Raises `BackupError`."""

    log = project.curation.log
    if not any(log.counts().values()):
        raise BackupError(f"Nothing was decided in {project.settings.data_dir} yet, so there is nothing to copy.")
    if file is not None and file.exists():
        raise BackupError(f"{file} is there already. Name a file that is not: a copy never replaces another one.")
    if file is not None:
        return copies.make_copy(log, file, project.now())
    made = copies.keep_copy(log, project.layout.copies, project.now())
    newest = made or copies.best(copies.newest_first(project.layout.copies))
    if newest is None:
        raise BackupError(
            f"The copies in {project.layout.copies} are damaged. Copy to a file: image-cluster backup FILE"
        )
    return newest


def restore(project: Project, wanted: str, *, replace: bool = False) -> str:
    """Restore a copy, `latest` or a file; returns what was done in words. The decisions before it are kept aside.

    Raises `BackupError` if there is no such copy, or if it lacks present decisions and `replace` is False.
    """
    from pipeline.steps.curation import database_of
    from pipeline.storage.curation import restoring
    from pipeline.storage.curation.store import CurationStore

    copy = _find_copy(project, wanted)
    url, file = database_of(project)
    aside = project.layout.replaced(project.now())
    if file is not None:
        there = file.exists() and file.stat().st_size > 0
        kept = restoring.set_aside(file, aside) if there else None
        if not restoring.is_damaged(file):
            _refuse_to_lose(SqliteFile(file), copy, replace=replace)
        restoring.replace_file(copy.file, file)
    else:
        store = CurationStore(str(url))
        ours = sorted(copy.categories)
        _refuse_to_lose(store, copy, replace=replace)
        kept = copies.make_copy(store, aside, project.now()).file if any(store.counts().values()) else None
        restoring.replace_rows(copy.file, store, ours)
        store.close()
    before = f" What was there before is kept in {kept}." if kept else ""
    return f"{counted(copy.events)} {'is' if copy.events == 1 else 'are'} back{_as_of(copy)}, from {copy.file}.{before}"


def _find_copy(project: Project, wanted: str) -> Copy:
    if wanted != LATEST:
        return copies.read_copy(Path(wanted))
    newest = copies.best(copies.newest_first(project.layout.copies))
    if newest is None:
        raise BackupError(f"There is no good copy in {project.layout.copies}. Name a file: image-cluster restore FILE")
    return newest


def _refuse_to_lose(log: Reader, copy: Copy, *, replace: bool) -> None:
    """The copy must start with all present decisions, unless `replace` is True. Raises `BackupError`."""
    try:
        present = copies.contents(log)
        lacking = [slug for slug, decisions in present.items() if _lacks(log, slug, decisions, copy)]
    except (CurationDatabaseError, DamagedDatabaseError):  # unreadable decisions cannot be compared; they are set aside
        return
    if lacking and not replace:
        figures = ", ".join(
            f"{slug} has {present[slug].events:,}, the copy {copies.count(copy, slug):,}" for slug in lacking
        )
        raise BackupError(
            f"The copy {copy.file} lacks decisions that are there ({figures}), so nothing was changed. To put it in "
            "their place all the same (what is there is kept aside): image-cluster restore --replace"
        )


def _lacks(log: Reader, slug: str, decisions: CategoryEvents, copy: Copy) -> bool:
    if copies.count(copy, slug) < decisions.events:
        return True
    return SqliteFile(copy.file).digest(slug, decisions.events) != log.digest(slug, decisions.events)


def _as_of(copy: Copy) -> str:
    return f", as of {copy.at}" if copy.at else ""
