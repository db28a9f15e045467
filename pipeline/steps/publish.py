"""All results → the published documents, in the data directory and at the outlets.

What belongs here: refusing invalid documents, holding back results that a person should see first, skipping results
that cannot have changed. Not here: the view that is published (`library_view/published.py`), the documents and the
rules of the guard (`stages/published/`), accepting, rolling back and comparing publications (`published_sets.py`).
"""

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.runtime.versions import version_of
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.published import canonical, guard, news, page, schema, website
from pipeline.stages.published import changes as change_report
from pipeline.stages.published import document as documents
from pipeline.stages.published import duplicates as twins
from pipeline.stages.published.entries import with_fragment
from pipeline.stages.published.group_words import group_word
from pipeline.steps.decision_guard import keep_copy
from pipeline.steps.duplicates import published_duplicates
from pipeline.steps.group_label import label_in_news
from pipeline.steps.labels import compare_command, warning_about_groups
from pipeline.steps.library_view.published import PACKAGES, gather
from pipeline.steps.project import Project, Report, timed
from pipeline.steps.published_sets import place_at_outlets, show_readers
from pipeline.steps.thumbnails import ThumbnailMaker
from pipeline.steps.units import boxes, current_units, units
from pipeline.storage.artifacts import digest as digest_of
from pipeline.storage.files import file_digest, write_atomically
from pipeline.storage.history import DIGEST_LETTERS, Candidate, History, read_document, read_history, write_history
from pipeline.storage.layout import CHANGES, DOCUMENT, PAGE, published_set
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
        made: _Result | None = None
        summary = _last_summary(project, slug, history)
        if summary is None:
            made = _build_result(project, slug)
            summary = made.summary
        digest = summary["digest"]
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
    report.counts = dict(summary["counts"])
    report.warning = _warning(project, slug, summary["counts"], project.where)
    report.effective = summary["settings"]
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


@dataclass(frozen=True)
class _Result:
    """A complete result, and the summary that is kept of it: content digest, counts and effective settings.

    `data` are the bytes of `document`; `duplicates` and their bytes are None if they were never computed.
    """

    view: documents.LibraryView
    document: dict[str, Any]
    data: bytes
    duplicates: dict[str, Any] | None
    duplicates_data: bytes | None
    summary: dict[str, Any]


def _build_result(project: Project, slug: str) -> _Result:
    view = gather(project, slug)
    document = documents.build_document(view, generated_at=project.now())
    schema.validate(document)
    encoded, alike = canonical.encoded(document), published_duplicates(project, slug)
    alike_encoded = canonical.encoded(alike) if alike is not None else None
    digest = twins.digest_with(encoded.digest, alike, alike_encoded.digest if alike_encoded is not None else None)
    summary = {"digest": digest, "counts": _counts(document), "settings": document["settings"]}
    alike_data = alike_encoded.data if alike_encoded is not None else None
    return _Result(view, document, encoded.data, alike, alike_data, summary)


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


def _last_summary(project: Project, slug: str, history: History) -> Mapping[str, Any] | None:
    """The summary of the last result, if its inputs are unchanged and it still exists; else None."""
    path = project.layout.last_published(slug)
    if not path.exists():
        return None
    try:
        summary: dict[str, Any] = json.loads(path.read_bytes())
        summary = {name: summary[name] for name in ("counts", "settings", "made_of", "digest")}
    except (ValueError, KeyError, TypeError):  # a damaged cache counts as none
        return None
    there = [publication.version for publication in (history.current, history.candidate) if publication is not None]
    still_there = any(_has_digest(name, summary["digest"]) for name in there)
    return summary if still_there and summary["made_of"] == _inputs_digest(project, slug) else None


def _remember(project: Project, slug: str, made: _Result) -> None:
    """Store the summary for the next run. It is a cache: without it, the result is built once more."""
    if made_of := _inputs_digest(project, slug):
        data = json.dumps({"made_of": made_of, **made.summary}, indent=1).encode()
        write_atomically(project.layout.last_published(slug), data)


def _new_result(project: Project, slug: str, history: History, made: _Result) -> None:
    """Write the complete set; show it to readers, or keep it as a candidate if the guard has concerns."""
    root, view, document, digest = project.layout.published, made.view, made.document, made.summary["digest"]
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
    folder = stage_set(root, slug, name, _files(project, slug, made, changes))
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


def _counts(document: Mapping[str, Any]) -> dict[str, int]:
    """The summary of a document, and the size of its largest cluster."""
    summary = dict(document["summary"])
    objects = {f"objects_{name}": number for name, number in summary.pop("objects", {}).items()}
    return {**summary, **objects, "largest": max((cluster["size"] for cluster in document["clusters"]), default=0)}


def usable_counts(counts: Mapping[str, int]) -> int:
    """How many images, or objects, are clustered or unclustered by such counts."""
    unit = "objects_" if "objects_found" in counts else ""
    return counts[f"{unit}clustered"] + counts[f"{unit}unclustered"]


def _warning(project: Project, slug: str, counts: Mapping[str, int], where: str) -> str:
    """`where` as of `Project`; empty on a page that is published, which names no path of this machine."""
    images = usable_counts(counts)
    limit = project.settings.published.max_cluster_share
    large = guard.holds_most(counts["largest"], images, limit, compare_command(project, slug, where))
    return " ".join(filter(None, [large, warning_about_groups(project, slug)]))


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


def _files(project: Project, slug: str, made: _Result, changes: dict[str, Any]) -> dict[str, bytes]:
    document = made.document
    images = project.store.require(slug, "images").table("images", IMAGES_SCHEMA, ["key", "content_hash"])
    hashes = dict(images.iter_rows())
    if document.get("unit") == "object":
        crops = units(project.store, slug).table("images", IMAGES_SCHEMA, ["image_id", "key", "content_hash"])
        rows = crops.join(boxes(project.store, slug).drop("image_id"), left_on="image_id", right_on="object_id")
        hashes |= {
            with_fragment(key, box): value
            for _, key, value, *box in rows.select("image_id", "key", "content_hash", "x", "y", "w", "h").iter_rows()
        }
    labels = project.settings.source.group_label
    with closing(ThumbnailMaker(project)) as maker:

        def thumbnail(key: str) -> bytes | None:
            value = hashes.get(key)
            return maker.read(value, key) if value else None

        rendered = "".join(page.render_page(
            document, thumbnail, page_images=project.settings.published.page_images, changes=changes,
            duplicates=made.duplicates,
            warning=_warning(project, slug, _counts(document), ""),
            group_label=group_word(document["index"]["countries"], slug, project.category_of(slug), labels),
        ))  # fmt: skip
    alike = made.duplicates_data
    companions = {twins.FILE: alike, twins.DUPLICATES_SCHEMA: twins.schema_bytes()} if alike is not None else {}
    return {
        **companions,
        DOCUMENT: made.data,
        "clusters.schema.json": schema.schema_bytes(schema.CLUSTERS_SCHEMA),
        CHANGES: canonical.encode(changes),
        "changes.schema.json": schema.schema_bytes(schema.CHANGES_SCHEMA),
        PAGE: rendered.encode(),
        website.file_name(slug): website.render_website(document).encode(),
    }
