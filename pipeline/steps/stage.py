"""What the clustering steps share: doing a stage only when its inputs changed, and which images it works on.

What belongs here: asking whether there is anything to do, storing the result. Not here: any stage (`reduced.py`,
`labels.py`, `identities.py`, `representatives.py`, `similarity.py` beside this file) and any computing (`stages/`).

Copies of one picture are one point: stages work on distinct content hashes, and every image gets the result of its own.
"""

from collections.abc import Callable
from typing import Any

import polars as pl

from pipeline.stages.images import IMAGES_SCHEMA
from pipeline.steps.curation import excluded_images
from pipeline.steps.project import Project, Report, timed
from pipeline.storage.artifacts import Artifact

Compute = Callable[[Artifact | None], dict[str, Any]]


def run_stage(project: Project, slug: str, name: str, inputs: str, compute: Compute) -> Report:
    """Run `compute` and store what it returns, unless the stored version was made of the same inputs."""
    report = Report(name, project.category_of(slug))
    with project.lock(slug), timed(report):
        current = project.store.current(slug, name)
        report.unchanged = current is not None and current.provenance.fingerprint == inputs
        if current is None or not report.unchanged:
            current = project.store.write(
                slug, name, fingerprint=inputs, created_at=project.now(), **compute(current)
            )  # fmt: skip
    report.data_version = inputs
    report.effective = dict(current.provenance.params)
    report.facts = dict(current.provenance.facts)
    report.path = current.folder
    return report


def embedded_images(project: Project, slug: str) -> tuple[pl.DataFrame, str]:
    """The usable images that people have not excluded, in order of their id, and which vectors are theirs."""
    from pipeline.steps.ingest import EMBEDDINGS_SCHEMA

    images = (
        project.store.require(slug, "images").table("images", IMAGES_SCHEMA)
        .filter(pl.col("status") == "ok").sort("image_id")
    )  # fmt: skip
    if excluded := excluded_images(project, slug):
        images = images.filter(~pl.col("content_hash").is_in(list(excluded)))
    embeddings = project.store.require(slug, "embeddings")
    table = embeddings.table("embeddings", EMBEDDINGS_SCHEMA)
    return images, str(table["fingerprint"][0]) if table.height else ""
