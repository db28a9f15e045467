"""Reading in when nothing changed: told by versions, without opening a table.

What belongs here: what a finished run of `ingest` leaves for the next one, and when that may be believed. Not here:
reading in (`ingest.py`).

It is believed while the manifest holds the same objects, settings and encoder are the same, the stored versions are
those of that run, and the vectors lie where they lay. Objects that were listed and then missing are tried again each
time, so such a run is never remembered.
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
    """A digest of all that `images` and `embeddings` follow from; empty where the manifest does not tell."""
    present = manifest.facts(ManifestFacts).present
    return digest(present, fingerprint, settings) if present else ""


def as_before(project: Project, slug: str, seen: str, fingerprint: str, images: Report, embeddings: Report) -> bool:
    """Whether the last run left nothing to do; then the reports say so. An empty `fingerprint`: nothing is embedded."""
    stored, vectors = project.store.current(slug, "images"), project.store.current(slug, "embeddings")
    if not seen or stored is None:
        return False
    told = stored.facts(Facts).ingested
    if told.seen != seen:
        return False
    if project.layout.journal(slug).exists():
        return False
    here = vectors is not None and vectors.provenance.fingerprint == told.embeddings
    if fingerprint and not (here and project.vectors(fingerprint).has_parts(told.parts)):
        return False
    images.counts |= {"read": 0, **told.counts, "decoded": 0}
    images.facts |= told.facts.model_dump(exclude_unset=True)
    images.sample = list(told.sample)
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
    """Keep what a finished run found; `rows` has `IMAGES_SCHEMA`, `images` is its report."""
    stored = project.store.require(slug, "images")
    embedded = project.store.current(slug, "embeddings") if vectors else None
    told = Ingested()
    if seen and not (rows["status"] == "missing").any():
        counts = {name: value for name, value in images.counts.items() if name not in ("read", "decoded")}
        ok = rows.filter(pl.col("status") == "ok")["content_hash"]
        told = Ingested(
            seen=seen, counts=counts, facts=Bytes(**images.facts), sample=images.sample,
            embeddings=embedded.provenance.fingerprint if embedded else "",
            parts=vectors.holding(ok) if vectors else [],
        )  # fmt: skip
    if stored.facts(Facts).ingested != told:
        project.store.update_facts(stored, Facts(ingested=told))
