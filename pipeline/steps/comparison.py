"""Two publications side by side: for each cluster its faces before and after, what came and what left.

What belongs here: joining the change report with the images that stand for each cluster. Not here: the report
(`stages/published/changes.py`), which versions there are (`published_sets.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.stages.published import changes as change_report
from pipeline.stages.published.entries import image_name, with_fragment
from pipeline.steps.library_view.snapshot import Snapshot
from pipeline.steps.project import Project
from pipeline.storage.history import Candidate, History, Publication, read_document, read_history

SHOWN_FACES = 4


@dataclass(frozen=True)
class Version:
    """One side: a publication, or the candidate that waits (event `candidate`)."""

    version: str
    at: str
    event: str
    headline: str
    summary: dict[str, int]


@dataclass(frozen=True)
class Faces:
    """Rows of the library for one cluster; images that are gone from it are left out."""

    before: list[int] = field(default_factory=list[int])
    after: list[int] = field(default_factory=list[int])
    came: list[int] = field(default_factory=list[int])
    left: list[int] = field(default_factory=list[int])


@dataclass(frozen=True)
class Comparison:
    """What changed between two versions: changes.json, and the faces of each of its clusters by id."""

    before: Version
    after: Version
    changes: dict[str, Any]
    faces: dict[str, Faces]


def versions(project: Project, slug: str) -> list[Version]:
    """Every kept version, the newest first; each once, as it was last published."""
    history = read_history(project.layout.published, slug)
    candidate = [_version(history.candidate)] if history.candidate else []
    newest_first = {publication.version: publication for publication in history.publications}
    return [*candidate, *[_version(newest_first[name]) for name in reversed(_order(history))]]


def compare(project: Project, snapshot: Snapshot, before: Version, after: Version) -> Comparison:
    """The comparison of two kept versions."""
    root, slug = project.layout.published, snapshot.slug
    old, new = read_document(root, slug, before.version), read_document(root, slug, after.version)
    changes = change_report.build_changes(old, new, {})
    row_of = _rows_by_name(snapshot)
    was, is_ = _representatives(old), _representatives(new)

    def rows(names: list[str]) -> list[int]:
        return [row_of[name] for name in names if name in row_of]

    faces = {
        entry["id"]: Faces(
            rows(was.get(entry["id"], []))[:SHOWN_FACES], rows(is_.get(entry["id"], []))[:SHOWN_FACES],
            rows(entry["added"]), rows(entry["removed"]),
        )
        for entry in changes["clusters"]
    }  # fmt: skip
    return Comparison(before, after, changes, faces)


def changed_first(changes: Mapping[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """The clusters that changed in any way, those with most images that came or left first; how many did not."""
    every: list[dict[str, Any]] = changes["clusters"]
    changed = [entry for entry in every if _differs(entry)]
    turnover = {entry["id"]: entry["addedCount"] + entry["removedCount"] for entry in changed}
    return sorted(changed, key=lambda entry: (-turnover[entry["id"]], entry["id"])), len(every) - len(changed)


def _differs(entry: Mapping[str, Any]) -> bool:
    moved = entry["addedCount"] or entry["removedCount"]
    return bool(moved or entry["fate"] != "kept" or entry["naming"] in ("given", "renamed", "retired"))


def _version(found: Publication | Candidate) -> Version:
    event = found.event if isinstance(found, Publication) else "candidate"
    return Version(found.version, found.at, event, found.headline, dict(found.summary))


def _order(history: History) -> list[str]:
    return sorted(history.versions())


def _representatives(document: Mapping[str, Any]) -> dict[str, list[str]]:
    return {
        cluster["id"]: list(dict.fromkeys(image_name(image) for image in cluster["representatives"]))
        for cluster in document["clusters"]
    }


def _rows_by_name(snapshot: Snapshot) -> dict[str, int]:
    """What tells an entry of a document from every other → its row."""
    rows = snapshot.frame.select("key", "box").iter_rows()
    return {key if box is None else with_fragment(key, box): row for row, (key, box) in enumerate(rows)}
