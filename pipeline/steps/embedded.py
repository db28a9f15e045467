"""What is embedded: the fingerprint of the vectors, and the table `embeddings`.

What belongs here: both, for whole images and for objects. Not here: embedding (`ingest_pass.py`, `crops.py`), vectors
on disk (`storage/vectors.py`).
"""

import polars as pl

from pipeline.stages.embeddings.contract import EMBEDDINGS_SCHEMA, Facts
from pipeline.stages.embeddings.encoder import Encoder
from pipeline.steps.fingerprints import remembered
from pipeline.steps.project import Project, Report
from pipeline.storage.artifacts import digest

CROPS = 1  # increase when the same box is cut or laid out in another way


def vectors_fingerprint(project: Project, encoder: Encoder | None = None) -> str:
    """A digest that comparable vectors share: the encoder, the background of transparent pixels, and how objects are
    cut. Of this encoder, by default that of the settings."""
    known = encoder.fingerprint if encoder is not None else encoder_fingerprint(project)
    objects = project.settings.objects
    cut = ["object", objects.margin, CROPS] if objects.unit == "object" else []
    return digest(known, project.settings.images.background, *cut)


def encoder_fingerprint(project: Project) -> str:
    """The encoder's fingerprint, stored per spec so that a run with nothing to embed does not load the encoder."""
    from pipeline.adapters.encoders.registry import spec_identity

    return remembered(project, spec_identity(project.settings.encoder.spec), lambda: project.encoder.fingerprint)


def store_embeddings(
    project: Project, slug: str, usable: pl.DataFrame, fingerprint: str, embedded: int, seconds: float, report: Report
) -> None:
    """Store which contents of the `usable` rows have vectors, and fill in the report; `embedded` are new ones."""
    unit = project.settings.objects.unit
    hashes = usable.select("content_hash").unique().sort("content_hash")
    table = hashes.with_columns(pl.lit(fingerprint).alias("fingerprint"))
    version = digest(table)
    current = project.store.current(slug, "embeddings")
    report.unchanged = current is not None and current.provenance.fingerprint == version
    if not report.unchanged:
        encoder = project.settings.encoder
        vectors = project.vectors(fingerprint)
        if vectors.dimension() is None or embedded:
            loaded = project.encoder
            vectors.describe({"spec": encoder.spec, "dimension": loaded.dimension, "fingerprint": loaded.fingerprint,
                              "background": project.settings.images.background, "device": loaded.device})  # fmt: skip
        facts = Facts.of({**vectors.description(), **({} if unit == "image" else {"unit": unit})})
        current = project.store.write(
            slug, "embeddings", {"embeddings": (table, EMBEDDINGS_SCHEMA)}, fingerprint=version,
            created_at=project.now(), params={"spec": encoder.spec}, facts=facts,
        )  # fmt: skip
    report.counts.update({"vectors": hashes.height, "embedded": embedded, "reused": hashes.height - embedded})
    report.data_version = version
    report.seconds = seconds
    report.effective = current.facts(Facts).stored() if current else {}
    if embedded and seconds:
        report.facts["images_per_second"] = round(embedded / seconds, 1)
    report.path = project.layout.vectors(fingerprint)
