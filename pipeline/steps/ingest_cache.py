"""Skips `ingest` when nothing changed, by comparing versions, without opening a table.

What belongs here: the record that a finished run leaves for the next one, and when it is valid. Not here: reading and
embedding (`ingest.py`).

The record is valid while objects, settings, encoder, stored versions and files of vectors are the same. A run that
missed a listed object leaves no record, because such objects are tried again each time.
"""

from typing import Any

import polars as pl

from pipeline.stages.embeddings.contract import Facts as EmbeddingFacts
from pipeline.stages.images.contract import Bytes, Facts, Ingested
from pipeline.stages.manifest.contract import Facts as ManifestFacts
from pipeline.steps.project import Project, Report
from pipeline.storage.artifacts import Artifact, digest
from pipeline.storage.vectors import VectorStore


def seen(manifest: Artifact, fingerprint: str, settings: dict[str, Any]) -> str:
    """A digest of all inputs of `images` and `embeddings`; empty for a manifest without a digest of its own."""
    present = manifest.facts(ManifestFacts).present
    return digest(present, fingerprint, settings) if present else ""


def reuse_last_run(
    project: Project, slug: str, seen: str, fingerprint: str, images: Report, embeddings: Report
) -> bool:
    """Fill in the reports from the last run and return True, if nothing changed since. `fingerprint` is empty if
    nothing is embedded."""
    stored, vectors = project.store.current(slug, "images"), project.store.current(slug, "embeddings")
    if not seen or stored is None:
        return False
    last_run = stored.facts(Facts).ingested
    if last_run.seen != seen:
        return False
    if project.layout.journal(slug).exists():
        return False
    here = vectors is not None and vectors.provenance.fingerprint == last_run.embeddings
    if fingerprint and not (here and project.vectors(fingerprint).has_parts(last_run.parts)):
        return False
    images.counts |= {"read": 0, **last_run.counts, "decoded": 0}
    images.facts |= last_run.facts.model_dump(exclude_unset=True)
    images.sample = list(last_run.sample)
    images.data_version, images.path, images.unchanged = stored.provenance.fingerprint, stored.folder, True
    if fingerprint and vectors is not None:
        number = vectors.provenance.rows["embeddings"]
        embeddings.counts |= {"vectors": number, "embedded": 0, "reused": number}
        embeddings.data_version, embeddings.unchanged = vectors.provenance.fingerprint, True
        embeddings.effective = vectors.facts(EmbeddingFacts).stored()
        embeddings.path = project.layout.vectors(fingerprint)
    return True


def remember(
    project: Project, slug: str, seen: str, rows: pl.DataFrame, images: Report, vectors: VectorStore | None
) -> None:
    """Store the record of a finished run; `rows` has `IMAGES_SCHEMA`, `images` is its report."""
    stored = project.store.require(slug, "images")
    embedded = project.store.current(slug, "embeddings") if vectors else None
    this_run = Ingested()
    if seen and not (rows["status"] == "missing").any():
        counts = {name: value for name, value in images.counts.items() if name not in ("read", "decoded")}
        ok = rows.filter(pl.col("status") == "ok")["content_hash"]
        this_run = Ingested(
            seen=seen, counts=counts, facts=Bytes(**images.facts), sample=images.sample,
            embeddings=embedded.provenance.fingerprint if embedded else "",
            parts=vectors.holding(ok) if vectors else [],
        )  # fmt: skip
    if stored.facts(Facts).ingested != this_run:
        project.store.update_facts(stored, Facts(ingested=this_run))
