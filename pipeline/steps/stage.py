"""What the clustering steps share: running a stage only when its inputs changed, and which images it works on.

What belongs here: deciding whether a stage must run, storing its result. Not here: the stages (`reduced.py`,
`labels.py`, `identities.py`, `representatives.py`, `similarity.py` beside this file), computing (`stages/`).

Two checks decide whether a stage must run. The first compares the versions of its inputs (`seen`), which costs nothing.
Only if a version is new, the second compares a digest of the contents (`inputs`): a file that was touched but not
changed gives a new version and the same digest.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import polars as pl

from pipeline.stages.contract import SEEN, StageFacts
from pipeline.stages.embeddings.contract import EMBEDDINGS_SCHEMA
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.steps.decided import excluded_images
from pipeline.steps.project import Project, Report, timed
from pipeline.steps.units import units
from pipeline.storage.artifacts import Artifact, digest


@dataclass(frozen=True)
class StageResult:
    """The result of a stage, to be stored; `params` are the effective settings."""

    tables: dict[str, tuple[pl.DataFrame, pl.Schema]]
    params: dict[str, Any]
    facts: StageFacts
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])


Compute = Callable[[Artifact | None], StageResult]


def run_stage(
    project: Project,
    slug: str,
    name: str,
    model: type[StageFacts],
    inputs: str | Callable[[], str],
    compute: Compute,
    *,
    seen: str = "",
) -> Report:
    """Run `compute` and store its result, unless the stored version has the same inputs.

    `model` reads the facts that are reported. `inputs` may be a function; it is not called if the stored version has
    the same `seen`.
    """
    report = Report(name, project.category_of(slug))
    with project.lock(slug), timed(report):
        current = project.store.current(slug, name)
        report.unchanged = current is not None and bool(seen) and current.facts(StageFacts).seen == seen
        if current is None or not report.unchanged:
            input_digest = inputs if isinstance(inputs, str) else inputs()
            report.unchanged = current is not None and current.provenance.fingerprint == input_digest
            current = _current_or_new(project, slug, name, current, input_digest, compute, seen)
    report.data_version = current.provenance.fingerprint
    report.effective = dict(current.provenance.params)
    report.facts = {fact: value for fact, value in current.facts(model).stored().items() if fact != SEEN}
    report.path = current.folder
    return report


def _current_or_new(
    project: Project, slug: str, name: str, current: Artifact | None, input_digest: str, compute: Compute, seen: str
) -> Artifact:
    """The current version if it has these inputs, else a new one."""
    if current is not None and current.provenance.fingerprint == input_digest:
        return project.store.update_facts(current, StageFacts(seen=seen)) if seen else current
    made = compute(current)
    facts = made.facts.model_copy(update={"seen": seen}) if seen else made.facts
    return project.store.write(
        slug, name, made.tables, fingerprint=input_digest, created_at=project.now(), params=made.params, facts=facts,
        files=made.files,
    )  # fmt: skip


@dataclass(frozen=True)
class Usable:
    """The images that a stage works on. Read at the first use."""

    project: Project
    slug: str

    @cached_property
    def _read(self) -> tuple[pl.DataFrame, str]:
        return embedded_images(self.project, self.slug)

    @property
    def images(self) -> pl.DataFrame:
        """The usable images that people did not exclude, sorted by id."""
        return self._read[0]

    @property
    def fingerprint(self) -> str:
        """The fingerprint of their vectors."""
        return self._read[1]

    def seen(self, *further: object) -> str:
        """A digest of the versions behind these images, the excluded images, and the `further` inputs of a stage."""
        stored = [units(self.project.store, self.slug).provenance]
        stored.append(self.project.store.require(self.slug, "embeddings").provenance)
        left_out = sorted(excluded_images(self.project, self.slug))
        return digest([provenance.fingerprint for provenance in stored], left_out, *further)


def embedded_images(project: Project, slug: str) -> tuple[pl.DataFrame, str]:
    """The usable images that people did not exclude, sorted by id, and the fingerprint of their vectors."""
    images = (
        units(project.store, slug).table("images", IMAGES_SCHEMA)
        .filter(pl.col("status") == "ok").sort("image_id")
    )  # fmt: skip
    if excluded := excluded_images(project, slug):
        images = images.filter(~pl.col("content_hash").is_in(list(excluded)))
    embeddings = project.store.require(slug, "embeddings")
    table = embeddings.table("embeddings", EMBEDDINGS_SCHEMA)
    return images, str(table["fingerprint"][0]) if table.height else ""
