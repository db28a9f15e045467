"""`images`, `embeddings` → `duplicates`: groups of images that are the same picture, and which one to keep.

What belongs here: which thumbnails need a signature, reading vectors, storing, and the document of duplicates. Not
here: signatures and groups (`stages/duplicates/signatures.py`, `stages/duplicates/groups.py`). Nothing is ever deleted.
"""

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import polars as pl

from pipeline.runtime.cpu import usable_cores
from pipeline.stages.duplicates import groups as finding
from pipeline.stages.duplicates.candidate_pairs import Compared
from pipeline.stages.duplicates.contract import (
    AGREED_SCHEMA,
    COMPARED_SCHEMA,
    DUPLICATES_SCHEMA,
    SIGNATURES_SCHEMA,
    Facts,
)
from pipeline.stages.duplicates.signatures import signature
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.manifest.bucket_manifest import UNKNOWN_SIZE
from pipeline.stages.published import duplicates as documents
from pipeline.stages.published.entries import with_fragment
from pipeline.steps.decided import kept_pairs
from pipeline.steps.project import Project, Report
from pipeline.steps.stage import StageResult, Usable, run_stage
from pipeline.steps.thumbnails import make_lost
from pipeline.steps.units import boxes, units
from pipeline.storage.artifacts import Artifact, digest
from pipeline.storage.layout import NAMES_MARK

CODE = 4  # increase when the same inputs give another result
SIGNATURE_CODE = 1  # increase when a thumbnail gives another signature
COLUMNS = ["image_id", "key", "content_hash", "size", "width", "height"]
CHUNK = 1024  # thumbnails in memory


def duplicates(project: Project, slug: str) -> Report:
    """Bring `duplicates` up to date. Pairs that people marked as not duplicates share no group."""
    params = project.settings.duplicates
    usable = Usable(project, slug)
    used = params.model_dump(exclude={"collapse"})
    pairs = sorted((min(pair), max(pair)) for pair in kept_pairs(project, slug))

    def compute(current: Artifact | None) -> StageResult:
        wanted, fingerprint = usable.images.select(COLUMNS), usable.fingerprint
        current_here = _with_same_crops(current, fingerprint)
        signatures = _signatures(project, slug, current_here, wanted["content_hash"].unique().sort().to_list())
        contents = finding.by_quality(wanted, signatures)
        vectors = project.vectors(fingerprint).read(contents["content_hash"].to_list())
        same = (fingerprint, used, CODE, SIGNATURE_CODE)
        previous = _last_comparison(current) if current is not None and current.facts(Facts).compared == same else None
        groups = finding.find_duplicates(wanted, contents, vectors, params, pairs, previous)
        unsigned = signatures["phash"].null_count()
        return StageResult(
            tables={
                "duplicates": (groups.table, DUPLICATES_SCHEMA),
                "signatures": (signatures, SIGNATURES_SCHEMA),
                "compared": (groups.compared.contents, COMPARED_SCHEMA),
                "agreed": (groups.compared.pairs, AGREED_SCHEMA),
            },
            params=used,
            facts=Facts.model_validate(
                {**groups.facts, "images": wanted.height, "without_thumbnail": unsigned, "signatures": SIGNATURE_CODE,
                 "compared": same, "searched": groups.searched}
            ),
        )  # fmt: skip

    def inputs() -> str:
        return digest(usable.images.select(COLUMNS), usable.fingerprint, used, pairs, CODE, SIGNATURE_CODE)

    seen = usable.seen(used, pairs, CODE, SIGNATURE_CODE)
    report = run_stage(project, slug, "duplicates", Facts, inputs, compute, seen=seen)
    report.counts = _counts(report.facts)
    return report


def stored_counts(project: Project, slug: str) -> dict[str, int] | None:
    """The counts of the last search; None if there was none."""
    stored = project.store.current(slug, "duplicates")
    return _counts(stored.facts(Facts).stored()) if stored is not None else None


def _counts(facts: Mapping[str, Any]) -> dict[str, int]:
    names = ("images", *(f"{level}_{what}" for level in finding.LEVELS for what in ("groups", "images")))
    return {name: int(facts[name]) for name in (*names, "proposed_to_go", "bytes_saved")}


def counts_as(project: Project, slug: str, hashes: pl.Series) -> pl.Series:
    """For each content hash the one that represents it in clustering: itself, unless `duplicates.collapse` is set.

    Raises `MissingArtifactError` if it is set and `duplicates` was never computed.
    """
    if not project.settings.duplicates.collapse:
        return hashes
    table = project.store.require(slug, "duplicates").table("duplicates", DUPLICATES_SCHEMA)
    return pl.Series(hashes.name, finding.counts_as(table, hashes.to_list()), dtype=pl.String())


def groups_of_copies(project: Project, slug: str, grouped: pl.DataFrame) -> int:
    """How many groups hold only near copies of one picture (`finding.of_copies_only`); 0 without `duplicates`."""
    stored = project.store.current(slug, "duplicates")
    return finding.of_copies_only(stored.table("duplicates", DUPLICATES_SCHEMA), grouped) if stored is not None else 0


def collapsed(project: Project, slug: str) -> list[str]:
    """The version of `duplicates` as a further input of clustering; empty unless `duplicates.collapse` is set."""
    if not project.settings.duplicates.collapse:
        return []
    return [project.store.require(slug, "duplicates").provenance.fingerprint]


def duplicates_document(project: Project, slug: str, levels: Collection[str] = finding.LEVELS) -> dict[str, Any]:
    """duplicates.json with the groups of these levels; its time is that of the search for duplicates."""
    stored = project.store.require(slug, "duplicates")
    table = stored.table("duplicates", DUPLICATES_SCHEMA)
    names = [*COLUMNS, "group", "identifier"]
    images = units(project.store, slug).table("images", IMAGES_SCHEMA, names).drop("content_hash")
    found = boxes(project.store, slug).select(pl.col("object_id").alias("image_id"), "x", "y", "w", "h")
    if found.height:
        images = images.join(found, on="image_id", how="left", maintain_order="left").with_columns(
            pl.struct("key", "x", "y", "w", "h").map_elements(_object_name, return_dtype=pl.String()).alias("key"),
            size=pl.lit(UNKNOWN_SIZE, pl.Int64()),  # removing an object frees no bytes
        )
    rows = (
        table.filter(pl.col("level").is_in(list(levels)))
        .join(images, on="image_id", how="left", maintain_order="left")
        .with_columns(pl.col("distance").cast(pl.Float64()).round(4))
        .rename({"group": "country", "group_id": "group", "size": "bytes"})
        .with_columns(pl.when(pl.col("bytes") >= 0).then("bytes"))  # manifest.json may give no size
    )
    return documents.build_duplicates(
        project.category_of(slug), rows.iter_rows(named=True), stored.provenance.params,
        generated_at=stored.provenance.created_at,
    )  # fmt: skip


def _object_name(row: dict[str, Any]) -> str:
    box = [row[side] for side in "xywh"]
    return row["key"] if None in box else with_fragment(row["key"], box)


def published_duplicates(project: Project, slug: str) -> dict[str, Any] | None:
    """duplicates.json as published; None if `duplicates` was never computed. Raises `PublishRefusedError`."""
    if project.store.current(slug, "duplicates") is None:
        return None
    document = duplicates_document(project, slug)
    documents.validate_duplicates(document)
    return document


def _last_comparison(current: Artifact) -> Compared:
    """The comparisons of the last search, for the next one to build on."""
    return Compared(current.table("compared", COMPARED_SCHEMA), current.table("agreed", AGREED_SCHEMA))


def _with_same_crops(current: Artifact | None, fingerprint: str) -> Artifact | None:
    """The stored version, unless the crops of objects have changed since, whose thumbnails are other pictures now."""
    compared = current.facts(Facts).compared if current is not None else None
    before = compared[0] if compared is not None else fingerprint
    return None if before != fingerprint and NAMES_MARK in before + fingerprint else current


def _signatures(project: Project, slug: str, current: Artifact | None, hashes: list[str]) -> pl.DataFrame:
    """The signature of every content, in the order of `hashes`. Computes only those that are not stored."""
    stored = pl.DataFrame(schema=SIGNATURES_SCHEMA)
    if current is not None and current.facts(Facts).signatures == SIGNATURE_CODE:
        stored = current.table("signatures", SIGNATURES_SCHEMA).filter(pl.col("phash").is_not_null())
    signed = set(stored["content_hash"].to_list())
    unsigned = [name for name in hashes if name not in signed]
    make_lost(project, slug, unsigned)
    fresh = pl.DataFrame(list(_compute_signatures(project, unsigned)), schema=SIGNATURES_SCHEMA, orient="row")
    wanted = pl.DataFrame({"content_hash": hashes}, schema={"content_hash": pl.String()})
    return wanted.join(pl.concat([stored, fresh]), on="content_hash", how="left", maintain_order="left")


def _compute_signatures(project: Project, hashes: list[str]) -> Iterator[tuple[Any, ...]]:
    def sign(name: str) -> tuple[Any, ...]:
        data = project.thumbnails.read(name)
        signed = signature(data) if data is not None else None
        if signed is None:
            return (name, None, None, None, None)
        return (name, signed.phash, signed.contrast, signed.sharpness, signed.tiny)

    with ThreadPoolExecutor(usable_cores(), thread_name_prefix="sign") as pool:
        for start in range(0, len(hashes), CHUNK):
            yield from pool.map(sign, hashes[start : start + CHUNK])
            project.talk.progress("compare", min(start + CHUNK, len(hashes)), len(hashes))
