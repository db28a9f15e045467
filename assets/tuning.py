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
         "ids_kept": "clusters of today that would keep their id"},
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
        rows = step.trials_of(opened, context.partition_key)
        stored = opened.store.require(context.partition_key, "tuning")
    drawn = base64.b64encode(stored.file(step.PICTURE).read_bytes()).decode()
    return materialized(
        report,
        settings=dg.MetadataValue.md(markdown_table([_table_row(row) for row in rows], most=len(rows))),
        curves=dg.MetadataValue.md(f"![curves over granularity](data:image/svg+xml;base64,{drawn})"),
        best=dg.MetadataValue.text(report.facts["best"] or "none: no setting gives two clusters"),
        current=dg.MetadataValue.text(report.facts["current"]),
        report_file=dg.MetadataValue.path(str(stored.file(step.PAGE))),
    )


def _table_row(row: dict[str, Any]) -> dict[str, Any]:
    marks = [mark for mark, holds in (("now", row["current"]), ("best", row["best"])) if holds]
    return {
        "setting": row["setting"],
        "clusters": row["clusters"],
        "unclustered": f"{row['unclustered']:.1%}",
        "largest": f"{row['largest']:.1%}",
        "validity": "" if row["validity"] is None else f"{row['validity']:.3f}",
        "stability": "" if row["stability"] is None else f"{row['stability']:.3f}",
        "ids kept": f"{row['ids_kept']} of {row['ids']}",
        "names kept": f"{row['names_kept']} of {row['names']}",
        "": ", ".join(marks),
    }


@category_check("tuning")
def the_figures_hold_together(project: Project, slug: str) -> Finding:
    """Shares lie between 0 and 1, no more ids survive than there are, and at most one setting is in force or best."""
    rows = step.trials_of(project, slug)
    wrong = [
        row["setting"] for row in rows
        if not 0 <= row["unclustered"] <= 1 or not 0 <= row["largest"] <= 1 - row["unclustered"] + 1e-9
        or row["ids_kept"] > row["ids"] or row["names_kept"] > row["names"]
    ]  # fmt: skip
    current, best = (sum(row[name] for row in rows) for name in ("current", "best"))
    return Finding(
        passed=not wrong and current <= 1 and best <= 1,
        text=f"{len(rows)} settings, {len(wrong)} with figures that cannot be; {current} in force, {best} best",
        figures={"settings": len(rows), "wrong": len(wrong), "current": current, "best": best},
    )
