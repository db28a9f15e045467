"""What the clustering steps share: doing a stage only when its inputs changed, and which images it works on.

What belongs here: asking whether there is anything to do, storing the result. Not here: any stage (`reduced.py`,
`labels.py`, `identities.py`, `representatives.py`, `similarity.py` beside this file) and any computing (`stages/`).

Copies of one picture are one point: stages work on distinct content hashes, and every image gets the result of its own.

Whether a stage has anything to do is asked twice. First by the versions of what it reads (`seen`), which costs nothing;
only where one of these is new, by a digest of what they hold (`inputs`): a file that was touched and holds what it held
gives new versions and the same digest.
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
from pipeline.storage.artifacts import Artifact, digest


@dataclass(frozen=True)
class Made:
    """What a stage computed and wants stored; `params` are the settings as used."""

    tables: dict[str, tuple[pl.DataFrame, pl.Schema]]
    params: dict[str, Any]
    facts: StageFacts
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])


Compute = Callable[[Artifact | None], Made]


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
    """Run `compute` and store what it returns, unless the stored version was made of the same inputs.

    `model` reads the facts that are reported. `inputs` may be a function, which is not called where the stored version
    has `seen` the same before.
    """
    report = Report(name, project.category_of(slug))
    with project.lock(slug), timed(report):
        current = project.store.current(slug, name)
        report.unchanged = current is not None and bool(seen) and current.facts(StageFacts).seen == seen
        if current is None or not report.unchanged:
            made_of = inputs if isinstance(inputs, str) else inputs()
            report.unchanged = current is not None and current.provenance.fingerprint == made_of
            current = _brought_up(project, slug, name, current, made_of, compute, seen)
    report.data_version = current.provenance.fingerprint
    report.effective = dict(current.provenance.params)
    report.facts = {fact: value for fact, value in current.facts(model).stored().items() if fact != SEEN}
    report.path = current.folder
    return report


def _brought_up(
    project: Project, slug: str, name: str, current: Artifact | None, made_of: str, compute: Compute, seen: str
) -> Artifact:
    """The version of these inputs: the current one, where it is of them, else a new one."""
    if current is not None and current.provenance.fingerprint == made_of:
        return project.store.update_facts(current, StageFacts(seen=seen)) if seen else current
    made = compute(current)
    facts = made.facts.model_copy(update={"seen": seen}) if seen else made.facts
    return project.store.write(
        slug, name, made.tables, fingerprint=made_of, created_at=project.now(), params=made.params, facts=facts,
        files=made.files,
    )  # fmt: skip


@dataclass(frozen=True)
class Usable:
    """The images that a stage works on, read at the first use."""

    project: Project
    slug: str

    @cached_property
    def _read(self) -> tuple[pl.DataFrame, str]:
        return embedded_images(self.project, self.slug)

    @property
    def images(self) -> pl.DataFrame:
        """The usable images that people have not excluded, in order of their id."""
        return self._read[0]

    @property
    def fingerprint(self) -> str:
        """Which vectors are theirs."""
        return self._read[1]

    def seen(self, *further: object) -> str:
        """A digest of the versions that these images come from, and of all that a stage depends on `further`."""
        stored = [self.project.store.require(self.slug, name).provenance for name in ("images", "embeddings")]
        left_out = sorted(excluded_images(self.project, self.slug))
        return digest([one.fingerprint for one in stored], left_out, *further)


def embedded_images(project: Project, slug: str) -> tuple[pl.DataFrame, str]:
    """The usable images that people have not excluded, in order of their id, and which vectors are theirs."""
    images = (
        project.store.require(slug, "images").table("images", IMAGES_SCHEMA)
        .filter(pl.col("status") == "ok").sort("image_id")
    )  # fmt: skip
    if excluded := excluded_images(project, slug):
        images = images.filter(~pl.col("content_hash").is_in(list(excluded)))
    embeddings = project.store.require(slug, "embeddings")
    table = embeddings.table("embeddings", EMBEDDINGS_SCHEMA)
    return images, str(table["fingerprint"][0]) if table.height else ""
