"""`reduced` and `identities` → `tuning`: the clusters that each granularity would give. Changes nothing else.

What belongs here: reading points and names, storing figures, picture and report, writing a setting into the settings
file. Not here: the figures and the report (`stages/tuning/`), the command (`commands/tune.py`).
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

from pipeline.errors import TooFewImagesError
from pipeline.settings import ClusterParams
from pipeline.settings_text import with_value
from pipeline.stages.identities.contract import LEDGER_SCHEMA
from pipeline.stages.identities.matching import Ledger
from pipeline.stages.tuning import page
from pipeline.stages.tuning.chart import picture
from pipeline.stages.tuning.contract import PAGE, PICTURE, TRIALS_SCHEMA, Facts
from pipeline.stages.tuning.sheets import sheets, side_by_side
from pipeline.stages.tuning.trials import (
    RUNS,
    SAMPLE,
    STEPS,
    Cloud,
    Progress,
    Trial,
    best,
    settings_to_try,
    survive,
    sweep,
)
from pipeline.steps.labels import Points, collapsed, read_points
from pipeline.steps.project import Project, Report
from pipeline.steps.stage import StageResult, run_stage
from pipeline.storage.artifacts import Artifact, digest
from pipeline.storage.files import write_atomically

CODE = 1  # increase when the same inputs give another result
LEAST = 8  # with fewer pictures, every granularity gives the same two or three groups
THUMBNAIL = 96  # pixels, twice the size in the report, for high-density screens


def tune(project: Project, slug: str, *, steps: Sequence[float] = STEPS, runs: int = RUNS) -> Report:
    """Sweep the granularity of one category and store figures, picture and report as the artefact `tuning`.

    `facts` hold the current and the best setting. Raises `TooFewImagesError` below `LEAST` pictures.
    """
    params = project.settings.labels
    source = project.store.require(slug, "reduced")
    identities = project.store.current(slug, "identities")
    names = names_of(project, slug) if identities is not None else {}
    settings = settings_to_try(steps, params.granularity)

    def compute(_: Artifact | None) -> StageResult:
        points = read_points(project, source)
        if len(points.hashes) < LEAST:
            raise TooFewImagesError(
                f"Category {project.category_of(slug)} has {len(points.hashes)} different images; "
                f"from {LEAST} on there is a granularity to choose."
            )
        cloud = _cloud(points, params)
        trials = sweep(cloud, params, settings, runs=runs, on_progress=_progress(project, slug))
        ledger = _ledger(identities) if identities is not None else Ledger()
        trials = [_with_survival(project, slug, points, trial, ledger, names) for trial in trials]
        chosen = best(trials)
        notes = _notes(params, len(points.hashes), runs)
        html = _report(project, slug, points, cloud, trials, chosen, names, notes)
        facts = Facts(images=int(cloud.copies.sum()), points=len(points.hashes), notes=notes,
                      current=params.granularity, best=chosen.setting if chosen else None)  # fmt: skip
        return StageResult(
            tables={"trials": (_table(trials, chosen), TRIALS_SCHEMA)},
            params={"steps": list(steps), "runs": runs, "method": params.method},
            facts=facts,
            files={PAGE: html.encode(), PICTURE: picture(trials).encode()},
        )

    inputs = digest(
        source.provenance.fingerprint, identities.provenance.fingerprint if identities else "", params.model_dump(),
        project.settings.identities.model_dump(), dict(names), settings, runs, *collapsed(project, slug), CODE,
    )  # fmt: skip
    report = run_stage(project, slug, "tuning", Facts, inputs, compute)
    report.counts = {"images": int(report.facts["images"]), "tried": len(settings)}
    return report


def trials_of(project: Project, slug: str) -> list[dict[str, Any]]:
    """The rows of the stored sweep, from coarse to fine, `TRIALS_SCHEMA`."""
    return project.store.require(slug, "tuning").table("trials", TRIALS_SCHEMA).to_dicts()


def names_of(project: Project, slug: str) -> dict[str, str]:
    """Cluster id → its current name."""
    from pipeline.steps.curation import Curation

    curated = Curation(project).curated(slug)
    return {cluster.id: cluster.name for cluster in curated.clusters.values() if cluster.name is not None}


def apply_granularity(path: Path, value: str) -> bool:
    """Write `labels.granularity` into a settings file and keep every other line; creates the file if needed.

    Returns whether the file changed. Raises `SettingsError` if the file cannot be edited automatically.
    """
    text = path.read_bytes().decode() if path.exists() else ""
    changed = with_value(text, "labels", "granularity", value, name=str(path))
    if changed == text:
        return False
    write_atomically(path, changed.encode())
    return True


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


def _with_survival(
    project: Project, slug: str, points: Points, trial: Trial, ledger: Ledger, names: Mapping[str, str]
) -> Trial:
    group = dict(zip(points.hashes, trial.groups.tolist(), strict=True))
    members: list[set[str]] = [set() for _ in range(trial.clusters)]
    for content_hash, counts_as in points.frame.select("content_hash", "counts_as").iter_rows():
        if group[counts_as] >= 0:
            members[group[counts_as]].add(content_hash)
    survival = survive(
        [frozenset(images) for images in members], ledger, names, project.settings.identities,
        category=project.category_of(slug),
    )  # fmt: skip
    return replace(trial, survival=survival)


def _ledger(identities: Artifact) -> Ledger:
    book = identities.table("ledger", LEDGER_SCHEMA, ["cluster_id", "alive", "members"])
    entries = [(name, alive, frozenset(members)) for name, alive, members in book.iter_rows()]
    return Ledger(
        {name: members for name, alive, members in entries if alive},
        {name: members for name, alive, members in entries if not alive},
    )


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
    names: Mapping[str, str],
    notes: list[str],
) -> str:
    middle = next((trial for trial in trials if trial.current), trials[0])
    shown = side_by_side(trials, middle)
    category = project.category_of(slug)
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
            "best": trial is chosen, "clusters": trial.clusters, "unclustered": trial.unclustered,
            "largest": trial.largest, "validity": trial.validity, "stability": trial.stability,
            "ids": survival.ids, "ids_kept": survival.kept, "names": survival.names,
            "names_kept": survival.names_kept, "names_lost": list(survival.lost),
        }
        for trial in trials if (survival := trial.survival) is not None
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=TRIALS_SCHEMA)
