"""Whether a data directory keeps every promise, line by line; and mending what can be mended safely.

What belongs here: the order of the questions, waiting for nobody, and mending. Not here: the questions (`category.py`,
`whole.py`), mending a result (`storage/healing.py`).

Nothing is changed without `repair`, and decisions never are. A category that another process holds is told as busy and
not judged. A run that was stopped half-way is no fault: the next one goes on from there.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from pipeline.errors import DamagedFileError, ImageClusterError, MissingArtifactError
from pipeline.steps.doctor import category, whole
from pipeline.steps.doctor.finding import Finding
from pipeline.steps.project import Project
from pipeline.storage.layout import Layout, read_slugs

Question = Callable[[Project, str], Iterable[Finding]]
OF_A_CATEGORY: dict[str, Question] = {
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
    """The answers, in order; with `repair`, each fault that can be mended safely is mended before the next question.

    Raises `MissingArtifactError` where there is no data directory.
    """
    root = project.settings.data_dir
    if not Layout(root).marker.exists() and not Layout(root).slugs.exists():
        raise MissingArtifactError(f"There is no data directory {root}. Run `image-cluster run SOURCE` first.")
    first = _mended(whole.directory(root), repair=repair)
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
                    yield _mended(finding, repair=repair)
    if not names:
        for check, question in {"thumbnails": whole.thumbnails, "leftovers": whole.leftovers}.items():
            if not busy:
                for finding in _answers(project, "", question, check):
                    yield _mended(finding, repair=repair)


def _answers(project: Project, slug: str, question: Question, check: str) -> Iterator[Finding]:
    """The answers to one question; one that cannot be asked because of another fault says so."""
    try:
        yield from question(project, slug)
    except (DamagedFileError, MissingArtifactError) as error:
        yield Finding(check, slug, "fault", str(error).splitlines()[0], "mend the results first, then look again")
    except ImageClusterError as error:
        text, _, remedy = str(error).partition("\n")
        yield Finding(check, slug, "fault", text, remedy)


def _mended(finding: Finding, *, repair: bool) -> Finding:
    if finding.state != "fault" or finding.mend is None or not repair:
        return finding
    try:
        done = finding.mend()
    except (ImageClusterError, OSError) as error:
        return replace(finding, text=f"{finding.text}; it could not be mended: {error}")
    return replace(finding, state="repaired", text=f"{finding.text}; {done}", remedy="")
