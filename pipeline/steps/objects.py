"""`images` → `objects` and their `embeddings`, where objects are the unit.

What belongs here: skipping a run without changes, and storing the tables. Not here: where boxes come from
(`box_source.py`), which boxes count and their ids (`stages/objects/`), embedding (`crops.py`).
"""

from dataclasses import astuple
from typing import Any

import polars as pl

from pipeline.errors import AllImagesRejectedError
from pipeline.stages.embeddings.contract import Facts as EmbeddingFacts
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.objects import table as building
from pipeline.stages.objects.contract import KNOWN_SCHEMA, Facts
from pipeline.stages.objects.corrected import Corrections, correct
from pipeline.steps.annotated import Annotated
from pipeline.steps.box_source import BoxSource, box_source
from pipeline.steps.corrections import corrections_in_force, numbers_of
from pipeline.steps.crops import Crops, embed_objects
from pipeline.steps.detected import UNREAD, uses_model
from pipeline.steps.embedded import store_embeddings, vectors_fingerprint
from pipeline.steps.project import Project, Report, timed
from pipeline.storage.artifacts import Artifact, digest
from pipeline.storage.vector_names import with_names

CODE = 3  # increase when the same inputs give other objects
CHOOSING = {"min_score", "labels", "max_per_image", "min_side", "nms", "detector"}  # settings that change the tables
Tables = dict[str, tuple[pl.DataFrame, pl.Schema]]


def objects(project: Project, slug: str, *, embed: bool = True) -> list[Report]:
    """Bring `objects` and, with `embed`, the `embeddings` of their crops up to date. The caller holds the category.

    Raises `AllImagesRejectedError` if no image has an object, and what reading and embedding raise.
    """
    category = project.category_of(slug)
    report, embeddings = Report("objects", category), Report("embeddings", category)
    fingerprint = vectors_fingerprint(project) if embed else ""
    with timed(report):
        images = project.store.require(slug, "images")
        source = box_source(project, slug)
        corrections = corrections_in_force(project, slug)
        changed = [_digest_of(corrections)] if corrections else []  # a library without decisions is not computed again
        inputs = digest(images.provenance.fingerprint, _choosing(project), source.digest, CODE, *changed)
        current = project.store.current(slug, "objects")
        seen = digest(inputs, fingerprint)
        if current is not None and _is_up_to_date(project, current, seen, fingerprint):
            _report_again(project, current, fingerprint, report, embeddings)
        else:
            _update(project, slug, images, source, corrections, seen, fingerprint, report, embeddings)
    report.seconds -= embeddings.seconds
    return [report, embeddings] if embed else [report]


def _digest_of(corrections: Corrections) -> str:
    return digest(sorted((image, *astuple(one)) for image, of_image in corrections.items() for one in of_image))


def _choosing(project: Project) -> dict[str, Any]:
    return project.settings.objects.model_dump(include=CHOOSING)


def _is_up_to_date(project: Project, current: Artifact, seen: str, fingerprint: str) -> bool:
    facts, embeddings = current.facts(Facts), project.store.current(current.slug, "embeddings")
    if facts.seen != seen:
        return False
    if not fingerprint:
        return True
    here = embeddings is not None and embeddings.provenance.fingerprint == facts.embeddings
    return here and project.vectors(fingerprint).has_parts(facts.parts)


def _update(
    project: Project,
    slug: str,
    images: Artifact,
    source: BoxSource,
    corrections: Corrections,
    seen: str,
    fingerprint: str,
    report: Report,
    embeddings: Report,
) -> None:
    rows = images.table("images", IMAGES_SCHEMA)
    boxes = source.read(project, slug, rows)
    tables = _tables(project, slug, rows, boxes, corrections)
    done = Crops()
    if fingerprint:
        known = tables["known"][0]
        done = embed_objects(project, slug, rows, tables["objects"][0], known, fingerprint)
        tables["images"] = (_without(tables["images"][0], done), IMAGES_SCHEMA)
    stored = _store(project, slug, tables, report)
    units = tables["images"][0]
    usable = units.filter(pl.col("status") == "ok")
    parts: list[str] = []
    if fingerprint:
        names = building.renamed_crops(tables["known"][0])
        named = with_names(project.layout, fingerprint, names, digest(names))
        store_embeddings(project, slug, usable, named, done.embedded, done.seconds, embeddings)
        crops = tables["known"][0].filter(pl.col("here"))["crop"].rename("content_hash")
        parts = project.vectors(fingerprint).holding(crops)
    _require_object(project, units, boxes, report.category)
    whole = not done.failed and not (tables["objects"][0]["status"] == UNREAD).any()
    recorded = {
        "seen": seen if whole else None,
        "corrections": numbers_of(corrections),
        "embeddings": embeddings.data_version,
        "parts": parts,
    }
    facts = stored.facts(Facts).model_copy(update=recorded)
    if stored.facts(Facts) != facts:
        project.store.update_facts(stored, facts)


def _tables(project: Project, slug: str, images: pl.DataFrame, boxes: Annotated, corrections: Corrections) -> Tables:
    """The tables of this run."""
    current = project.store.current(slug, "objects")
    known = building.known_of(current.table("known", KNOWN_SCHEMA)) if current is not None else {}
    made = building.Objects(project.settings.objects, known)
    for image in images.sort("key").iter_rows(named=True):
        found = boxes.found.get(image["key"], ())
        made.add(image, correct(found, corrections.get(image["content_hash"], ())))
    for key, reason in boxes.bad_files:
        made.add_bad_file(key, reason)
    return made.tables()


def _without(units: pl.DataFrame, done: Crops) -> pl.DataFrame:
    """The units, with those set aside whose crop could not be embedded."""
    if not done.failed:
        return units
    failed = pl.DataFrame(
        [(name, status, reason) for name, (status, reason) in done.failed.items()],
        schema={"content_hash": pl.String(), "now": pl.String(), "why": pl.String()}, orient="row",
    )  # fmt: skip
    joined = units.join(failed, on="content_hash", how="left", maintain_order="left")
    hit = pl.col("now").is_not_null() & (pl.col("status") == "ok")
    changed = joined.with_columns(
        status=pl.when(hit).then("now").otherwise("status"), reason=pl.when(hit).then("why").otherwise("reason")
    )
    return changed.select(list(IMAGES_SCHEMA))


def _store(project: Project, slug: str, tables: Tables, report: Report) -> Artifact:
    current, params = project.store.current(slug, "objects"), _choosing(project)
    fingerprint = digest(*(frame for frame, _ in tables.values()), params)
    report.unchanged = current is not None and current.provenance.fingerprint == fingerprint
    if current is None or not report.unchanged:
        facts = Facts.of({"detector": project.settings.objects.detector, **building.count(tables)})
        current = project.store.write(
            slug, "objects", tables, fingerprint=fingerprint, created_at=project.now(), params=params, facts=facts
        )
    _describe(current, report)
    report.sample = building.examples(tables["objects"][0])
    return current


def _describe(current: Artifact, report: Report) -> None:
    facts = current.facts(Facts)
    report.counts.update({name: getattr(facts, name) for name in ("images", "objects", "without", "refused", "files")})
    report.effective = dict(current.provenance.params)
    report.data_version, report.path = current.provenance.fingerprint, current.folder


def _report_again(project: Project, current: Artifact, fingerprint: str, report: Report, embeddings: Report) -> None:
    """Fill in the reports from the last run; nothing changed since."""
    report.unchanged = True
    _describe(current, report)
    stored = project.store.current(current.slug, "embeddings") if fingerprint else None
    if stored is not None:
        number = stored.provenance.rows["embeddings"]
        embeddings.counts |= {"vectors": number, "embedded": 0, "reused": number}
        embeddings.data_version, embeddings.unchanged = stored.provenance.fingerprint, True
        embeddings.effective = stored.facts(EmbeddingFacts).stored()
        embeddings.path = project.layout.vectors(fingerprint)


def _require_object(project: Project, units: pl.DataFrame, boxes: Annotated, category: str) -> None:
    if not units.height or (units["status"] == "ok").any():
        return
    first = units.row(0, named=True)
    nowhere = (
        "no file of boxes was found in their folder, at the top of the source, or there in annotations/ or labels/"
    )
    read = f"{boxes.files:,} files of boxes were read" if boxes.files else nowhere
    if boxes.not_here:
        read += f", with boxes of {boxes.not_here:,} images that are not here, such as {boxes.not_here_example!r}"
    if boxes.bad_files:
        read += (
            f"; {len(boxes.bad_files):,} cannot be used, the first is {boxes.bad_files[0][0]}: {boxes.bad_files[0][1]}"
        )
    if uses_model(project.settings.objects.detector):
        read = "the detector looked at each"
    raise AllImagesRejectedError(
        f"No object was found in any of the {units.height:,} images of {category}; {read} "
        f"(objects.detector = {project.settings.objects.detector}). The first image is {first['key']}: "
        f"{first['reason']}. What was published before stays in place. Set objects.unit to image to cluster whole "
        "images."
    )
