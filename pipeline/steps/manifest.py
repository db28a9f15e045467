"""Bucket → manifest: which images there are, and what changed since the last run.

What belongs here: making and storing the manifest of one category. Not here: listing (`listing.py`), categories
(`categories.py`), parsing and comparing keys (`stages/manifest/build.py`).

A listing with the digest of the last one gives the same manifest, so its keys are not parsed again.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from functools import partial

import polars as pl

from pipeline.errors import UnknownNameError
from pipeline.stages.manifest import variants
from pipeline.stages.manifest.bucket_manifest import Entry
from pipeline.stages.manifest.build import Manifest, build_manifest, build_manifest_from_entries
from pipeline.stages.manifest.contract import (
    CAPTIONS_SCHEMA,
    DECLARED_SCHEMA,
    MANIFEST_SCHEMA,
    VARIANTS_SCHEMA,
    Digests,
    Facts,
)
from pipeline.stages.manifest.declared import captions, times_and_places
from pipeline.steps.left_out import left_out, refuse
from pipeline.steps.listing import Listing, bucket_entries, list_objects
from pipeline.steps.project import Project, Report, timed
from pipeline.steps.variants import compared
from pipeline.storage.artifacts import Artifact, digest
from pipeline.storage.categories import goes_on_as

CHANGES = ("added", "changed", "removed")
COUNTS = ("objects", "images", *CHANGES, "same", "hidden", "other", "other_variants", "unmatched", "kept")

Tables = dict[str, tuple[pl.DataFrame, pl.Schema]]


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
        entries = bucket_entries(project)
        listed = sample is None and entries is None
        listing = Listing(project, category, doubted=current is None) if listed else None
        if current is not None and listing and current.facts(Facts).listing == listing.digest:
            return _reuse_stored(project, current, report)
        listing, made, answers = _compare(project, slug, category, current, listing)
        frame = sampled(made.frame, sample)
        tables = _tables(frame, entries or [], answers)
        digests = Digests(
            digest=made.digest, content=_content(frame), listing=listing.digest if listing else "",
            present=_content(frame.filter(pl.col("change") != "removed")),
        )  # fmt: skip
        facts = Facts.model_validate({**digests.stored(), **{name: int(getattr(made, name)) for name in COUNTS}})
        report.unchanged = current is not None and made.added + made.changed + made.removed == 0
        current = _store(project, slug, current, tables, facts, sample)
    if made.skipped:
        named = ", ".join(
            f"{name} ({number:,} file{'s' if number > 1 else ''})" for name, number in sorted(made.skipped.items())
        )
        project.tell_once(f"Skipped in {category}: {named}, by source.skip_names.")
    if not frame.height:
        _notice_empty(project, category)
    report.sample = frame.filter(pl.col("change") != "same").select("key", "change").head(10).to_dicts()
    return _completed(project, report, current, facts, images=frame.filter(pl.col("change") != "removed").height)


def _compare(
    project: Project, slug: str, category: str, current: Artifact | None, listing: Listing | None
) -> tuple[Listing | None, Manifest, variants.Answers]:
    """The manifest compared with the stored one, the listing behind it, and the answers about widths."""
    previous = current.table("manifest", MANIFEST_SCHEMA) if current else None
    before = stored_answers(current)
    listing, made = _look(project, category, previous, listing, variants.different(before))
    objects = listing.objects if listing else partial(list_objects, project, category)
    answers = compared(project, slug, made.several, objects, before)
    if variants.different(answers) != variants.different(before):
        made = preview(project, category, previous, listing, variants.different(answers))
    return listing, made, answers


def _tables(frame: pl.DataFrame, entries: Iterable[Entry], answers: variants.Answers) -> Tables:
    """The tables to store, by name; all but `manifest` only if they have rows."""
    further: Tables = {
        "declared": (times_and_places(entries, frame), DECLARED_SCHEMA),
        "captions": (captions(entries, frame), CAPTIONS_SCHEMA),
        "variants": (variants.write_answers(answers), VARIANTS_SCHEMA),
    }
    filled = {name: (table, schema) for name, (table, schema) in further.items() if table.height}
    return {"manifest": (frame, MANIFEST_SCHEMA), **filled}


def _store(
    project: Project, slug: str, current: Artifact | None, tables: Tables, facts: Facts, sample: int | None
) -> Artifact:
    """The stored version with these contents: the current one, if only digests differ."""
    frame, *further = (table for table, _ in tables.values())
    fingerprint = digest(frame, sample, *further)
    if current is None or current.provenance.fingerprint != fingerprint:
        params = {"source": project.bucket.url, "sample": sample}
        return project.store.write(
            slug, "manifest", tables, fingerprint=fingerprint, created_at=project.now(), params=params, facts=facts
        )
    if current.facts(Facts).digests != facts.digests:
        return project.store.update_facts(current, facts.digests)
    return current


def _look(
    project: Project,
    category: str,
    previous: pl.DataFrame | None,
    listing: Listing | None,
    different: AbstractSet[variants.ImageName],
) -> tuple[Listing | None, Manifest]:
    """The manifest, and the listing that it was made from: a second one if `listing` leaves out what is there."""
    made = preview(project, category, previous, listing, different)
    if listing is None or not left_out(project, category, made.frame, listing.objects):
        return listing, made
    listing = Listing(project, category, doubted=True)
    made = preview(project, category, previous, listing, different)
    refuse(project, category, left_out(project, category, made.frame, listing.objects))
    return listing, made


def _reuse_stored(project: Project, current: Artifact, report: Report) -> Report:
    """Report the stored manifest again; every image in it is unchanged."""
    facts = current.facts(Facts)
    if any(getattr(facts, name) for name in CHANGES):  # the changes of the last run; today there are none
        frame = current.table("manifest", MANIFEST_SCHEMA).filter(pl.col("change") != "removed")
        frame = frame.with_columns(change=pl.lit("same"))
        unchanged = {**dict.fromkeys(CHANGES, 0), "same": facts.images, "content": facts.present}
        facts = facts.model_copy(update=unchanged)
        tables = _tables(frame, [], stored_answers(current))
        current = _store(project, current.slug, current, tables, facts, sample=None)
    report.unchanged = True
    if not facts.images:
        _notice_empty(project, report.category)
    return _completed(project, report, current, facts, images=facts.images)


def _completed(project: Project, report: Report, current: Artifact, facts: Facts, *, images: int) -> Report:
    """The report with what is stored; `images` counts those that are there, of the sample if there is one."""
    report.counts = {name: getattr(facts, name) for name in COUNTS} | {"sampled": images}
    report.facts = {"source": project.bucket.url, "digest": facts.digest}
    report.data_version = facts.content
    report.path = current.folder
    return report


def _content(frame: pl.DataFrame) -> str:
    return digest(frame.drop("change"))


def _notice_empty(project: Project, category: str) -> None:
    where = f"{project.bucket.url} holds no image of category {category}"
    project.talk.notice(f"{where}. Is it the right folder or prefix?")


def stored_answers(stored: Artifact | None) -> dict[variants.ImageName, tuple[variants.Widths, bool]]:
    """The stored answers about images that have several widths by their names."""
    if stored is None or not stored.has_table("variants"):
        return {}
    return variants.read_answers(stored.table("variants", VARIANTS_SCHEMA))


def preview(
    project: Project,
    category: str,
    before: pl.DataFrame | None,
    listing: Listing | None = None,
    different: AbstractSet[variants.ImageName] = frozenset(),
) -> Manifest:
    """The manifest of a category as of now; stores nothing. `listing`, if given, is used instead of a new one.

    `different`: images whose objects are known to be different pictures.
    """
    source = project.settings.source
    entries = bucket_entries(project)
    if entries is not None:
        return build_manifest_from_entries(entries, category=category, settings=source, previous=before)
    objects = listing.objects() if listing else list_objects(project, category)
    return build_manifest(objects, category=category, settings=source, previous=before, different=different)


def sampled(frame: pl.DataFrame, sample: int | None) -> pl.DataFrame:
    """The rows of `sample` images. Ids are hashes, so the first ones by id are a random and stable sample."""
    if sample is None or frame.height <= sample:
        return frame
    kept = frame.filter(pl.col("change") != "removed").sort("image_id").head(sample)["image_id"]
    return frame.filter(pl.col("image_id").is_in(kept.implode()))
