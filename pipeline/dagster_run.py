"""Run the production job through Dagster from a script: `python -m pipeline.dagster_run --settings FILE`.

What belongs here: running the job for some categories in this process, and one JSON list of summaries on stdout. Not
here: the job (`pipeline/automation.py`), the run without Dagster (`pipeline/steps/run.py`).

The runs are recorded in the instance of DAGSTER_HOME, so the web UI shows them. They do not wait in its queue; the
project's own lock makes them wait for another run of the same category.
"""

import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import click
import dagster as dg

from assets.common import UNCHANGED
from pipeline.automation import JOB_NAME, PARTITIONS
from pipeline.console import Console
from pipeline.definitions import build_defs
from pipeline.errors import ImageClusterError, SettingsError
from pipeline.steps.categories import select_categories
from pipeline.steps.data_directory import Talk
from pipeline.steps.live_library import writing
from pipeline.steps.project import Project, Report
from pipeline.steps.publish import PublishReport
from pipeline.steps.run import CategoryRun
from pipeline.storage.categories import goes_on_as
from resources.bucket import BucketResource
from resources.project import ProjectResource

# Dagster's own log lines go to the event log, which the UI shows; on the terminal they would bury the progress.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class ConsoleProject(ProjectResource):
    """The project, with messages to the terminal instead of the event log."""

    def talk(self, log: Any) -> Talk:  # noqa: ARG002 messages go to the terminal
        return Console()


@click.command()
@click.option("--settings", "settings_file", type=click.Path(path_type=Path), required=True, help="The settings file.")
@click.option("--category", "wanted", multiple=True, help="A category; may be given again. None: all of the source.")
def main(settings_file: Path, wanted: tuple[str, ...]) -> None:
    """Refresh categories through Dagster; prints a JSON list with one summary for each."""
    try:
        sys.exit(run_job(settings_file, wanted))
    except ImageClusterError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)


def run_job(settings_file: Path, wanted: Sequence[str] = (), *, project: ProjectResource | None = None) -> int:
    """Run the job for the named categories, or for every category of the source; returns the exit code.

    A category that fails does not affect the others; its row in the list says why (`failed`).

    Raises `SettingsError` if DAGSTER_HOME is not set, and what the bucket raises.
    """
    if not os.environ.get("DAGSTER_HOME"):
        raise SettingsError("DAGSTER_HOME is not set. Set it to the folder that holds dagster.yaml, as make demo does.")
    resource = project or ConsoleProject(settings_file=str(settings_file), bucket=BucketResource())
    opened = resource.look(logging.getLogger(__name__))
    with writing(opened):  # `execute_in_process` uses no executor, and one lease is enough for all of them
        return _run_each(resource, opened, wanted)


def _run_each(resource: ProjectResource, opened: Project, wanted: Sequence[str]) -> int:
    slugs = select_categories(opened, wanted)
    job = build_defs(resource_overrides={"project": resource}).resolve_job_def(JOB_NAME)
    summaries: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions(PARTITIONS, slugs)
        for slug in slugs:
            if goes_on_as(opened.layout, slug) is not None:  # recognised as renamed during another category's run
                continue
            started = perf_counter()
            result = job.execute_in_process(
                instance=instance, partition_key=slug, raise_on_error=False, run_config=QUIET
            )
            failures = failures_of(result)
            for text in failures:
                click.echo(f"{slug}: {text}", err=True)
            if result.success:
                done = category_run(result, slug, opened.category_of(slug))
                summaries.append({**done.summary(), "run_id": result.run_id, "checks": checks_of(result),
                                  "total_seconds": round(perf_counter() - started, 2)})  # fmt: skip
            else:
                why = "; ".join(failures) or f"the run {result.run_id} failed"
                failed.append({"category": opened.category_of(slug), "failed": why, "run_id": result.run_id})
    click.echo(json.dumps([*summaries, *failed], ensure_ascii=False))
    return 1 if failed else 0


def category_run(result: dg.ExecuteInProcessResult, slug: str, category: str) -> CategoryRun:
    """The reports of a run, from the metadata that Dagster recorded for each asset."""
    recorded: dict[str, Mapping[str, Any]] = {}
    for event in result.get_asset_materialization_events():
        materialization = event.step_materialization_data.materialization
        name = materialization.asset_key.to_user_string()
        recorded["manifest" if name == "image_manifest" else name] = materialization.metadata
    metadata = recorded.pop("published")
    published = PublishReport(**_fields("published", category, metadata), headline=str(metadata["headline"].value))
    before = {artifact: Report(**_fields(artifact, category, values)) for artifact, values in recorded.items()}
    return CategoryRun(slug, category, before, published)


def checks_of(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """How many checks passed, and the texts of those that failed."""
    evaluations = result.get_asset_check_evaluations()
    failed = [f"{check.check_name}: {check.description}" for check in evaluations if not check.passed]
    return {"passed": len(evaluations) - len(failed), "failed": failed}


def failures_of(result: dg.ExecuteInProcessResult) -> list[str]:
    """One line for each step that failed by itself, without steps that depend on it."""
    texts: list[str] = []
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            description = data.user_failure_data.description if data.user_failure_data else None
            texts.append(description or (data.error.to_string() if data.error else f"{event.step_key} failed"))
    return texts


def _fields(artifact: str, category: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a `Report` that are recorded in the metadata of an asset."""
    counts = {name: value.value for name, value in metadata.items()
              if isinstance(value, dg.IntMetadataValue) and name != "bytes" and value.value is not None}  # fmt: skip
    plain = {name: value.value for name, value in metadata.items()}
    return {
        "artifact": artifact,
        "category": category,
        "counts": counts,
        "facts": {name: plain[name] for name in ("mode", "why") if name in plain},
        "effective": plain.get("effective") or {},
        "seconds": plain["seconds"],
        "unchanged": str(plain["state"]).startswith(UNCHANGED),
        "path": Path(plain["path"]) if "path" in plain else None,
    }


if __name__ == "__main__":
    main()
