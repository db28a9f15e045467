"""The steps in their order: what the command line and the demo run, and what Dagster's job runs as assets.

What belongs here: the order and the summary. Not here: any step (`manifest.py`, `ingest.py`, one file for each,
beside this one).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import DamagedArtifactError, DamagedVectorsError, NoImagesError
from pipeline.steps.categories import select_categories
from pipeline.steps.duplicates import duplicates
from pipeline.steps.each import Failure, each_category, some
from pipeline.steps.identities import identities
from pipeline.steps.ingest import ingest
from pipeline.steps.labels import labels
from pipeline.steps.manifest import manifest
from pipeline.steps.project import Project, Report
from pipeline.steps.publish import PublishReport, publish
from pipeline.steps.published_result import usable_counts
from pipeline.steps.recorded_source import require_same_way
from pipeline.steps.reduced import reduced
from pipeline.steps.representatives import representatives
from pipeline.steps.similarity import similarity
from pipeline.storage.healing import heal
from pipeline.storage.history import read_history
from pipeline.storage.integrity import remove_part
from pipeline.storage.layout import DOCUMENT, PAGE
from pipeline.storage.source_record import SourceRecord, read_source, record_of, write_source

_WHAT_TO_CHECK = (
    "Nothing was done. Is it the right folder or prefix? `image-cluster check SOURCE` says what it holds, and the "
    "setting source.skip_names what is skipped."
)
FEW_EXAMPLES = 3  # images set aside that are named at the end of a run
CLUSTER_STEPS = (duplicates, reduced, labels, identities, representatives, similarity)


@dataclass(frozen=True)
class CategoryRun:
    """The reports of one category's steps: those before publishing by artefact, and `published`."""

    slug: str
    category: str
    before: dict[str, Report]
    published: PublishReport

    @property
    def reports(self) -> dict[str, Report]:
        """All reports by artefact, in the order of the steps."""
        return {**self.before, self.published.artifact: self.published}

    @property
    def nothing_new(self) -> bool:
        return all(report.unchanged for report in self.reports.values())

    def summary(self) -> dict[str, Any]:
        """The figures to show at the end, with the paths of the publication."""
        published, images = self.published, self.before["images"]
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
            "set_aside_examples": images.sample[:FEW_EXAMPLES],
            "largest_cluster_share": round(counts["largest"] / usable, 4) if usable else 0.0,
            "read": images.counts.get("read", 0),
            "embedded": self.before["embeddings"].counts["embedded"],
            "nothing_new": self.nothing_new,
            "headline": published.headline,
            "warning": published.warning,
            "clustering": self._clustering(),
            "seconds": {name: round(report.seconds, 2) for name, report in self.reports.items()},
            "settings": published.effective,
            "clusters_json": str(published.path / DOCUMENT) if published.path else "",
            "clusters_html": str(published.path / PAGE) if published.path else "",
        }

    def _clustering(self) -> str:
        """Whether all images were clustered again or only new ones placed, and why; empty if nothing was done."""
        report = self.before["labels"]
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
    category = project.category_of(slug)
    project.curation.checked(slug)  # first of all: a result without lost decisions would be wrong
    listed = manifest(project, slug, sample=sample)
    if not listed.counts["images"] and not _was_published_with_images(project, slug):
        raise NoImagesError(f"{project.bucket.url} holds no image of category {category}. {_WHAT_TO_CHECK}")
    reports = [listed, *ingest(project, slug), *(step(project, slug) for step in CLUSTER_STEPS)]
    return CategoryRun(slug, category, {report.artifact: report for report in reports}, publish(project, slug))


def _record_source(project: Project) -> None:
    """Record the source for commands that are not told one. Gives a notice if stored results are of another source."""
    source = project.settings.source
    before, now = read_source(project.layout), record_of(source.url, source.categories)
    was, reads = (_address(record) for record in (before or now, now))
    if was != reads and project.store.slugs_with("identities"):
        project.talk.notice(
            f"{project.settings.data_dir} was made from {was}; this run reads {reads}. If that is another library, "
            "stop this and give it a data directory of its own (--out). Categories without images here keep what is "
            "published, with its names, until you accept that they are gone."
        )
    write_source(project.layout, now)


def _address(record: SourceRecord) -> str:
    return f"{record.url} as one library" if record.categories == "single" else record.url


def _was_published_with_images(project: Project, slug: str) -> bool:
    history = read_history(project.layout.published, slug)
    return any(publication.summary.get("images", 0) for publication in history.publications)


def cluster_again(project: Project, slug: str) -> dict[str, Any]:
    """The stored vectors of one category clustered and published anew; reads no image. Returns figures for people.

    `held`: why the result was not published, if it was not.
    """
    project.curation.checked(slug)
    reports = {report.artifact: report for report in (step(project, slug) for step in CLUSTER_STEPS)}
    published = publish(project, slug)
    counts = reports["identities"].counts
    return {"category": project.category_of(slug), "clusters": counts["clusters"], "unclustered": counts["unclustered"],
            "images": counts["images"], "headline": published.headline,
            "held": list(published.held.reasons) if published.held else [],
            "candidate": published.held.candidate if published.held else ""}  # fmt: skip


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

    A failing category does not stop the others: the caller must look at `failures` (`raise_failures`). A folder that
    never held an image is no failure beside others. Raises `NoImagesError` if no folder holds any, and what listing the
    categories raises.
    """
    slugs = select_categories(project, wanted)
    source = project.settings.source
    if not slugs:
        raise NoImagesError(
            f"{source.url} holds no images: no folder with a file at its top and no image beside one. {_WHAT_TO_CHECK}"
        )
    if not wanted:
        require_same_way(project)
    _record_source(project)
    if not wanted and len(slugs) > 1 and not project.store.slugs_with("identities"):
        names = [project.category_of(slug) for slug in slugs]
        project.talk.notice(f"{len(slugs)} categories, one for each top folder: {some(names)}. "
                            "To read them as one library, stop this and use --single.")  # fmt: skip
    finished, failures = each_category(project, slugs, lambda slug: run_category(project, slug, sample=sample))
    empty = [failure for failure in failures if isinstance(failure.error, NoImagesError)]
    if len(empty) > 1 and len(empty) == len(slugs):
        names = some([failure.category for failure in empty])
        raise NoImagesError(f"{source.url} holds no images; these folders have none: {names}. {_WHAT_TO_CHECK}")
    if len(empty) < len(slugs):
        failures = [failure for failure in failures if failure not in empty]
    return Run(finished, failures)
