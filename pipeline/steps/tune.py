"""`reduced` and `identities` → `tuning`: the clusters that each granularity would give. Changes nothing else.

What belongs here: reading points and names, storing figures, groups, picture and report. Not here: the figures and the
report (`stages/tuning/`), what a setting would change and choosing one (`granularity.py`), the command
(`commands/tune.py`).

A sweep of the same vectors is not computed again when only names or clusters changed: its groups are stored.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

from pipeline.curation.outlook import Outlook
from pipeline.errors import TooFewImagesError
from pipeline.settings import ClusterParams
from pipeline.stages.tuning import page
from pipeline.stages.tuning.chart import picture
from pipeline.stages.tuning.contract import GROUPS_SCHEMA, PAGE, PICTURE, PLACES_SCHEMA, TRIALS_SCHEMA, Facts, TrialRow
from pipeline.stages.tuning.sheets import sheets, side_by_side
from pipeline.stages.tuning.trials import (
    RUNS,
    SAMPLE,
    STEPS,
    Cloud,
    Progress,
    Trial,
    best,
    same_setting,
    settings_to_try,
    sweep,
)
from pipeline.steps.decided import cluster_params
from pipeline.steps.granularity import curated_then, decided_digest, group_members, shows_today, survival, swept
from pipeline.steps.labels import Points, collapsed, read_points
from pipeline.steps.project import Project, Report
from pipeline.steps.stage import StageResult, run_stage
from pipeline.storage.artifacts import Artifact, digest

CODE = 2  # increase when the same inputs give another result
LEAST = 8  # with fewer pictures, every granularity gives the same two or three groups
THUMBNAIL = 96  # pixels, twice the size in the report, for high-density screens


def tune(project: Project, slug: str, *, steps: Sequence[float] = STEPS, runs: int = RUNS) -> Report:
    """Sweep the granularity of one category and store figures, picture and report as the artefact `tuning`.

    `stored_sweep` reads it. Raises `TooFewImagesError` below `LEAST` pictures.
    """
    params = cluster_params(project, slug)
    source = project.store.require(slug, "reduced")
    settings = settings_to_try(steps, params.granularity)
    thorough = {"steps": list(steps), "runs": runs, "method": params.method}
    decided = decided_digest(project, slug)

    def compute(stored: Artifact | None) -> StageResult:
        points = read_points(project, source)
        if len(points.hashes) < LEAST:
            raise TooFewImagesError(
                f"Category {project.category_of(slug)} has {len(points.hashes)} different images; "
                f"from {LEAST} on there is a granularity to choose."
            )
        cloud = _cloud(points, params)
        trials = _stored_trials(project, slug, stored, points, params, thorough) or sweep(
            cloud, params, settings, runs=runs, on_progress=_progress(project, slug)
        )
        trials = [_with_survival(project, slug, points, trial) for trial in trials]
        chosen = best(trials)
        notes = _notes(params, len(points.hashes), runs)
        html = _report(project, slug, points, cloud, trials, chosen, notes)
        facts = Facts(images=int(cloud.copies.sum()), points=len(points.hashes), notes=notes,
                      current=params.granularity, best=chosen.setting if chosen else None,
                      swept=swept(project, slug), decided=decided)  # fmt: skip
        return StageResult(
            tables={"trials": (_table(trials, chosen), TRIALS_SCHEMA), "places": (_places(points), PLACES_SCHEMA),
                    "groups": (_groups(points, trials), GROUPS_SCHEMA)},
            params=thorough,
            facts=facts,
            files={PAGE: html.encode(), PICTURE: picture(trials).encode()},
        )  # fmt: skip

    inputs = digest(
        source.provenance.fingerprint, decided, params.model_dump(), project.settings.identities.model_dump(),
        settings, runs, *collapsed(project, slug), CODE,
    )  # fmt: skip
    report = run_stage(project, slug, "tuning", Facts, inputs, compute)
    report.counts = {"images": int(report.facts["images"]), "tried": len(settings)}
    return report


@dataclass(frozen=True)
class StoredSweep:
    """The last sweep of a category: its trials from coarse to fine, and the files of its report and its curves."""

    facts: Facts
    trials: list[TrialRow]
    page: Path
    picture: Path


def stored_sweep(project: Project, slug: str) -> StoredSweep:
    """The last sweep. Raises `MissingArtifactError` if there is none."""
    stored = project.store.require(slug, "tuning")
    trials = [TrialRow(**row) for row in stored.table("trials", TRIALS_SCHEMA).to_dicts()]
    return StoredSweep(stored.facts(Facts), trials, stored.file(PAGE), stored.file(PICTURE))


def _cloud(points: Points, params: ClusterParams) -> Cloud:
    counted = points.frame.group_by("counts_as").len()
    copies = points.unique.select("content_hash").join(
        counted, left_on="content_hash", right_on="counts_as", how="left", maintain_order="left"
    )
    neighbours = points.neighbours() if params.method == "community" else None
    return Cloud(points.vectors, points.embeddings, copies["len"].to_numpy().astype(np.int64), neighbours)


def _progress(project: Project, slug: str) -> Progress:
    phase = f"tune {project.category_of(slug)}"

    def progress(done: int, total: int) -> None:
        project.talk.progress(phase, done, total)

    return progress


def _stored_trials(
    project: Project, slug: str, stored: Artifact | None, points: Points, params: ClusterParams,
    thorough: dict[str, Any],
) -> list[Trial] | None:  # fmt: skip
    """The trials of a stored sweep of the same vectors and settings; None if there is none, or not as thorough."""
    if stored is None or stored.provenance.params != thorough or stored.facts(Facts).swept != swept(project, slug):
        return None
    rows = {row["setting"]: row for row in stored.table("trials", TRIALS_SCHEMA).to_dicts()}
    if not all(setting in rows for setting in settings_to_try(thorough["steps"], params.granularity)):
        return None
    place = {content: row for row, content in enumerate(stored.table("places", PLACES_SCHEMA)["content_hash"])}
    order = np.array([place[content] for content in points.hashes], dtype=np.int64)
    trials: list[Trial] = []
    for setting, groups in stored.table("groups", GROUPS_SCHEMA).iter_rows():
        row = rows[setting]
        whole = np.array(groups, dtype=np.int32)[order]
        in_force = params.n_clusters is None and same_setting(setting, params.granularity)
        figures = {name: row[name] for name in ("granularity", "unclustered", "largest", "validity", "stability")}
        trials.append(Trial(setting=setting, clusters=int(whole.max()) + 1, groups=whole, current=in_force, **figures))
    return trials


def _with_survival(project: Project, slug: str, points: Points, trial: Trial) -> Trial:
    places = _places(points)["content_hash"].to_list()
    members = group_members(places, _group_of_each(points, trial))
    then, identities = curated_then(project, slug, members, frozenset(places))
    today = project.curation.curated(slug)
    outlook = Outlook(today, today if shows_today(project, slug, trial.setting) else then)
    return replace(trial, survival=survival(outlook, identities))


def _places(points: Points) -> pl.DataFrame:
    """`PLACES_SCHEMA`, sorted by content hash."""
    return points.frame.group_by("content_hash").agg(pl.len().cast(pl.Int64).alias("images")).sort("content_hash")


def _group_of_each(points: Points, trial: Trial) -> np.ndarray:
    """The group of each row of `_places`, int32; a near duplicate is in that of its picture."""
    groups = pl.DataFrame({"counts_as": points.hashes, "group": trial.groups})
    hashes = points.frame.select("content_hash", "counts_as").unique("content_hash").sort("content_hash")
    return hashes.join(groups, on="counts_as", how="left", maintain_order="left")["group"].to_numpy()


def _groups(points: Points, trials: Sequence[Trial]) -> pl.DataFrame:
    """`GROUPS_SCHEMA`."""
    return pl.DataFrame(
        {"setting": [trial.setting for trial in trials],
         "groups": [_group_of_each(points, trial).tolist() for trial in trials]},
        schema=GROUPS_SCHEMA,
    )  # fmt: skip


def _notes(params: ClusterParams, n: int, runs: int) -> list[str]:
    notes: list[str] = []
    if runs and n > SAMPLE:
        notes.append(f"Stability is measured on {SAMPLE:,} of {n:,} images, drawn at random; all else on all of them.")
    if not runs:
        notes.append("Stability was not measured (--runs 0).")
    if params.n_clusters is not None:
        notes.append(
            f"labels.n_clusters is {params.n_clusters}: it overrides granularity, which acts once it is unset."
        )
    return notes


def _report(
    project: Project,
    slug: str,
    points: Points,
    cloud: Cloud,
    trials: list[Trial],
    chosen: Trial | None,
    notes: list[str],
) -> str:
    middle = next((trial for trial in trials if trial.current), trials[0])
    shown = side_by_side(trials, middle)
    category = project.category_of(slug)
    curated = project.curation.curated(slug)
    named = {cluster: name for cluster, name in curated.names.items() if name is not None}
    names = named | {cluster: named[into] for cluster, into in curated.redirects.items() if into in named}
    content = page.Content(
        category=category,
        made=project.now(),
        images=int(cloud.copies.sum()),
        method=project.settings.labels.method,
        trials=trials,
        best=chosen,
        sheets=sheets(shown, cloud.embeddings, cloud.copies, points.hashes),
        names=names,
        notes=notes,
        command=f"image-cluster tune {category} --apply",
    )
    return page.render(content, lambda point: _shrink(project.thumbnails.read(points.hashes[point])))


def _shrink(thumbnail: bytes | None) -> bytes | None:
    """A thumbnail as WebP of at most `THUMBNAIL` pixels, because a report shows hundreds."""
    if thumbnail is None:
        return None
    with Image.open(io.BytesIO(thumbnail)) as opened:
        image = opened.convert("RGB")
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    file = io.BytesIO()
    image.save(file, "WEBP", quality=70, method=4)
    return file.getvalue()


def _table(trials: Sequence[Trial], chosen: Trial | None) -> pl.DataFrame:
    rows = [
        {
            "setting": trial.setting, "granularity": trial.granularity, "current": trial.current,
            "best": trial is chosen, "clusters": trial.seen, "unclustered": trial.unclustered,
            "largest": trial.largest, "validity": trial.validity, "stability": trial.stability,
            "ids": survival.ids, "ids_kept": survival.kept, "names": survival.names,
            "names_kept": survival.names_kept, "names_lost": list(survival.lost),
        }
        for trial in trials if (survival := trial.survival) is not None
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=TRIALS_SCHEMA)
