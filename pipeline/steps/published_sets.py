"""Published sets: showing one to readers, accepting a candidate, rolling back, comparing two.

What belongs here: which set readers see, in the data directory and at every outlet, and the history of it. Not here:
building a set (`publish.py`), writing one (`storage/publications.py`, `adapters/outlets/`).
"""

from dataclasses import dataclass
from typing import Any

from pipeline.errors import CandidateError, ImageClusterError, MissingArtifactError
from pipeline.stages.published import changes as change_report
from pipeline.stages.published import news
from pipeline.stages.published.canonical import decode
from pipeline.steps.group_label import label_in_news
from pipeline.steps.project import Project
from pipeline.storage.categories import read_slugs
from pipeline.storage.history import (
    Candidate,
    Event,
    History,
    Publication,
    number_of,
    read_document,
    read_history,
    write_history,
)
from pipeline.storage.layout import CHANGES, published_set
from pipeline.storage.publications import drop_old_sets, swing


@dataclass(frozen=True)
class Done:
    """The outcome of accepting or rolling back, in a sentence; `changed` is False if there was nothing to do."""

    category: str
    version: str
    changed: bool
    text: str


def show_readers(
    project: Project,
    slug: str,
    history: History,
    version: str,
    event: Event,
    digest: str,
    headline: str,
    summary: dict[str, int],
) -> None:
    """Show a stored set to readers of the data directory, and record it. The caller holds the lock."""
    root = project.layout.published
    swing(root, slug, version)
    history.publications.append(Publication(version, project.now(), event, digest, headline, summary))
    if event != "rolled back":
        history.candidate, history.held = None, None
    _forget_old(history, project.settings.published.history)
    write_history(root, slug, history)
    waiting = {history.candidate.version} if history.candidate else set[str]()
    drop_old_sets(root, slug, {*history.versions(), *waiting})


def place_at_outlets(project: Project, slug: str, history: History) -> None:
    """Place the current publication at every outlet that does not have it. The caller holds the lock.

    A failing outlet does not stop the others. Its error is raised at the end, and the next run tries it again.
    """
    current = history.current
    if current is None:
        return
    from pipeline.adapters.outlets.registry import open_outlet

    wanted = {outlet.shown for outlet in project.settings.published.outlets}
    history.outlets = {name: version for name, version in history.outlets.items() if name in wanted}
    trouble: list[ImageClusterError] = []
    for outlet in project.settings.published.outlets:
        if history.outlets.get(outlet.shown) == current.version:
            continue
        project.talk.notice(f"Publishing to {outlet.shown} …")
        try:
            open_outlet(outlet, project.settings.source).place(
                slug, current.version, _files_of(project, slug, current.version)
            )
        except ImageClusterError as error:
            trouble.append(error)
        else:
            history.outlets[outlet.shown] = current.version
            write_history(project.layout.published, slug, history)
    if trouble:
        raise trouble[0]


def candidates(project: Project, slugs: list[str]) -> dict[str, Candidate]:
    """Slug → the candidate that waits to be accepted."""
    waiting = {slug: read_history(project.layout.published, slug).candidate for slug in slugs}
    return {slug: candidate for slug, candidate in waiting.items() if candidate is not None}


def accept(project: Project, slug: str, wanted: str) -> Done:
    """Publish a candidate, unchanged, here and at every outlet. Accepting it twice changes nothing.

    `wanted` is its version or the number in it. Raises `CandidateError` if there is no such candidate, or if the
    current publication is newer.
    """
    category = project.category_of(slug)
    with project.lock(slug):
        history = read_history(project.layout.published, slug)
        current, waiting = history.current, history.candidate
        if current is not None and _matches(current, wanted):
            place_at_outlets(project, slug, history)
            return Done(category, current.version, False, f"{current.version} of {category} is published already.")
        if waiting is None or not _matches(waiting, wanted):
            raise CandidateError(_no_candidate(category, wanted, history))
        show_readers(
            project, slug, history, waiting.version, "accepted", waiting.digest, waiting.headline, waiting.summary
        )
        place_at_outlets(project, slug, history)
    return Done(category, waiting.version, True, f"{waiting.version} of {category} is published: {waiting.headline}")


def rollback(project: Project, slug: str, wanted: str | None = None) -> Done:
    """Show readers an earlier set again, here and at every outlet; by default the one before the current.

    Later results wait as candidates until a person accepts one: a rolled-back result must not come back overnight.
    Raises `CandidateError` if there is no such version.
    """
    category = project.category_of(slug)
    with project.lock(slug):
        history = read_history(project.layout.published, slug)
        current = history.current
        if current is None:
            raise MissingArtifactError(f"Nothing of {category} is published yet, so there is nothing to go back to.")
        target = _rollback_target(category, history, wanted)
        if target.version == current.version:
            return Done(category, current.version, False, f"{current.version} of {category} is what readers see.")
        history.held = f"a person rolled {category} back from {current.version} to {target.version} at {project.now()}"
        if history.candidate is None:
            history.candidate = Candidate(
                current.version, project.now(), current.digest, current.headline, current.summary,
                [{"rule": "rolled_back", "text": history.held, "figures": {}}],
            )  # fmt: skip
        # written before readers see the old set: a crash between the two must not lose the hold
        write_history(project.layout.published, slug, history)
        show_readers(
            project, slug, history, target.version, "rolled back", target.digest, target.headline, target.summary
        )
        place_at_outlets(project, slug, history)
    places = 1 + len(project.settings.published.outlets)
    return Done(
        category, target.version, True,
        f"Readers of {category} see {target.version} again, as of {target.at} "
        f"({target.summary.get('clusters', 0):,} clusters, {target.summary.get('images', 0):,} images), "
        f"instead of {current.version}; in {places} place{'' if places == 1 else 's'}. New results wait until one is "
        f"accepted: image-cluster publish --accept {history.candidate.version if history.candidate else 'VERSION'} "
        f"--category {category}",
    )  # fmt: skip


def changes_since(project: Project, slug: str, since: str | None = None, until: str | None = None) -> dict[str, Any]:
    """changes.json of a publication, by default the current one: as published, or compared with an earlier one.

    `since` and `until` name a version, the number in it, or an RFC 3339 date or time in UTC; `until` also the candidate
    that waits. Raises `CandidateError` if the history has none such.
    """
    root, category = project.layout.published, project.category_of(slug)
    history = read_history(root, slug)
    if history.current is None:
        raise MissingArtifactError(f"Nothing of {category} is published yet. Run `image-cluster run SOURCE` first.")
    after = history.current.version if until is None else _named(history, category, until)
    if since is None:
        return decode((published_set(root, slug, after) / CHANGES).read_bytes())
    before = _named(history, category, since)
    return change_report.build_changes(read_document(root, slug, before), read_document(root, slug, after), {})


def markdown(project: Project, changes: dict[str, Any]) -> str:
    """The changes as Markdown."""
    category = changes["category"]
    named = next((slug for slug, name in read_slugs(project.layout).items() if name == category), None)
    return news.markdown(changes, label_in_news(project, named or project.slug_of(category), changes))


def _files_of(project: Project, slug: str, version: str) -> dict[str, bytes]:
    folder = published_set(project.layout.published, slug, version)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _forget_old(history: History, kept: int) -> None:
    newest = set(history.versions()[-kept:])
    history.publications = [publication for publication in history.publications if publication.version in newest]


def _matches(publication: Publication | Candidate, wanted: str) -> bool:
    return publication.version == wanted or (wanted.isdigit() and publication.number == int(wanted))


def _publication(history: History, wanted: str) -> Publication | None:
    return next((publication for publication in reversed(history.publications) if _matches(publication, wanted)), None)


def _named(history: History, category: str, wanted: str) -> str:
    """The version of a publication or of the candidate. Raises `CandidateError` with the newest."""
    waiting = history.candidate
    if waiting is not None and _matches(waiting, wanted):
        return waiting.version
    found = _publication(history, wanted) or _published_at(history, wanted)
    if found is None:
        raise CandidateError(f"There is no version or date {wanted} of {category}. {_newest_versions(history)}")
    return found.version


def _published_at(history: History, date: str) -> Publication | None:
    """The publication that readers saw at a time; a date means the end of that day."""
    if len(date) < len("2026-01-01") or not date[:4].isdigit():
        return None
    until = date if "T" in date else f"{date}T23:59:59Z"
    return next((publication for publication in reversed(history.publications) if publication.at <= until), None)


def _rollback_target(category: str, history: History, wanted: str | None) -> Publication:
    if wanted is not None:
        publication = _publication(history, wanted)
        if publication is None:
            raise CandidateError(f"There is no published version {wanted} of {category}. {_newest_versions(history)}")
        return publication
    versions = history.versions()
    number = number_of(versions[-1])
    older = [name for name in versions[:-1] if number_of(name) < number] or versions[:-1]
    if not older:
        raise CandidateError(f"{category} was published only once, so there is nothing before it to go back to.")
    return _publication(history, older[-1]) or history.publications[0]


def _no_candidate(category: str, wanted: str, history: History) -> str:
    current, waiting = history.current, history.candidate
    now = f" {waiting.version} is waiting." if waiting else " Nothing is waiting."
    number = number_of(wanted) or (int(wanted) if wanted.isdigit() else 0)
    if current is not None and 0 < number < current.number:
        return (
            f"{wanted} of {category} is older than what is published, {current.version} from {current.at}.{now} "
            "To go back to something that was published: image-cluster rollback --to VERSION."
        )
    return f"There is no candidate {wanted} of {category}.{now}"


def _newest_versions(history: History) -> str:
    rows = [f"{publication.version} ({publication.at})" for publication in reversed(history.publications)][:10]
    return f"The newest: {', '.join(rows)}." if rows else "Nothing is published yet."
