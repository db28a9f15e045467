"""Bucket → manifest: which images there are, and what changed since last time.

What belongs here: listing, categories and their slugs. Not here: how keys are read and compared
(`stages/manifest/build.py`).

A listing that is the one of last time, object for object, is not read key by key again: its digest tells, and what it
would come to is stored.
"""

import hashlib
from collections.abc import Iterable, Iterator

import polars as pl

from pipeline.errors import SettingsError, UnknownNameError
from pipeline.stages.manifest.bucket_manifest import (
    MANIFEST_KEY,
    Entry,
    entry_category,
    entry_context,
    entry_objects,
)
from pipeline.stages.manifest.build import Manifest, ObjectInfo, build_manifest, build_manifest_from_entries
from pipeline.stages.manifest.contract import CAPTIONS_SCHEMA, DECLARED_SCHEMA, MANIFEST_SCHEMA, Digests, Facts
from pipeline.stages.manifest.keys import (
    ROOT_CATEGORY,
    SINGLE_CATEGORY,
    category_of_folder,
    folder_of,
    slug_map,
    sort_of,
)
from pipeline.steps.project import Project, Report, timed
from pipeline.storage.artifacts import Artifact, digest
from pipeline.storage.layout import Layout, goes_on_as, read_renames, read_slugs, write_slugs

LISTING_CODE = 3  # counted up when the same listing gives another manifest
HELD = 200_000  # listed objects in memory until it is known whether they changed; beyond, they are listed once more
CHANGES = ("added", "changed", "removed")
COUNTS = ("objects", "images", *CHANGES, "same", "hidden", "other", "other_variants", "unmatched", "kept")


def categories(project: Project) -> dict[str, str]:
    """Slug → category of everything that the bucket holds now or held before; stored, so that slugs never change."""
    slugs = slugs_with(project.layout, category_names(project))
    write_slugs(project.layout, slugs)
    return slugs


def slugs_with(layout: Layout, names: Iterable[str]) -> dict[str, str]:
    """The stored slugs and those of further categories; stores nothing.

    A slug of before a rename is kept for the category that had it, should that come back.
    """
    known, wanted = read_slugs(layout), set(names)
    before = {slug: rename.category for slug, rename in read_renames(layout).items()}
    slugs = slug_map([*known.values(), *wanted], {**before, **known})
    return {slug: name for slug, name in slugs.items() if slug in known or name in wanted}


def category_names(project: Project) -> list[str]:
    """The categories that the bucket holds now; stores nothing."""
    source = project.settings.source
    if source.categories == "single":
        return [SINGLE_CATEGORY]
    if isinstance(source.categories, list):
        return [name.strip("/") for name in source.categories]
    entries = _bucket_entries(project)
    if entries is None:
        return _folders(project)
    return sorted({name for entry in entries if (name := entry_category(entry, source.categories)) is not None})


def select_categories(project: Project, wanted: Iterable[str]) -> list[str]:
    """Slugs to work on: all, or those named. Raises `UnknownNameError` listing what there is.

    Of all, those that were never clustered come first: a renamed folder is recognised before its old name is emptied.
    """
    slugs = categories(project)
    chosen = list(wanted)
    if not chosen:
        clustered = set(project.store.slugs_with("identities"))
        return sorted(slugs, key=lambda slug: (slug in clustered and slug not in read_renames(project.layout), slug))
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
    if (now := goes_on_as(project.layout, slug)) is not None:
        raise UnknownNameError(f"Category {slug} goes on as {now}: run that one.")
    category = project.category_of(slug)
    report = Report("manifest", category)
    with project.lock(slug), timed(report):
        current = project.store.current(slug, "manifest")
        listing = _Listing(project, category) if sample is None and _bucket_entries(project) is None else None
        if current is not None and listing and current.facts(Facts).listing == listing.digest:
            return _as_listed_before(project, current, report)
        known = current.table("manifest", MANIFEST_SCHEMA) if current else None
        made = preview(project, category, known, listing)
        frame = sampled(made.frame, sample)
        counts = {name: int(getattr(made, name)) for name in COUNTS}
        said = declared(project, frame)
        words = captions(project, frame)
        fingerprint = digest(frame, sample, *(table for table in (said, words) if table.height))
        digests = Digests(
            digest=made.digest, content=_content(frame), listing=listing.digest if listing else "",
            present=_content(frame.filter(pl.col("change") != "removed")),
        )  # fmt: skip
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
                facts=Facts.model_validate({**digests.stored(), **counts}),
            )  # fmt: skip
        elif current.facts(Facts).digests != digests:
            current = project.store.update_facts(current, digests)
    if made.skipped:
        named = ", ".join(f"{number:,} in {name}" for name, number in sorted(made.skipped.items()))
        project.tell_once(f"Skipped in {category}: {named} (source.skip_names).")
    report.counts = {**counts, "sampled": frame.filter(pl.col("change") != "removed").height}
    report.facts = {"source": project.bucket.url, "digest": made.digest}
    report.data_version = digests.content
    report.path = current.folder
    report.sample = frame.filter(pl.col("change") != "same").select("key", "change").head(10).to_dicts()
    if not frame.height:
        _say_empty(project, category)
    return report


def _as_listed_before(project: Project, current: Artifact, report: Report) -> Report:
    """The manifest of a listing that is the stored one's: every image is as it was."""
    facts = current.facts(Facts)
    if any(getattr(facts, name) for name in CHANGES):  # told last night; today nothing changed
        frame = current.table("manifest", MANIFEST_SCHEMA).filter(pl.col("change") != "removed")
        frame = frame.with_columns(change=pl.lit("same"))
        now = {**dict.fromkeys(CHANGES, 0), "same": facts.images, "content": facts.present}
        facts = facts.model_copy(update=now)
        current = project.store.write(
            current.slug, "manifest", {"manifest": (frame, MANIFEST_SCHEMA)}, fingerprint=digest(frame, None),
            created_at=project.now(), params=current.provenance.params, facts=facts,
        )  # fmt: skip
    report.unchanged = True
    report.counts = {name: getattr(facts, name) for name in COUNTS} | {"sampled": facts.images}
    report.facts = {"source": project.bucket.url, "digest": facts.digest}
    report.data_version = facts.content
    report.path = current.folder
    if not facts.images:
        _say_empty(project, report.category)
    return report


def _content(frame: pl.DataFrame) -> str:
    return digest(frame.drop("change"))


def _say_empty(project: Project, category: str) -> None:
    project.talk.notice(f"{project.bucket.url} holds no image of category {category}.")


class _Listing:
    """The objects of one category, and a digest of them, of the settings that read them and of the category."""

    def __init__(self, project: Project, category: str) -> None:
        self._project, self._category = project, category
        self._pages: list[list[ObjectInfo]] | None = []
        knobs = project.settings.source.model_dump(include={"categories", "patterns", "variant", "skip_names"})
        hasher = hashlib.blake2b(digest(LISTING_CODE, category, knobs, project.bucket.url).encode(), digest_size=16)
        count = 0
        for page in _pages(project, category):
            lines = [f"{key}\0{etag}\0{size}\0{at.timestamp()}\0{trouble}" for key, etag, size, at, trouble in page]
            hasher.update("\n".join(["", *lines]).encode("utf-8", "surrogatepass"))
            count += len(page)
            self._pages = [*self._pages, page] if self._pages is not None and count <= HELD else None
        self.digest = hasher.hexdigest()

    def objects(self) -> Iterator[ObjectInfo]:
        """The objects once more, from memory where they fit."""
        for page in _pages(self._project, self._category) if self._pages is None else self._pages:
            yield from page


def preview(project: Project, category: str, known: pl.DataFrame | None, listing: _Listing | None = None) -> Manifest:
    """What the manifest of a category would be now; stores nothing. `listing` spares one."""
    source = project.settings.source
    entries = _bucket_entries(project)
    if entries is not None:
        return build_manifest_from_entries(entries, category=category, settings=source, previous=known)
    objects = listing.objects() if listing else _objects(project, category)
    return build_manifest(objects, category=category, settings=source, previous=known)


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
    for page in _pages(project, category):
        yield from page


def _pages(project: Project, category: str) -> Iterator[list[ObjectInfo]]:
    """The listing of one category; what could not be looked at is told."""
    source = project.settings.source
    folder = folder_of(category, source.categories)
    if folder is not None:
        pages = project.bucket.pages(f"{folder}/")
    else:
        pages = project.bucket.pages(recursive=source.categories == "single")
    for page in pages:
        for info in page:
            if info.trouble:
                project.tell_once(
                    f"{info.key or 'All'} of {project.bucket.url} is not looked at: {info.trouble}. "
                    "What is known of it stays."
                )
        yield page


def _folders(project: Project) -> list[str]:
    """The categories of a listed source: one per top folder, and one for the images beside them."""
    folders = [category_of_folder(name) for name in project.bucket.folders()]
    names = project.settings.source.skip_names
    top = (found for page in project.bucket.pages(recursive=False) for found in page)
    has_images = any(sort_of(found.key, found.size, names) == "image" for found in top if not found.trouble)
    return [*folders, ROOT_CATEGORY] if has_images else folders


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
    return project.bucket_entries(found.etag)


def sampled(frame: pl.DataFrame, sample: int | None) -> pl.DataFrame:
    """The rows of `sample` images: ids are hashes, so their order is a fair and lasting draw."""
    if sample is None or frame.height <= sample:
        return frame
    kept = frame.filter(pl.col("change") != "removed").sort("image_id").head(sample)["image_id"]
    return frame.filter(pl.col("image_id").is_in(kept.implode()))
