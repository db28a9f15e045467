"""Bucket → manifest: which images there are, and what changed since last time.

What belongs here: listing, categories and their slugs. Not here: how keys are read and compared
(`stages/manifest.py`).
"""

from collections.abc import Iterable, Iterator

import polars as pl

from pipeline.errors import SettingsError, UnknownNameError
from pipeline.stages.bucket_manifest import (
    MANIFEST_KEY,
    Entry,
    entry_category,
    entry_context,
    entry_objects,
    parse_bucket_manifest,
)
from pipeline.stages.keys import slug_map, sort_of
from pipeline.stages.manifest import (
    MANIFEST_SCHEMA,
    Manifest,
    ObjectInfo,
    build_manifest,
    build_manifest_from_entries,
)
from pipeline.steps.project import Project, Report, timed
from pipeline.storage.artifacts import digest
from pipeline.storage.layout import read_slugs, write_slugs

CAPTIONS_SCHEMA = pl.Schema({"image_id": pl.String(), "caption": pl.String()})
DECLARED_SCHEMA = pl.Schema(
    {"image_id": pl.String(), "hours": pl.Float64(), "latitude": pl.Float64(), "longitude": pl.Float64()}
)
ROOT = "root"  # the category of images that lie at the very top of the source
SINGLE = "all"  # the one category when the settings say that the whole source is one


def categories(project: Project) -> dict[str, str]:
    """Slug → category of everything that the bucket holds now or held before; stored, so that slugs never change."""
    known = read_slugs(project.layout)
    slugs = slug_map([*known.values(), *category_names(project)], known)
    write_slugs(project.layout, slugs)
    return slugs


def category_names(project: Project) -> list[str]:
    """The categories that the bucket holds now; stores nothing."""
    source = project.settings.source
    if source.categories == "single":
        return [SINGLE]
    if isinstance(source.categories, list):
        return list(source.categories)
    entries = _bucket_entries(project)
    if entries is None:
        return _folders(project)
    return sorted({name for entry in entries if (name := entry_category(entry, source.categories)) is not None})


def select_categories(project: Project, wanted: Iterable[str]) -> list[str]:
    """Slugs to work on: all, or those named. Raises `UnknownNameError` listing what there is."""
    slugs = categories(project)
    chosen = list(wanted)
    if not chosen:
        return sorted(slugs)
    by_name = {name: slug for slug, name in slugs.items()} | {slug: slug for slug in slugs}
    for name in chosen:
        if name not in by_name:
            known = ", ".join(sorted(slugs.values())) or "none: the source holds no folder"
            raise UnknownNameError(f"There is no category {name!r} in {project.bucket.url}. There are: {known}.")
    return [by_name[name] for name in chosen]


def manifest(project: Project, slug: str, *, sample: int | None = None) -> Report:
    """Bring the `manifest` of one category up to date.

    `sample` keeps that many images, always the same ones as long as they exist. A listing that fails or breaks off
    raises; it is never taken for an empty bucket.
    """
    category = project.category_of(slug)
    report = Report("manifest", category)
    with project.lock(slug), timed(report):
        current = project.store.current(slug, "manifest")
        known = current.table("manifest", MANIFEST_SCHEMA) if current else None
        made = preview(project, category, known)
        frame = sampled(made.frame, sample)
        counts = {
            "objects": made.objects, "images": made.images, "added": made.added, "changed": made.changed,
            "same": made.same, "removed": made.removed, "hidden": made.hidden, "other": made.other,
            "other_variants": made.other_variants, "unmatched": made.unmatched,
        }  # fmt: skip
        said = declared(project, frame)
        words = captions(project, frame)
        fingerprint = digest(frame, sample, *(table for table in (said, words) if table.height))
        report.unchanged = current is not None and made.added + made.changed + made.removed == 0
        if current is None or current.provenance.fingerprint != fingerprint:
            tables = {
                "manifest": (frame, MANIFEST_SCHEMA),
                **({"declared": (said, DECLARED_SCHEMA)} if said.height else {}),
                **({"captions": (words, CAPTIONS_SCHEMA)} if words.height else {}),
            }
            current = project.store.write(
                slug, "manifest", tables, fingerprint=fingerprint,
                created_at=project.now(), params={"source": project.bucket.url, "sample": sample},
                facts={"digest": made.digest, **counts},
            )  # fmt: skip
        elif current.provenance.facts.get("digest") != made.digest:
            project.store.update_facts(current, {"digest": made.digest})
    report.counts = {**counts, "sampled": frame.filter(pl.col("change") != "removed").height}
    report.facts = {"source": project.bucket.url, "digest": made.digest}
    report.data_version = digest(frame.drop("change"))
    report.path = current.folder
    report.sample = frame.filter(pl.col("change") != "same").select("key", "change").head(10).to_dicts()
    if not frame.height:
        project.talk.notice(f"{project.bucket.url} holds no image of category {category}.")
    return report


def preview(project: Project, category: str, known: pl.DataFrame | None) -> Manifest:
    """What the manifest of a category would be now; stores nothing."""
    source = project.settings.source
    entries = _bucket_entries(project)
    if entries is not None:
        return build_manifest_from_entries(entries, category=category, settings=source, known=known)
    return build_manifest(_objects(project, category), category=category, settings=source, known=known)


def captions(project: Project, frame: pl.DataFrame) -> pl.DataFrame:
    """What manifest.json says of the images in words (source, title, caption), `CAPTIONS_SCHEMA`; mostly empty."""
    known: dict[str, str] = {}
    for entry in _bucket_entries(project) or []:
        text = " ".join(part for part in (entry.source, entry.title, entry.caption) if part)
        if text:
            known |= {key: text for _, key, _, _ in entry_objects(entry)}
    images = frame.filter(pl.col("change") != "removed").select("image_id", "key").sort("image_id").iter_rows()
    rows = [(image_id, known[key]) for image_id, key in images if key in known]
    return pl.DataFrame(rows, schema=CAPTIONS_SCHEMA, orient="row")


def declared(project: Project, frame: pl.DataFrame) -> pl.DataFrame:
    """When and where the images of a manifest were taken as manifest.json tells it, `DECLARED_SCHEMA`; mostly empty."""
    known: dict[str, tuple[float | None, float | None, float | None]] = {}
    for entry in _bucket_entries(project) or []:
        told = entry_context(entry)
        if told != (None, None, None):
            known |= {key: told for _, key, _, _ in entry_objects(entry)}
    images = frame.filter(pl.col("change") != "removed").select("image_id", "key").sort("image_id").iter_rows()
    rows = [(image_id, *known[key]) for image_id, key in images if key in known]
    return pl.DataFrame(rows, schema=DECLARED_SCHEMA, orient="row")


def _objects(project: Project, category: str) -> Iterator[ObjectInfo]:
    if project.settings.source.categories == "single":
        pages = project.bucket.pages()
    elif category == ROOT:
        pages = project.bucket.pages(recursive=False)
    else:
        pages = project.bucket.pages(f"{category}/")
    for page in pages:
        yield from page


def _folders(project: Project) -> list[str]:
    folders = project.bucket.folders()
    top = (found for page in project.bucket.pages(recursive=False) for found in page)
    has_images = any(sort_of(found.key, found.size) == "image" for found in top)
    return [*folders, ROOT] if has_images and ROOT not in folders else folders


def _bucket_entries(project: Project) -> list[Entry] | None:
    """Entries of the bucket's own manifest.json, or None where a listing says what exists."""
    wanted = project.settings.source.manifest
    if wanted == "ignore":
        return None
    found = project.bucket.head(MANIFEST_KEY)
    if found is None:
        if wanted == "require":
            raise SettingsError(
                f"source.manifest is require, but {project.bucket.url} holds no {MANIFEST_KEY}. "
                "Upload one, or set source.manifest to auto."
            )
        return None
    if project.bucket_entries is None or project.bucket_entries[0] != found.etag:
        project.bucket_entries = (found.etag, parse_bucket_manifest(project.bucket.read(MANIFEST_KEY)))
    return project.bucket_entries[1]


def sampled(frame: pl.DataFrame, sample: int | None) -> pl.DataFrame:
    """The rows of `sample` images: ids are hashes, so their order is a fair and lasting draw."""
    if sample is None or frame.height <= sample:
        return frame
    kept = frame.filter(pl.col("change") != "removed").sort("image_id").head(sample)["image_id"]
    return frame.filter(pl.col("image_id").is_in(kept.implode()))
