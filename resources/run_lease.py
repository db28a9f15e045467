"""The executor of runs: all steps in one process, which holds the library in a bucket meanwhile (`data.url`).

What belongs here: one lease for all steps of a run, before the first and after the last. Not here: the lease and the
copies (`pipeline/steps/live_library.py`), what a step does (`assets/`).

A resource could not do this: Dagster calls a run a success before it closes its resources, so a library that could not
be copied up would go unnoticed.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from pipeline.errors import SettingsError
from pipeline.steps.live_library import writing
from resources.project import ProjectResource

IN_PROCESS = dg.in_process_executor


class LeasedExecutor(dg.Executor):
    """Runs Dagster's own executor `within` while it holds the lease. Without `data.url` there is no lease."""

    def __init__(self, within: dg.Executor, project: ProjectResource) -> None:
        self._within, self._project = within, project

    @property
    def retries(self) -> Any:
        return self._within.retries

    @property
    def step_dependency_config(self) -> Any:
        return self._within.step_dependency_config

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[Any]:
        """The events of the run. Raises what `writing` raises, which fails the run with that text."""
        steps = self._within.execute(plan_context, execution_plan)
        try:
            project = self._project.look(plan_context.log)
        except SettingsError:  # the steps say so, each in one line
            yield from steps
            return
        with writing(project):
            yield from steps


def leased(project: ProjectResource) -> dg.ExecutorDefinition:
    """The executor for the library of `project`; it is configured as `in_process_executor`."""

    schema: Any = IN_PROCESS.config_schema

    @dg.executor(name=IN_PROCESS.name, config_schema=schema)
    def executor(context: dg.InitExecutorContext) -> dg.Executor:
        make: Any = IN_PROCESS.executor_creation_fn
        return LeasedExecutor(make(context), project)

    return executor
