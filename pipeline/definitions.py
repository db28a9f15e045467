"""What Dagster loads: assets, checks, resources and automation, assembled.

What belongs here: the list of modules, and the executor. Not here: any asset (`assets/`), job, schedule or sensor
(`pipeline/automation.py`), or resource (`resources/`). https://docs.dagster.io/guides/build/assets

Importing this module reads nothing. Dagster calls `defs` when it loads the code location. `defs` reads
image-cluster.yaml for one reason: a cron expression and a sensor's interval are part of a definition, so the UI shows
the real ones. Invalid settings fail the load with file, line and remedy. The assets read the settings again when they
run.

The executor runs steps in the process of the run. A step costs 0.05 s that way, and 1.6 to 2 s as its own process. For
ten assets and fifteen checks that would add half a minute to a run with nothing new, which should take seconds. A
process per step would free the memory of torch and UMAP; Dagster's process per run does that too.
"""

import warnings
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import dagster as dg

from assets import (
    duplicates,
    embeddings,
    identities,
    images,
    labels,
    manifest,
    objects,
    published,
    reduced,
    representatives,
    similarity,
    tuning,
)
from pipeline.automation import JOB_NAME, REFRESH, accept_candidate, bucket_sensor, nightly_schedule
from pipeline.settings import AutomationParams, load_settings
from resources.bucket import BucketResource
from resources.project import ProjectResource
from resources.run_lease import leased

ASSET_MODULES: list[ModuleType] = [
    manifest, images, objects, embeddings, duplicates, reduced, labels, identities, representatives, similarity,
    published, tuning,
]  # fmt: skip


def build_defs(
    *, automation: AutomationParams | None = None, resource_overrides: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """All definitions, with `resource_overrides` by name; reads no file and no environment.

    `automation` None means the defaults of the settings.
    """
    # Only the op that loads the encoder takes many partitions in one run, so Dagster warns at every load that the job
    # uses the smaller number, one category per run. That is intended.
    warnings.filterwarnings("ignore", message=f"Asset job {JOB_NAME} materializes assets with varying BackfillPolicies")
    params = automation or AutomationParams()
    resources = {"project": ProjectResource(bucket=BucketResource()), **(resource_overrides or {})}
    return dg.Definitions(
        assets=dg.load_assets_from_modules(ASSET_MODULES),
        asset_checks=dg.load_asset_checks_from_modules(ASSET_MODULES),
        jobs=[REFRESH, accept_candidate],
        schedules=[nightly_schedule(params)],
        sensors=[bucket_sensor(params)],
        resources=resources,
        executor=leased(resources["project"]),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The code location, with the automation that the settings ask for."""
    return build_defs(automation=load_settings().automation)
