"""The asset `tuning`: the result of each granularity for a category, so that a person can choose one.

What belongs here: what the UI shows, its check. Not here: the sweep (`pipeline/stages/tuning/`). The nightly job leaves
it out: it clusters a category dozens of times, and no asset depends on it.
"""

import base64
from typing import Any

import dagster as dg
from pydantic import Field

from assets.checks import Finding, category_check
from assets.common import CATEGORY, GROUP, OWNERS, columns, expected_errors, markdown_table, materialized
from pipeline.stages.tuning.contract import TrialRow
from pipeline.stages.tuning.trials import RUNS
from pipeline.steps import tune as step
from pipeline.steps.project import Project
from resources.project import ProjectResource


class TuningConfig(dg.Config):
    """How thorough the sweep is."""

    runs: int = Field(
        default=RUNS, ge=0, le=50, description="Random subsamples that stability is measured on; 0 leaves it out."
    )


@dg.asset(
    partitions_def=CATEGORY,
    deps=["reduced", "identities"],
    group_name=GROUP,
    kinds={"graspologic", "scikitnetwork", "parquet"},
    owners=OWNERS,
    tags={"holds": "figures"},
    metadata=columns(
        step.TRIALS_SCHEMA,
        {"setting": "value of labels.granularity", "granularity": "0 (coarse) to 1 (fine), as used",
         "validity": "-1 to 1; an unclustered image counts 0", "stability": "agreement of random subsamples, up to 1",
         "ids_kept": "clusters of today that would keep their id", "ids": "clusters of today",
         "names": "clusters of today that have a name", "names_kept": "of these, those that would keep it",
         "names_lost": "the names that would be lost", "clusters": "how many it gives",
         "unclustered": "share of the images, 0 to 1",
         "largest": "share of the images in the largest cluster, 0 to 1",
         "current": "whether it is in force", "best": "whether the figures are best"},
    ),
    code_version=str(step.CODE),
)  # fmt: skip
def tuning(
    context: dg.AssetExecutionContext, config: TuningConfig, project: ProjectResource
) -> dg.MaterializeResult[Any]:
    """The result of each granularity from coarse to fine; changes no cluster.

    Shows clusters, unclustered images, validity, stability, and how many ids and names would be kept. The report at
    `report_file` shows three settings side by side, with pictures. Not in the nightly job: materialize it to choose
    `labels.granularity`.
    """
    with expected_errors(context):
        opened = project.open(context.log)
        report = step.tune(opened, context.partition_key, runs=config.runs)
        sweep = step.stored_sweep(opened, context.partition_key)
    rows = [_table_row(trial) for trial in sweep.trials]
    drawn = base64.b64encode(sweep.picture.read_bytes()).decode()
    return materialized(
        report,
        settings=dg.MetadataValue.md(markdown_table(rows, most=len(rows))),
        curves=dg.MetadataValue.md(f"![curves over granularity](data:image/svg+xml;base64,{drawn})"),
        best=dg.MetadataValue.text(sweep.facts.best or "none: no setting gives two clusters"),
        current=dg.MetadataValue.text(sweep.facts.current),
        report_file=dg.MetadataValue.path(str(sweep.page)),
    )


def _table_row(trial: TrialRow) -> dict[str, Any]:
    marks = [mark for mark, holds in (("now", trial.current), ("best", trial.best)) if holds]
    return {
        "setting": trial.setting,
        "clusters": trial.clusters,
        "unclustered": f"{trial.unclustered:.1%}",
        "largest": f"{trial.largest:.1%}",
        "validity": "" if trial.validity is None else f"{trial.validity:.3f}",
        "stability": "" if trial.stability is None else f"{trial.stability:.3f}",
        "ids kept": f"{trial.ids_kept} of {trial.ids}",
        "names kept": f"{trial.names_kept} of {trial.names}",
        "": ", ".join(marks),
    }


@category_check("tuning")
def the_figures_hold_together(project: Project, slug: str) -> Finding:
    """Shares lie between 0 and 1, no more ids survive than there are, and at most one setting is in force or best."""
    trials = step.stored_sweep(project, slug).trials
    wrong = [
        trial.setting for trial in trials
        if not 0 <= trial.unclustered <= 1 or not 0 <= trial.largest <= 1 - trial.unclustered + 1e-9
        or trial.ids_kept > trial.ids or trial.names_kept > trial.names
    ]  # fmt: skip
    current, best = sum(trial.current for trial in trials), sum(trial.best for trial in trials)
    return Finding(
        passed=not wrong and current <= 1 and best <= 1,
        text=f"{len(trials)} settings, {len(wrong)} with figures that cannot be; {current} in force, {best} best",
        figures={"settings": len(trials), "wrong": len(wrong), "current": current, "best": best},
    )
