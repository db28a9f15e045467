"""All results → the published documents, in the data directory and at the outlets.

What belongs here: holding back results that a person should see first, skipping results that cannot have changed. Not
here: the files of a result (`published_result.py`), the rules of the guard (`stages/published/guard.py`), accepting,
rolling back and comparing publications (`published_sets.py`).
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.runtime.versions import version_of
from pipeline.stages.published import canonical, guard, news, schema
from pipeline.stages.published import changes as change_report
from pipeline.steps.decision_guard import keep_copy
from pipeline.steps.group_label import label_in_news
from pipeline.steps.labels import compare_command
from pipeline.steps.library_view.published import PACKAGES
from pipeline.steps.project import Project, Report, timed
from pipeline.steps.published_result import Result, Summary, build_result, files_of, warning_of
from pipeline.steps.published_sets import place_at_outlets, show_readers
from pipeline.steps.units import current_units
from pipeline.storage.artifacts import digest as digest_of
from pipeline.storage.files import file_digest, write_atomically
from pipeline.storage.history import DIGEST_LETTERS, Candidate, History, read_document, read_history, write_history
from pipeline.storage.layout import CHANGES, PAGE, published_set
from pipeline.storage.publications import drop_old_sets, linked_version, stage_set, swing

CODE = 2  # increase when the same inputs give another result
GATHERED = ("images", "embeddings", "duplicates", "reduced", "labels", "identities", "representatives")


@dataclass(frozen=True)
class Held:
    """A result that waits for a person: its version, its page, and why it was not published."""

    candidate: str
    page: Path
    reasons: tuple[str, ...]


@dataclass
class PublishReport(Report):
    """`version` is what readers see; `headline` and `changes` (Markdown) tell what the last result changed.

    `warning`: about the clusters, for a person. `held`: the result, if readers do not see it yet.
    """

    headline: str = ""
    changes: str = ""
    version: str = ""
    warning: str = ""
    held: Held | None = None


def publish(project: Project, slug: str) -> PublishReport:
    """Publish one category; does nothing if only the time would change.

    A result that the guard holds back, or that follows a rollback, becomes a candidate (`held`), and readers keep the
    current publication. Raises `PublishRefusedError` for an invalid document.
    """
    report = PublishReport("published", project.category_of(slug))
    with project.lock(slug), timed(report):
        history = read_history(project.layout.published, slug)
        decisions_changed = _keep_decisions(project, slug, history)
        made: Result | None = None
        summary = _last_summary(project, slug, history)
        if summary is None:
            made = build_result(project, slug)
            summary = made.summary
        digest = summary.digest
        if history.current is not None and _has_digest(history.current.version, digest):
            report.unchanged = True
            _clear_candidate(project, slug, history)
        elif history.candidate is not None and _has_digest(history.candidate.version, digest):
            report.unchanged = True
        elif made is not None:
            _new_result(project, slug, history, made)
        if decisions_changed:
            write_history(project.layout.published, slug, history)
        place_at_outlets(project, slug, history)
        if made is not None:
            _remember(project, slug, made)
    _describe(report, project, slug, history)
    report.counts = dict(summary.counts)
    report.warning = warning_of(project, slug, summary.counts, project.where)
    report.effective = summary.settings
    return report


def _keep_decisions(project: Project, slug: str, history: History) -> bool:
    """Check that no decision is missing, copy all decisions, and record them as the source of this result.

    Returns whether the record changed. Later decisions belong to the record of the next publication.
    """
    curation = project.curation
    record = curation.guard.record(slug, curation.checked(slug))
    keep_copy(project, curation.log)
    if record.same(history.decisions):
        return False
    history.decisions = record
    return True


def _inputs_digest(project: Project, slug: str) -> str:
    """A digest of all inputs of a result except the time: stored versions, decisions, settings.

    Empty if an input is not stored yet.
    """
    artifacts = {name: project.store.current(slug, name) for name in GATHERED}
    if (current := current_units(project.store, slug)) is not None and current.name != "images":
        artifacts["objects"] = current
    if not all(artifacts.values()):
        return ""
    versions = [
        [name, stored.provenance.version, stored.provenance.fingerprint] for name, stored in artifacts.items() if stored
    ]
    log = project.curation.log
    flags = [[flag.cluster, flag.kind, flag.key, flag.text, flag.after_event] for flag in log.flags(slug)]
    packages = [version_of(name) for name in ("image-cluster", *PACKAGES)]
    settings = project.settings.model_dump(mode="json", exclude={"data_dir", "data"})
    return digest_of(CODE, project.category_of(slug), versions, len(log.events(slug)), flags, packages, settings)


def _last_summary(project: Project, slug: str, history: History) -> Summary | None:
    """The summary of the last result, if its inputs are unchanged and it still exists; else None."""
    path = project.layout.last_published(slug)
    if not path.exists():
        return None
    try:
        values: dict[str, Any] = json.loads(path.read_bytes())
        made_of, summary = values["made_of"], Summary(values["digest"], values["counts"], values["settings"])
    except (ValueError, KeyError, TypeError):  # a damaged cache counts as none
        return None
    there = [publication.version for publication in (history.current, history.candidate) if publication is not None]
    still_there = any(_has_digest(name, summary.digest) for name in there)
    return summary if still_there and made_of == _inputs_digest(project, slug) else None


def _remember(project: Project, slug: str, made: Result) -> None:
    """Store the summary for the next run. It is a cache: without it, the result is built once more."""
    if made_of := _inputs_digest(project, slug):
        data = json.dumps({"made_of": made_of, **asdict(made.summary)}, indent=1).encode()
        write_atomically(project.layout.last_published(slug), data)


def _new_result(project: Project, slug: str, history: History, made: Result) -> None:
    """Write the complete set; show it to readers, or keep it as a candidate if the guard has concerns."""
    root, view, document, digest = project.layout.published, made.view, made.document, made.summary.digest
    previous = read_document(root, slug, history.current.version) if history.current else None
    changes = change_report.build_changes(previous, document, change_report.fates_of(view))
    schema.validate_changes(changes)
    concerns = guard.examine(
        previous,
        document,
        project.settings.published.guard,
        ended_by_people=view.ended_by_people,
        shaped_by_people=view.shaped_by_people,
        decided_names=project.curation.decided_names(slug),
    )
    if history.held is not None:
        concerns.append(guard.Concern("rolled_back", history.held, {}))
    name = history.next_version(digest)
    folder = stage_set(root, slug, name, files_of(project, slug, made, changes))
    history.files[name] = {path.name: file_digest(path) for path in sorted(folder.iterdir())}
    headline, summary = news.headline(changes), dict(document["summary"])
    if concerns:
        history.candidate = Candidate(
            name, project.now(), digest, headline, summary, [asdict(concern) for concern in concerns]
        )
        write_history(root, slug, history)
        drop_old_sets(root, slug, {*history.versions(), name})
    else:
        show_readers(project, slug, history, name, "published", digest, headline, summary)


def _clear_candidate(project: Project, slug: str, history: History) -> None:
    """The current publication is up to date, so drop the candidate and end a rollback."""
    root, current = project.layout.published, history.current
    if current is not None and linked_version(root, slug) is None:  # someone deleted the link
        swing(root, slug, current.version)
    if history.candidate is not None or history.held is not None:
        history.candidate, history.held = None, None
        write_history(root, slug, history)
        drop_old_sets(root, slug, set(history.versions()))


def _has_digest(version_name: str, digest: str) -> bool:
    return version_name.endswith(f"-{digest[:DIGEST_LETTERS]}")


def _describe(report: PublishReport, project: Project, slug: str, history: History) -> None:
    """Fill in the report: headline and table of the last changes, and the reasons if it was held back."""
    root, current, waiting = project.layout.published, history.current, history.candidate
    shown = waiting or current
    if shown is None or current is None:
        return
    folder = published_set(root, slug, shown.version)
    changes = canonical.decode((folder / CHANGES).read_bytes())
    report.path = root / slug
    report.data_version = current.digest
    report.facts = {"bytes": sum(path.stat().st_size for path in folder.iterdir())}
    report.version = current.version
    report.changes = news.markdown(changes, label_in_news(project, slug, changes))
    report.headline = news.headline(changes)
    if changes["previousGeneratedAt"] is None and (document := read_document(root, slug, shown.version)):
        levels = news.other_levels(document, compare_command(project, slug, project.where))
        report.headline = f"{report.headline} {levels}".strip()
    if waiting is not None:
        reasons = tuple(concern["text"] for concern in waiting.concerns)
        report.headline = f"Not published: {'; '.join(reasons)}."
        report.held = Held(waiting.version, folder / PAGE, reasons)
