"""A dry run: checks settings, bucket and encoder, and says what a run would do. Changes nothing.

What belongs here: read-only checks. Not here: the run itself (`run.py`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.errors import ImageClusterError
from pipeline.stages.manifest.contract import MANIFEST_SCHEMA
from pipeline.stages.manifest.keys import slug_map
from pipeline.stages.manifest.variants import different
from pipeline.steps.categories import category_names
from pipeline.steps.detected import uses_model
from pipeline.steps.distributed import workers_of
from pipeline.steps.each import some
from pipeline.steps.manifest import preview, stored_answers
from pipeline.steps.project import Project
from pipeline.steps.stored_copies import open_copies
from pipeline.storage.artifacts import ArtifactStore
from pipeline.storage.categories import read_slugs
from pipeline.storage.layout import Layout

EMPTY = "it holds no image. Is it the right folder or prefix?"


@dataclass(frozen=True)
class Finding:
    """One result: what was checked, whether it is fine, and the answer in words."""

    what: str
    ok: bool
    text: str


def check(project: Project, wanted: Iterable[str] = ()) -> Iterator[Finding]:
    """Findings in the order of a run."""
    yield Finding("settings", True, f"valid; data directory {project.settings.data_dir}")
    try:
        project.bucket.check()
        names = list(wanted) or category_names(project)
    except ImageClusterError as error:
        yield Finding("bucket", False, str(error))
    else:
        found = f"{len(names)} {'category' if len(names) == 1 else 'categories'}: {some(names)}" if names else EMPTY
        yield Finding("bucket", bool(names), f"{project.bucket.url} answers; {found}")
        for name in names:
            yield _changes(project, name)
    if project.settings.data.url is not None:
        yield _library(project, project.settings.data.url)
    yield _encoder(project)
    if project.settings.execution.engine == "ray":
        yield _workers(project)
    if project.settings.objects.unit == "object" and uses_model(project.settings.objects.detector):
        yield _detector(project)


def _changes(project: Project, category: str) -> Finding:
    # opens the stores itself: Project.layout would create the data directory
    layout = Layout(project.settings.data_dir)
    slugs = read_slugs(layout)
    slug = next(slug for slug, name in slug_map([*slugs.values(), category], slugs).items() if name == category)
    current = ArtifactStore(layout).current(slug, "manifest")
    stored = current.table("manifest", MANIFEST_SCHEMA) if current else None
    try:
        made = preview(project, category, stored, different=different(stored_answers(current)))
    except ImageClusterError as error:
        return Finding(category, False, str(error))
    text = (
        f"a run would find {made.images} images in {made.objects} files: {made.added} new, {made.changed} changed, "
        f"{made.removed} gone, {made.same} as before"
    )
    skipped = {"hidden": made.hidden, "not images by name": made.other, "other widths": made.other_variants,
               "not matching the pattern": made.unmatched}  # fmt: skip
    rest = ", ".join(f"{number} {name}" for name, number in skipped.items() if number)
    return Finding(category, True, text + (f" (skipped: {rest})" if rest else ""))


def _library(project: Project, url: str) -> Finding:
    try:
        store = open_copies(project, url)
        store.require_conditions()
        newest = store.newest()
    except ImageClusterError as error:
        return Finding("library", False, str(error))
    what = f"the newest library is {newest.name}" if newest is not None else "there is no library yet"
    return Finding("library", True, f"{url} answers and obeys conditions; {what}")


def _encoder(project: Project) -> Finding:
    try:
        encoder = project.load_encoder()
    except ImageClusterError as error:
        return Finding("encoder", False, str(error))
    return Finding("encoder", True, f"{encoder.name} loads: {encoder.dimension} numbers per image, on {encoder.device}")


def _workers(project: Project) -> Finding:
    try:
        pool = workers_of(project, embed=True)
    except ImageClusterError as error:
        return Finding("workers", False, str(error))
    params = project.settings.execution.ray
    per_worker = f"{params.cpus_per_worker:g} CPUs and {params.gpus_per_worker:g} GPUs"
    text = f"{pool.size} of {pool.wanted} workers are up, with {per_worker} each; same versions, same encoder"
    return Finding("workers", True, text)


def _detector(project: Project) -> Finding:
    try:
        detector = project.detector
    except ImageClusterError as error:
        return Finding("detector", False, str(error))
    return Finding("detector", True, f"{detector.name} loads, on {detector.device}")
