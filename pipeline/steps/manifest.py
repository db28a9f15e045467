"""Bucket → manifest: which images there are, and what changed since the last run.

What belongs here: listing, categories and their slugs. Not here: parsing and comparing keys
(`stages/manifest/build.py`).

A listing with the digest of the last one gives the same manifest, so its keys are not parsed again.
"""

import hashlib
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from functools import partial

import polars as pl

from pipeline.curation.addressing import choose_category
from pipeline.errors import SettingsError, UnknownNameError
from pipeline.stages.manifest import variants
from pipeline.stages.manifest.bucket_manifest import (
    MANIFEST_KEY,
    Entry,
    entry_category,
    entry_context,
    entry_objects,
)
from pipeline.stages.manifest.build import Manifest, ObjectInfo, build_manifest, build_manifest_from_entries
from pipeline.stages.manifest.contract import (
    CAPTIONS_SCHEMA,
    DECLARED_SCHEMA,
    MANIFEST_SCHEMA,
    VARIANTS_SCHEMA,
    Digests,
    Facts,
)
from pipeline.stages.manifest.keys import (
    ROOT_CATEGORY,
    SINGLE_CATEGORY,
    category_of_folder,
    folder_of,
    slug_map,
    sort_of,
)
from pipeline.steps.left_out import left_out, refuse
from pipeline.steps.outlet_in_source import holds_only_published
from pipeline.steps.project import Project, Report, timed
from pipeline.steps.variants import compared
from pipeline.storage.artifacts import Artifact, digest
from pipeline.storage.layout import Layout, goes_on_as, read_renames, read_slugs, write_slugs

LISTING_CODE = 4  # increase when the same listing gives another manifest
LISTED_IN_MEMORY = 200_000  # objects kept until their digest is compared; a longer listing is read twice
CHANGES = ("added", "changed", "removed")
COUNTS = ("objects", "images", *CHANGES, "same", "hidden", "other", "other_variants", "unmatched", "kept")


def categories(project: Project) -> dict[str, str]:
    """Slug → category of everything that the bucket holds or once held. Stores it, so that slugs never change."""
    slugs = slugs_with(project.layout, category_names(project))
    write_slugs(project.layout, slugs)
    return slugs


def slugs_with(layout: Layout, names: Iterable[str]) -> dict[str, str]:
    """The stored slugs and those of further categories; stores nothing.

    The slug of a renamed category stays reserved, in case the old folder comes back.
    """
    stored, wanted = read_slugs(layout), set(names)
    before = {slug: rename.category for slug, rename in read_renames(layout).items()}
    slugs = slug_map([*stored.values(), *wanted], {**before, **stored})
    return {slug: name for slug, name in slugs.items() if slug in stored or name in wanted}


def category_names(project: Project) -> list[str]:
    """The categories that the bucket holds now; stores nothing."""
    source = project.settings.source
    if source.categories == "single":
        return [SINGLE_CATEGORY]
    if isinstance(source.categories, list):
        return [name.strip("/") for name in source.categories]
    entries = bucket_entries(project)
    if entries is None:
        return _folders(project)
    return sorted({name for entry in entries if (name := entry_category(entry, source.categories)) is not None})


def select_categories(project: Project, wanted: Iterable[str]) -> list[str]:
    """Slugs to work on: all, or the named ones. Raises `UnknownNameError` listing the categories, and
    `AmbiguousNameError`.

    Categories that were never clustered come first, so that a renamed folder is recognised before its old name is
    emptied.
    """
    slugs = categories(project)
    chosen = list(wanted)
    if not chosen:
        clustered = set(project.store.slugs_with("identities"))
        return sorted(slugs, key=lambda slug: (slug in clustered and slug not in read_renames(project.layout), slug))
    found: list[str] = []
    for name in chosen:
        slug = choose_category(name, slugs)
        if slug is None:
            available = ", ".join(sorted(slugs.values())) or "none: the source holds no folder"
            raise UnknownNameError(f"There is no category {name!r} in {project.bucket.url}. There are: {available}.")
        found.append(slug)
    return found


def manifest(project: Project, slug: str, *, sample: int | None = None) -> Report:
    """Bring the `manifest` of one category up to date.

    `sample` keeps that many images, always the same ones as long as they exist. An incomplete listing raises; it never
    counts as an empty bucket.
    """
    if (now := goes_on_as(project.layout, slug)) is not None:
        raise UnknownNameError(f"Category {slug} goes on as {now}: run that one.")
    category = project.category_of(slug)
    report = Report("manifest", category)
    with project.lock(slug), timed(report):
        current = project.store.current(slug, "manifest")
        listing = _Listing(project, category) if sample is None and bucket_entries(project) is None else None
        if current is not None and listing and current.facts(Facts).listing == listing.digest:
            return _reuse_stored(project, current, report)
        previous = current.table("manifest", MANIFEST_SCHEMA) if current else None
        answers_before = stored_answers(current)
        listing, made = _look(project, category, previous, listing, variants.different(answers_before))
        objects = listing.objects if listing else partial(_objects, project, category)
        answers = compared(project, slug, made.several, objects, answers_before)
        if variants.different(answers) != variants.different(answers_before):
            made = preview(project, category, previous, listing, variants.different(answers))
        frame = sampled(made.frame, sample)
        counts = {name: int(getattr(made, name)) for name in COUNTS}
        places = declared(project, frame)
        words = captions(project, frame)
        widths = variants.write_answers(answers)
        fingerprint = digest(frame, sample, *(table for table in (places, words, widths) if table.height))
        digests = Digests(
            digest=made.digest, content=_content(frame), listing=listing.digest if listing else "",
            present=_content(frame.filter(pl.col("change") != "removed")),
        )  # fmt: skip
        report.unchanged = current is not None and made.added + made.changed + made.removed == 0
        if current is None or current.provenance.fingerprint != fingerprint:
            tables = {
                "manifest": (frame, MANIFEST_SCHEMA),
                **({"declared": (places, DECLARED_SCHEMA)} if places.height else {}),
                **({"captions": (words, CAPTIONS_SCHEMA)} if words.height else {}),
                **({"variants": (widths, VARIANTS_SCHEMA)} if widths.height else {}),
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
        _notice_empty(project, category)
    return report


def _look(
    project: Project,
    category: str,
    previous: pl.DataFrame | None,
    listing: "_Listing | None",
    different: AbstractSet[variants.ImageName],
) -> "tuple[_Listing | None, Manifest]":
    """The manifest, and the listing that it was made from: a second one if `listing` leaves out what is there."""
    made = preview(project, category, previous, listing, different)
    if listing is None or not left_out(project, category, made.frame, listing.objects):
        return listing, made
    listing = _Listing(project, category)
    made = preview(project, category, previous, listing, different)
    refuse(project, category, left_out(project, category, made.frame, listing.objects))
    return listing, made


def _reuse_stored(project: Project, current: Artifact, report: Report) -> Report:
    """Report the stored manifest again; every image in it is unchanged."""
    facts = current.facts(Facts)
    if any(getattr(facts, name) for name in CHANGES):  # the changes of the last run; today there are none
        frame = current.table("manifest", MANIFEST_SCHEMA).filter(pl.col("change") != "removed")
        frame = frame.with_columns(change=pl.lit("same"))
        now = {**dict.fromkeys(CHANGES, 0), "same": facts.images, "content": facts.present}
        facts = facts.model_copy(update=now)
        told = variants.write_answers(stored_answers(current))
        tables = {
            "manifest": (frame, MANIFEST_SCHEMA), **({"variants": (told, VARIANTS_SCHEMA)} if told.height else {})
        }  # fmt: skip
        current = project.store.write(
            current.slug, "manifest", tables, fingerprint=digest(frame, None, *([told] if told.height else [])),
            created_at=project.now(), params=current.provenance.params, facts=facts,
        )  # fmt: skip
    report.unchanged = True
    report.counts = {name: getattr(facts, name) for name in COUNTS} | {"sampled": facts.images}
    report.facts = {"source": project.bucket.url, "digest": facts.digest}
    report.data_version = facts.content
    report.path = current.folder
    if not facts.images:
        _notice_empty(project, report.category)
    return report


def _content(frame: pl.DataFrame) -> str:
    return digest(frame.drop("change"))


def _notice_empty(project: Project, category: str) -> None:
    where = f"{project.bucket.url} holds no image of category {category}"
    project.talk.notice(f"{where}. Is it the right folder or prefix?")


class _Listing:
    """The objects of one category, and a digest of objects, category and settings."""

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
            self._pages = [*self._pages, page] if self._pages is not None and count <= LISTED_IN_MEMORY else None
        self.digest = hasher.hexdigest()

    def objects(self) -> Iterator[ObjectInfo]:
        """The objects again, from memory if they fit."""
        for page in _pages(self._project, self._category) if self._pages is None else self._pages:
            yield from page


def stored_answers(stored: Artifact | None) -> dict[variants.ImageName, tuple[variants.Widths, bool]]:
    """The stored answers about images that have several widths by their names."""
    if stored is None or not stored.has_table("variants"):
        return {}
    return variants.read_answers(stored.table("variants", VARIANTS_SCHEMA))


def preview(
    project: Project,
    category: str,
    before: pl.DataFrame | None,
    listing: _Listing | None = None,
    different: AbstractSet[variants.ImageName] = frozenset(),
) -> Manifest:
    """The manifest of a category as of now; stores nothing. `listing`, if given, is used instead of a new one.

    `different`: images whose objects are known to be different pictures.
    """
    source = project.settings.source
    entries = bucket_entries(project)
    if entries is not None:
        return build_manifest_from_entries(entries, category=category, settings=source, previous=before)
    objects = listing.objects() if listing else _objects(project, category)
    return build_manifest(objects, category=category, settings=source, previous=before, different=different)


def captions(project: Project, frame: pl.DataFrame) -> pl.DataFrame:
    """The texts of manifest.json about the images (source, title, caption), `CAPTIONS_SCHEMA`; mostly empty."""
    text_of: dict[str, str] = {}
    for entry in bucket_entries(project) or []:
        text = " ".join(part for part in (entry.source, entry.title, entry.caption) if part)
        if text:
            text_of |= {key: text for _, key, _, _ in entry_objects(entry)}
    images = frame.filter(pl.col("change") != "removed").select("image_id", "key").sort("image_id").iter_rows()
    rows = [(image_id, text_of[key]) for image_id, key in images if key in text_of]
    return pl.DataFrame(rows, schema=CAPTIONS_SCHEMA, orient="row")


def declared(project: Project, frame: pl.DataFrame) -> pl.DataFrame:
    """Times and places of the images from manifest.json, `DECLARED_SCHEMA`; mostly empty."""
    context_of: dict[str, tuple[float | None, float | None, float | None]] = {}
    for entry in bucket_entries(project) or []:
        context = entry_context(entry)
        if context != (None, None, None):
            context_of |= {key: context for _, key, _, _ in entry_objects(entry)}
    images = frame.filter(pl.col("change") != "removed").select("image_id", "key").sort("image_id").iter_rows()
    rows = [(image_id, *context_of[key]) for image_id, key in images if key in context_of]
    return pl.DataFrame(rows, schema=DECLARED_SCHEMA, orient="row")


def _objects(project: Project, category: str) -> Iterator[ObjectInfo]:
    for page in _pages(project, category):
        yield from page


def _pages(project: Project, category: str) -> Iterator[list[ObjectInfo]]:
    """The listing of one category, a page at a time; gives a notice of what could not be read."""
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
    """The categories of a listed source: one per top folder, and one for images outside any folder."""
    known = set(read_slugs(Layout(project.settings.data_dir)).values())  # Project.layout would make the directory
    folders = [
        category
        for name in project.bucket.folders()
        if (category := category_of_folder(name)) in known or not holds_only_published(project, name)
    ]
    names = project.settings.source.skip_names
    top = (entry for page in project.bucket.pages(recursive=False) for entry in page)
    has_images = any(sort_of(entry.key, entry.size, names) == "image" for entry in top if not entry.trouble)
    return [*folders, ROOT_CATEGORY] if has_images else folders


def bucket_entries(project: Project) -> list[Entry] | None:
    """Entries of the bucket's manifest.json, or None if the bucket is listed instead."""
    wanted = project.settings.source.manifest
    if wanted == "ignore":
        return None
    manifest_object = project.bucket.head(MANIFEST_KEY)
    if manifest_object is None:
        if wanted == "require":
            raise SettingsError(
                f"source.manifest is require, but {project.bucket.url} holds no {MANIFEST_KEY}. "
                "Upload one, or set source.manifest to auto."
            )
        return None
    return project.bucket_entries(manifest_object.etag)


def sampled(frame: pl.DataFrame, sample: int | None) -> pl.DataFrame:
    """The rows of `sample` images. Ids are hashes, so the first ones by id are a random and stable sample."""
    if sample is None or frame.height <= sample:
        return frame
    kept = frame.filter(pl.col("change") != "removed").sort("image_id").head(sample)["image_id"]
    return frame.filter(pl.col("image_id").is_in(kept.implode()))
