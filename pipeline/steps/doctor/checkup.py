"""Runs all checks of a data directory, and repairs what is safe to repair.

What belongs here: the order of the checks, skipping locked categories, and repairs. Not here: the checks
(`category.py`, `whole.py`), repairing an artefact (`storage/healing.py`).

Without `repair` nothing changes, and decisions never change. A category that another process has locked is reported as
busy and not checked. A run that was stopped is no fault: the next one continues it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from pipeline.errors import DamagedArtifactError, DamagedFileError, ImageClusterError, MissingArtifactError
from pipeline.steps.doctor import category, record, whole
from pipeline.steps.doctor.finding import Finding
from pipeline.steps.project import Project
from pipeline.storage.categories import read_slugs
from pipeline.storage.layout import Layout

Question = Callable[[Project, str], Iterable[Finding]]
OF_A_CATEGORY: dict[str, Question] = {
    "history": record.history,  # first, because counts, published and leftovers read it
    "results": category.results,
    "ids": category.ids,
    "counts": category.counts,
    "vectors": category.vectors,
    "contents": category.contents,
    "published": category.published,
    "leftovers": category.leftovers,
    "decisions": category.decisions,
}


def examine(project: Project, wanted: Iterable[str] = (), *, repair: bool = False) -> Iterator[Finding]:
    """The results in order. With `repair`, each fault that is safe to repair is repaired before the next check.

    Raises `MissingArtifactError` if there is no data directory.
    """
    root = project.settings.data_dir
    if not Layout(root).marker.exists() and not Layout(root).slugs.exists():
        raise MissingArtifactError(f"There is no data directory {root}. Run `image-cluster run SOURCE` first.")
    first = _repair(whole.directory(root), repair=repair)
    yield first
    if first.state == "fault":
        return
    names = [project.slug_of(name) for name in wanted]
    slugs, busy = names or sorted(read_slugs(project.layout)), False
    for finding in _answers(project, "", whole.database, "decisions"):
        yield finding
    for slug in slugs:
        with project.lock_if_free(slug) as free:
            if not free:
                busy = True
                yield Finding("lock", slug, "busy", "a process works on it, so it was not judged",
                              "look again when that has ended")  # fmt: skip
                continue
            for check, question in OF_A_CATEGORY.items():
                for finding in _answers(project, slug, question, check):
                    yield _repair(finding, repair=repair)
    if not names:
        for check, question in {"thumbnails": whole.thumbnails, "leftovers": whole.leftovers}.items():
            if not busy:
                for finding in _answers(project, "", question, check):
                    yield _repair(finding, repair=repair)


def _answers(project: Project, slug: str, question: Question, check: str) -> Iterator[Finding]:
    """The results of one check. A check that fails because of another fault reports that fault."""
    try:
        yield from question(project, slug)
    except (DamagedArtifactError, MissingArtifactError) as error:
        yield Finding(check, slug, "fault", str(error).splitlines()[0], "mend the results first, then look again")
    except DamagedFileError as error:
        text, _, remedy = str(error).partition(". ")
        yield Finding(check, slug, "fault", text, remedy)
    except ImageClusterError as error:
        text, _, remedy = str(error).partition("\n")
        yield Finding(check, slug, "fault", text, remedy)


def _repair(finding: Finding, *, repair: bool) -> Finding:
    if finding.state != "fault" or finding.mend is None or not repair:
        return finding
    try:
        done = finding.mend()
    except (ImageClusterError, OSError) as error:
        return replace(finding, text=f"{finding.text}; it could not be mended: {error}")
    return replace(finding, state="repaired", text=f"{finding.text}; {done}", remedy="")
