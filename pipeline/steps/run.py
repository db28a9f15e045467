"""The steps in their order: what the command line and the demo run, and what Dagster's job runs as assets.

What belongs here: the order and the summary. Not here: any step (`manifest.py`, `ingest.py`, one file for each,
beside this one).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.errors import DamagedArtifactError, DamagedVectorsError
from pipeline.steps.categories import select_categories
from pipeline.steps.duplicates import duplicates
from pipeline.steps.each import Failure, each_category, some
from pipeline.steps.identities import identities
from pipeline.steps.ingest import ingest
from pipeline.steps.labels import labels
from pipeline.steps.manifest import manifest
from pipeline.steps.project import Project, Report
from pipeline.steps.publish import publish, usable_counts
from pipeline.steps.reduced import reduced
from pipeline.steps.representatives import representatives
from pipeline.steps.similarity import similarity
from pipeline.storage.healing import heal
from pipeline.storage.integrity import remove_part
from pipeline.storage.layout import DOCUMENT, PAGE
from pipeline.storage.source_record import record_of, write_source

CLUSTER_STEPS = (duplicates, reduced, labels, identities, representatives, similarity)


@dataclass
class CategoryRun:
    """The reports of one category's steps, by artefact."""

    slug: str
    category: str
    reports: dict[str, Report] = field(default_factory=dict[str, Report])

    def add(self, report: Report) -> None:
        self.reports[report.artifact] = report

    @property
    def nothing_new(self) -> bool:
        return all(report.unchanged for report in self.reports.values())

    def summary(self) -> dict[str, Any]:
        """The figures to show at the end, with the paths of the publication."""
        published, images = self.reports["published"], self.reports["images"]
        counts = published.counts
        total = counts["images"]
        reasons = {name: number for name, number in images.counts.items()
                   if name in ("broken", "missing", "too_large", "not_an_image", "unreadable")}  # fmt: skip
        usable = usable_counts(counts)
        unclustered = counts.get("objects_unclustered", counts["unclustered"])
        return {
            "category": self.category,
            "images": total,
            **({"objects": counts["objects_found"]} if "objects_found" in counts else {}),
            "clusters": counts["clusters"],
            "clustered": counts["clustered"],
            "unclustered": counts["unclustered"],
            "unclustered_share": round(unclustered / usable, 4) if usable else 0.0,
            "set_aside": counts["rejected"],
            "set_aside_reasons": reasons,
            "largest_cluster_share": round(counts["largest"] / usable, 4) if usable else 0.0,
            "read": images.counts.get("read", 0),
            "embedded": self.reports["embeddings"].counts["embedded"],
            "nothing_new": self.nothing_new,
            "headline": published.facts.get("headline", ""),
            "warning": published.facts.get("warning", ""),
            "clustering": self._clustering(),
            "seconds": {name: round(report.seconds, 2) for name, report in self.reports.items()},
            "settings": published.effective,
            "clusters_json": str(published.path / DOCUMENT) if published.path else "",
            "clusters_html": str(published.path / PAGE) if published.path else "",
        }

    def _clustering(self) -> str:
        """Whether all images were clustered again or only new ones placed, and why; empty if nothing was done."""
        report = self.reports["labels"]
        if report.unchanged or "mode" not in report.facts:
            return ""
        return f"{report.facts['mode']}: {report.facts['why']}"


def run_category(project: Project, slug: str, *, sample: int | None = None) -> CategoryRun:
    """All steps of one category. A damaged stored result is repaired, and the steps start again."""
    mended: set[str] = set()
    while True:
        try:
            return _run_category(project, slug, sample=sample)
        except DamagedArtifactError as error:
            if error.slug != slug or error.name in mended:
                raise
            mended.add(error.name)
            project.talk.notice(f"{error} {heal(project.store, slug, error.name)}")
        except DamagedVectorsError as error:
            for part in error.parts:  # what is gone is not read again, so this comes to an end
                remove_part(part)
            project.talk.notice(str(error))


def _run_category(project: Project, slug: str, *, sample: int | None) -> CategoryRun:
    done = CategoryRun(slug, project.category_of(slug))
    project.curation.checked(slug)  # first of all: a result without lost decisions would be wrong
    done.add(manifest(project, slug, sample=sample))
    for report in ingest(project, slug):
        done.add(report)
    for step in CLUSTER_STEPS:
        done.add(step(project, slug))
    done.add(publish(project, slug))
    return done


def cluster_again(project: Project, slug: str) -> dict[str, Any]:
    """The stored vectors of one category clustered and published anew; reads no image. Returns figures for people.

    `held`: why the result was not published, if it was not.
    """
    project.curation.checked(slug)
    reports = {report.artifact: report for report in (step(project, slug) for step in CLUSTER_STEPS)}
    published = publish(project, slug)
    counts = reports["identities"].counts
    return {"category": project.category_of(slug), "clusters": counts["clusters"], "unclustered": counts["unclustered"],
            "images": counts["images"], "headline": published.facts.get("headline", ""),
            "held": published.facts.get("held", []), "candidate": published.facts.get("candidate", "")}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """The outcome of each category: finished with its reports, or failed with the reason."""

    finished: list[CategoryRun]
    failures: list[Failure]

    def summaries(self) -> list[dict[str, Any]]:
        """One row per category, failed ones last; their column `failed` gives the reason."""
        return [*(done.summary() for done in self.finished), *(failure.summary() for failure in self.failures)]


def run(project: Project, wanted: Sequence[str] = (), *, sample: int | None = None) -> Run:
    """All steps of the named categories, or of every category of the source.

    A failing category does not stop the others: the caller must look at `failures` (`raise_failures`). Raises what
    listing the categories raises.
    """
    slugs = select_categories(project, wanted)
    source = project.settings.source
    write_source(project.layout, record_of(source.url, source.categories))
    if not slugs:
        project.talk.notice(
            f"{project.bucket.url} holds no images: no folder at its top and no image beside one. Nothing was done."
        )
    if not wanted and len(slugs) > 1 and not project.store.slugs_with("identities"):
        names = [project.category_of(slug) for slug in slugs]
        project.talk.notice(f"{len(slugs)} categories, one for each top folder: {some(names)}. "
                            "To read them as one library, stop this and use --single.")  # fmt: skip
    return Run(*each_category(project, slugs, lambda slug: run_category(project, slug, sample=sample)))
