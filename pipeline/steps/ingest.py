"""Objects → images and embeddings, in one pass. Reads each new or changed object once and decodes it at most once.

What belongs here: deciding what must be read, and storing the tables. Not here: the pass itself (`ingest_pass.py`),
skipping a run without changes (`ingest_cache.py`).
"""

import shutil
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.errors import AllImagesRejectedError
from pipeline.stages.images.contract import IMAGES_SCHEMA, Facts
from pipeline.stages.manifest.contract import MANIFEST_SCHEMA
from pipeline.steps import ingest_cache
from pipeline.steps.embedded import store_embeddings, vectors_fingerprint
from pipeline.steps.encoder_choice import for_category
from pipeline.steps.ingest_pass import IngestPass
from pipeline.steps.known_images import known_images
from pipeline.steps.lost_contents import read_again, take_out_lost
from pipeline.steps.objects import objects
from pipeline.steps.project import Project, Report, timed
from pipeline.steps.reading import ASKED_AGAIN
from pipeline.steps.renamed import recognise
from pipeline.storage.artifacts import Artifact, digest
from pipeline.storage.files import write_atomically
from pipeline.storage.layout import TABLE_SUFFIX

CODE = 4  # increase when decoding returns something else, so that stored rows are computed again
USABLE_SINCE = 1  # rows of usable images are kept from this CODE on; only rejected images are tried again


def ingest(project: Project, slug: str, *, embed: bool = True) -> list[Report]:
    """Bring `images`, `objects` and, with `embed`, `embeddings` of one category up to date.

    `objects` is reported only if objects are the unit (`objects.unit`). Carries over results if the category was
    renamed. Decoding is logged (`storage/attempts.py`), so that a file that killed an earlier run is decoded in a
    process of its own. The encoder is the one in force for this category. Raises `AllImagesRejectedError`.
    """
    project = for_category(project, slug)
    category = project.category_of(slug)
    images, embeddings = Report("images", category), Report("embeddings", category)
    with_objects = project.settings.objects.unit == "object"
    reports = [images]
    with project.lock(slug):
        with timed(images):
            source = project.store.require(slug, "manifest")
            whole = embed and not with_objects
            fingerprint = vectors_fingerprint(project) if whole else ""
            seen = ingest_cache.seen(source, fingerprint, _decode_settings(project))
            lost = bool(take_out_lost(project, slug))
            if lost or not ingest_cache.reuse_last_run(project, slug, seen, fingerprint, images, embeddings):
                _update(project, slug, source, fingerprint, seen, images, embeddings, embed=whole, lost=lost)
        images.seconds -= embeddings.seconds  # one pass makes both
        if with_objects:
            reports += objects(project, slug, embed=embed)
        elif embed:
            reports.append(embeddings)
    recognise(project, slug)
    return reports


def _update(
    project: Project,
    slug: str,
    source: Artifact,
    fingerprint: str,
    seen: str,
    images: Report,
    embeddings: Report,
    *,
    embed: bool,
    lost: bool,
) -> None:
    """Read what is new or changed in `source`, the manifest, and store both artefacts.

    `fingerprint`: of the vectors. `seen`: of the inputs of this run. `lost`: whether lost contents are made again.
    """
    present = source.table("manifest", MANIFEST_SCHEMA).filter(pl.col("change") != "removed")
    rows = _reusable_rows(project, slug, present)
    vectors = project.vectors(fingerprint) if embed else None
    with_vector: set[str] = vectors.known() if vectors else set()
    usable = rows.filter(pl.col("status") == "ok")
    todo = _to_read(present, rows, usable, with_vector if embed else None)
    images.counts["read"] = todo.height
    reading = IngestPass(project, slug, vectors, with_vector, known_images(project, slug, todo, present))
    reading.readable, reading.others = usable["key"].tail(ASKED_AGAIN).to_list(), present.height - todo.height
    reading.run(todo)
    rows = pl.concat([rows, reading.frame]).unique("image_id", keep="last").sort("key")
    if lost:
        read_again(project, slug, present, rows, known_images(project, slug, present, present))
    project.contents.compact(slug)
    project.cameras(slug).compact()
    _store_images(project, slug, rows, images)
    if vectors is not None:
        vectors.compact(slug)
        embeddings.facts |= reading.workers
        usable = rows.filter(pl.col("status") == "ok")
        store_embeddings(project, slug, usable, fingerprint, reading.embedded, reading.seconds, embeddings)
    _require_usable_image(project, rows, images.category)
    _remember_contents(project, slug)
    ingest_cache.remember(project, slug, seen, rows, images, vectors)
    images.counts["decoded"] = reading.decoded


def _to_read(
    present: pl.DataFrame, rows: pl.DataFrame, usable: pl.DataFrame, with_vector: Collection[str] | None
) -> pl.DataFrame:
    """The manifest rows whose objects must be read: those without a row, and one per image without a vector.

    `with_vector` None: vectors are not wanted.
    """
    missing = present.filter(~pl.col("image_id").is_in(rows["image_id"].implode()))
    if with_vector is None:
        return missing
    unembedded = usable.filter(~pl.col("content_hash").is_in(list(with_vector)))
    one_each = unembedded.unique("content_hash", maintain_order=True).select("image_id")
    return pl.concat([missing, present.join(one_each, on="image_id", how="semi", maintain_order="left")])


def _reusable_rows(project: Project, slug: str, present: pl.DataFrame) -> pl.DataFrame:
    """Rows of earlier runs, finished or killed, whose object and settings did not change."""
    settings = _decode_settings(project)
    frames: list[pl.DataFrame] = []
    current = project.store.current(slug, "images")
    if current is not None and current.provenance.params == settings:
        frames.append(current.table("images", IMAGES_SCHEMA))
    elif current is not None and _still_usable(current.provenance.params, settings):
        frames.append(current.table("images", IMAGES_SCHEMA).filter(pl.col("status") == "ok"))
    journal, written_for = project.layout.journal(slug), project.layout.journal_settings(slug)
    if journal.exists() and written_for.exists() and written_for.read_text() == digest(settings):
        parts = (path for path in sorted(journal.glob(f"*{TABLE_SUFFIX}")) if not path.name.startswith("."))
        frames.extend(pl.read_parquet(path, glob=False) for path in parts)
    else:
        shutil.rmtree(journal, ignore_errors=True)
        journal.mkdir(parents=True)
        write_atomically(written_for, digest(settings).encode())
    if not frames:
        return pl.DataFrame(schema=IMAGES_SCHEMA)
    earlier = pl.concat(frames).unique("image_id", keep="last").filter(pl.col("status") != "missing")
    same = present.select("image_id", "key", "etag", "size", "group", "identifier")
    return (
        earlier.drop("group", "identifier")
        .join(same, on=["image_id", "key", "etag", "size"], how="inner")
        .select(list(IMAGES_SCHEMA))
        .sort("key")
    )


def _still_usable(before: dict[str, Any], settings: dict[str, Any]) -> bool:
    """Whether usable rows stay valid: same limits, and decoded with version `USABLE_SINCE` or later."""
    return before | {"code": CODE} == settings and before.get("code", 0) >= USABLE_SINCE


def _decode_settings(project: Project) -> dict[str, Any]:
    images = project.settings.images
    return {"code": CODE, "max_megapixels": images.max_megapixels, "max_megabytes": images.max_megabytes}


def _remember_contents(project: Project, slug: str) -> None:
    stored, parts = project.store.require(slug, "images"), project.contents.parts(slug)
    if stored.facts(Facts).contents != parts:
        project.store.update_facts(stored, Facts(contents=parts))


def _store_images(project: Project, slug: str, rows: pl.DataFrame, report: Report) -> None:
    current = project.store.current(slug, "images")
    fingerprint = digest(rows, _decode_settings(project))
    report.unchanged = current is not None and current.provenance.fingerprint == fingerprint
    if not report.unchanged:
        current = project.store.write(
            slug, "images", {"images": (rows, IMAGES_SCHEMA)}, fingerprint=fingerprint, created_at=project.now(),
            params=_decode_settings(project), facts=Facts(contents=project.contents.parts(slug)),
        )  # fmt: skip
    shutil.rmtree(project.layout.journal(slug), ignore_errors=True)
    status: Counter[str] = Counter(rows["status"].to_list())
    report.counts.update({"images": rows.height, "ok": status.pop("ok", 0), **status})
    report.data_version = fingerprint
    report.path = current.folder if current else Path()
    report.sample = rows.filter(pl.col("status") != "ok").select("key", "status", "reason").head(10).to_dicts()
    report.facts["bytes"] = int(rows["size"].sum())


def _require_usable_image(project: Project, rows: pl.DataFrame, category: str) -> None:
    if rows.height and not (rows["status"] == "ok").any():
        counts = dict(Counter(rows["status"].to_list()).most_common())
        first = rows.row(0, named=True)
        raise AllImagesRejectedError(
            f"None of the {rows.height:,} images of {category} could be used: "
            f"{', '.join(f'{number} {status}' for status, number in counts.items())}. "
            f"The first is {first['key']}: {first['reason'].rstrip('.')}. What was published before stays in place. "
            f"See the images table in {project.layout.root}."
        )
