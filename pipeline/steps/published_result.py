"""All results of a category → one complete set of documents, not yet published.

What belongs here: the document, its companions and pages as bytes, its figures and what a person should be warned of.
Not here: whether the set is published (`publish.py`), the view that is published (`library_view/published.py`), the
documents (`stages/published/`).
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.published import canonical, guard, page, schema, website
from pipeline.stages.published import document as documents
from pipeline.stages.published import duplicates as twins
from pipeline.stages.published.entries import with_fragment
from pipeline.stages.published.group_words import group_word
from pipeline.steps.duplicates import published_duplicates
from pipeline.steps.labels import compare_command, warning_about_groups
from pipeline.steps.library_view.published import gather
from pipeline.steps.project import Project
from pipeline.steps.thumbnails import ThumbnailMaker
from pipeline.steps.units import boxes, units
from pipeline.storage.layout import CHANGES, DOCUMENT, PAGE


@dataclass(frozen=True)
class Summary:
    """What is kept of a result: the digest of its content, its counts, and the settings that were used."""

    digest: str
    counts: dict[str, int]
    settings: dict[str, Any]


@dataclass(frozen=True)
class Result:
    """A complete result. `data` are the bytes of `document`.

    `duplicates` and their bytes are None if they were never computed.
    """

    view: documents.LibraryView
    document: dict[str, Any]
    data: bytes
    duplicates: dict[str, Any] | None
    duplicates_data: bytes | None
    summary: Summary


def build_result(project: Project, slug: str) -> Result:
    """The result of what is stored. Raises `PublishRefusedError` for an invalid document."""
    view = gather(project, slug)
    document = documents.build_document(view, generated_at=project.now())
    schema.validate(document)
    encoded, alike = canonical.encoded(document), published_duplicates(project, slug)
    alike_encoded = canonical.encoded(alike) if alike is not None else None
    digest = twins.digest_with(encoded.digest, alike, alike_encoded.digest if alike_encoded is not None else None)
    summary = Summary(digest, counts_of(document), document["settings"])
    alike_data = alike_encoded.data if alike_encoded is not None else None
    return Result(view, document, encoded.data, alike, alike_data, summary)


def counts_of(document: Mapping[str, Any]) -> dict[str, int]:
    """The summary of a document, and the size of its largest cluster."""
    summary = dict(document["summary"])
    objects = {f"objects_{name}": number for name, number in summary.pop("objects", {}).items()}
    return {**summary, **objects, "largest": max((cluster["size"] for cluster in document["clusters"]), default=0)}


def usable_counts(counts: Mapping[str, int]) -> int:
    """How many images, or objects, are clustered or unclustered by such counts."""
    unit = "objects_" if "objects_found" in counts else ""
    return counts[f"{unit}clustered"] + counts[f"{unit}unclustered"]


def warning_of(project: Project, slug: str, counts: Mapping[str, int], where: str) -> str:
    """What a person should know of such a result; empty if nothing is strange.

    `where` as of `Project`; empty on a page that is published, which names no path of this machine.
    """
    images = usable_counts(counts)
    limit = project.settings.published.max_cluster_share
    large = guard.holds_most(counts["largest"], images, limit, compare_command(project, slug, where))
    return " ".join(filter(None, [large, warning_about_groups(project, slug)]))


def files_of(project: Project, slug: str, made: Result, changes: dict[str, Any]) -> dict[str, bytes]:
    """The files of the published set by name: documents, their schemas, the page and the website's data."""
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
            warning=warning_of(project, slug, counts_of(document), ""),
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
