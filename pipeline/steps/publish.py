"""Everything computed → the published documents, in the data directory and at the outlets.

What belongs here: refusing what does not hold, holding back what a person should see first. Not here: the view that is
published (`gather.py`), what the documents say and what the guard looks at (`stages/published/`), accepting, rolling
back and telling what was published (`published_sets.py`).
"""

from dataclasses import asdict
from typing import Any

from pipeline.stages.images import IMAGES_SCHEMA
from pipeline.stages.published import changes as change_report
from pipeline.stages.published import document as documents
from pipeline.stages.published import duplicates as twins
from pipeline.stages.published import guard, news, page, schema, website
from pipeline.steps.duplicates import published_duplicates
from pipeline.steps.gather import gather
from pipeline.steps.project import Project, Report, timed
from pipeline.steps.published_sets import place_at_outlets, show_readers
from pipeline.storage.history import DIGEST_LETTERS, Candidate, History, read_document, read_history, write_history
from pipeline.storage.publications import drop_old_sets, linked_version, stage_set, swing


def publish(project: Project, slug: str) -> Report:
    """Publish one category; a no-op when nothing but the time would change.

    A result that the guard holds back, or that follows a rollback, becomes a candidate: `facts["held"]` then says why,
    and readers keep what they have. Raises `PublishRefusedError` for a document that does not hold.
    """
    report = Report("published", project.category_of(slug))
    with project.lock(slug), timed(report):
        view = gather(project, slug)
        document = documents.build_document(view, generated_at=project.now())
        schema.validate(document)
        digest = twins.digest_with(documents.content_digest(document), published_duplicates(project, slug))
        root = project.layout.published
        history = read_history(root, slug)
        if history.current is not None and _says(history.current.version, digest):
            report.unchanged = True
            _settle(project, slug, history)
        elif history.candidate is not None and _says(history.candidate.version, digest):
            report.unchanged = True
        else:
            _new_result(project, slug, history, view, document, digest)
        place_at_outlets(project, slug, history)
    _describe(report, project, slug, history)
    report.counts = dict(document["summary"])
    report.counts["largest"] = max((cluster["size"] for cluster in document["clusters"]), default=0)
    report.effective = document["settings"]
    return report


def _new_result(
    project: Project,
    slug: str,
    history: History,
    view: documents.LibraryView,
    document: dict[str, Any],
    digest: str,
) -> None:
    """Write the set whole; let readers see it, unless something speaks against that."""
    root = project.layout.published
    previous = read_document(root, slug, history.current.version) if history.current else None
    changes = change_report.build_changes(previous, document, change_report.fates_of(view))
    schema.validate_changes(changes)
    concerns = guard.examine(
        previous,
        document,
        project.settings.published.guard,
        ended_by_people=view.ended_by_people,
        shaped_by_people=view.shaped_by_people,
    )
    if history.held is not None:
        concerns.append(guard.Concern("rolled_back", history.held, {}))
    name = history.next_version(digest)
    stage_set(root, slug, name, _files(project, slug, document, changes))
    headline, summary = news.headline(changes), dict(document["summary"])
    if concerns:
        history.candidate = Candidate(
            name, project.now(), digest, headline, summary, [asdict(concern) for concern in concerns]
        )
        write_history(root, slug, history)
        drop_old_sets(root, slug, {*history.versions(), name})
    else:
        show_readers(project, slug, history, name, "published", digest, headline, summary)


def _settle(project: Project, slug: str, history: History) -> None:
    """What is published is what is computed: whatever was held back is outdated, and a rollback has done its work."""
    root, current = project.layout.published, history.current
    if current is not None and linked_version(root, slug) is None:  # someone deleted the link
        swing(root, slug, current.version)
    if history.candidate is not None or history.held is not None:
        history.candidate, history.held = None, None
        write_history(root, slug, history)
        drop_old_sets(root, slug, set(history.versions()))


def _says(version_name: str, digest: str) -> bool:
    return version_name.endswith(f"-{digest[:DIGEST_LETTERS]}")


def _describe(report: Report, project: Project, slug: str, history: History) -> None:
    """What people see of it: the sentence and the table of the last change, and what was held back."""
    root, current, waiting = project.layout.published, history.current, history.candidate
    shown = waiting or current
    if shown is None or current is None:
        return
    folder = root / ".versions" / slug / shown.version
    changes = documents.decode((folder / "changes.json").read_bytes())
    report.path = root / slug
    report.data_version = current.digest
    report.facts = {
        "headline": news.headline(changes),
        "changes": news.markdown(changes),
        "bytes": sum(path.stat().st_size for path in folder.iterdir()),
        "version": current.version,
    }
    if waiting is not None:
        report.facts |= {
            "headline": f"Not published: {'; '.join(one['text'] for one in waiting.concerns)}.",
            "held": [one["text"] for one in waiting.concerns],
            "candidate": waiting.version,
            "candidate_page": str(folder / "clusters.html"),
        }


def _files(project: Project, slug: str, document: dict[str, Any], changes: dict[str, Any]) -> dict[str, bytes]:
    images = project.store.require(slug, "images").table("images", IMAGES_SCHEMA, ["key", "content_hash"])
    hashes = dict(images.iter_rows())

    def thumbnail(key: str) -> bytes | None:
        value = hashes.get(key)
        return project.thumbnails.read(value) if value else None

    alike = published_duplicates(project, slug)
    rendered = page.render_page(
        document, thumbnail, page_images=project.settings.published.page_images, changes=changes, duplicates=alike
    )
    companions = {twins.FILE: documents.encode(alike), twins.DUPLICATES_SCHEMA: twins.schema_bytes()} if alike else {}
    return {
        **companions,
        "clusters.json": documents.encode(document),
        "clusters.schema.json": schema.schema_bytes(schema.CLUSTERS_SCHEMA),
        "changes.json": documents.encode(changes),
        "changes.schema.json": schema.schema_bytes(schema.CHANGES_SCHEMA),
        "clusters.html": "".join(rendered).encode(),
        website.file_name(slug): website.render_website(document).encode(),
    }
