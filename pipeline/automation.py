"""Automatic runs: the job, the nightly schedule and the bucket sensor.

What belongs here: turning a decision into run requests. Not here: the decision, which is a pure function
(`pipeline/stages/manifest/watch.py`), what a run does (`assets/`).

Both are on by default, because people start `make dev` to keep a library up to date as its bucket grows. A tick of the
sensor makes one cheap request if the bucket has a manifest.json. Otherwise it lists the bucket, which costs one request
per 1,000 objects: for a large bucket raise `automation.interval_seconds`, or switch the sensor off.

Each category has a run of its own, so a failure does not affect the others, and Dagster shows which one failed.
"""

import logging
from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from assets.common import CATEGORY, expected_errors
from pipeline.adapters.deadline import DeadlineBucket
from pipeline.errors import ImageClusterError, TransientError
from pipeline.settings import AutomationParams
from pipeline.stages.manifest.contract import Facts as ManifestFacts
from pipeline.stages.manifest.watch import WatchState, decide, look
from pipeline.steps.categories import categories, slugs_with
from pipeline.steps.project import Project
from pipeline.steps.published_sets import accept, changes_since, markdown
from pipeline.storage.categories import read_slugs, write_slugs
from resources.project import ProjectResource

JOB_NAME = "refresh"
PARTITIONS = str(CATEGORY.name)
TRIGGER = "image-cluster/trigger"


REFRESH = dg.define_asset_job(
    JOB_NAME,
    selection=dg.AssetSelection.all() - dg.AssetSelection.assets("tuning"),  # tuning is only for a person who chooses
    description="Everything for one category: looks at the bucket, reads and embeds what is new, clusters, publishes.",
)


class Accepted(dg.Config):
    """Which candidate to publish."""

    category: str = Field(description="The category, or its partition's name.")
    candidate: str = Field(description="The candidate's version, as the check nothing_waits_for_a_person names it.")


@dg.op(name="accept", description="Publishes a candidate that the guard held back, here and at every outlet.")
def accept_one(context: dg.OpExecutionContext, config: Accepted, project: ProjectResource) -> None:
    """Publish the candidate, and record a materialization of its partition."""
    with expected_errors(context):
        opened = project.open(context.log)
        slug = opened.slug_of(config.category)
        done = accept(opened, slug, config.candidate)
    context.log.info(done.text)
    if done.changed:
        metadata = {"headline": done.text, "version": done.version,
                "changes": dg.MetadataValue.md(markdown(opened, changes_since(opened, slug)))}  # fmt: skip
        context.log_event(dg.AssetMaterialization("published", metadata=metadata, partition=slug))


@dg.job(name="accept_candidate", description="Publishes a result that was held back, once a person has looked at it.")
def accept_candidate() -> None:
    """One op: `accept`."""
    accept_one()


def nightly_schedule(params: AutomationParams) -> dg.ScheduleDefinition:
    """The run of every category at `automation.nightly`."""

    @dg.schedule(
        name="nightly",
        job=REFRESH,
        cron_schedule=params.nightly,
        execution_timezone=params.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Refreshes every category of the bucket, new ones included (automation.nightly in the settings).",
    )
    def nightly(context: dg.ScheduleEvaluationContext, project: ProjectResource) -> list[dg.RunRequest] | dg.SkipReason:
        return nightly_requests(context, project)

    return nightly


def bucket_sensor(params: AutomationParams) -> dg.SensorDefinition:
    """The look at the bucket every `automation.interval_seconds`."""

    @dg.sensor(
        name="bucket_sensor",
        job=REFRESH,
        minimum_interval_seconds=params.interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks for new, changed and removed images and refreshes just those categories, once they have "
        "been still for automation.quiet_seconds. A new folder becomes a new category at once.",
    )
    def watch_bucket(context: dg.SensorEvaluationContext, project: ProjectResource) -> dg.SensorResult:
        return bucket_tick(context, project)

    return watch_bucket


def nightly_requests(
    context: dg.ScheduleEvaluationContext, project: ProjectResource
) -> list[dg.RunRequest] | dg.SkipReason:
    """One run per category that the bucket has or had. A permanent error fails the tick, which the UI shows in red."""
    opened = _open_within_deadline(project, context.log)
    existing = set(context.instance.get_dynamic_partitions(PARTITIONS))
    try:
        slugs = sorted(categories(opened))
    except TransientError as error:
        # one minute without a network must not cost a night: each run tries again by itself
        context.log.warning("%s Refreshing the categories that are known.", error)
        slugs = sorted(existing)
    new = [slug for slug in slugs if slug not in existing]
    if new:
        context.instance.add_dynamic_partitions(PARTITIONS, new)
    if not slugs:
        return dg.SkipReason(f"{opened.settings.source.url} holds no category yet: no folder with images.")
    night = context.scheduled_execution_time.astimezone(UTC).isoformat(timespec="minutes")
    return [dg.RunRequest(run_key=f"{night}:{slug}", partition_key=slug, tags={TRIGGER: "nightly"}) for slug in slugs]


def bucket_tick(
    context: dg.SensorEvaluationContext, project: ProjectResource, *, now: float | None = None
) -> dg.SensorResult:
    """One look at the bucket; `now` in seconds since 1970.

    A failed look changes nothing, not even the cursor: it is not an empty bucket.
    """
    try:
        opened = _open_within_deadline(project, context.log)
        return _tick(context, opened, datetime.now(UTC).timestamp() if now is None else now)
    except ImageClusterError as error:
        return dg.SensorResult(skip_reason=f"The bucket was not looked at: {error}", cursor=context.cursor)


def _open_within_deadline(resource: ProjectResource, log: logging.Logger) -> Project:
    """The project, with a bucket that answers, or raises an error, before Dagster would end the tick."""
    settings = resource.settings()
    seconds = settings.automation.deadline_seconds
    patience = {"timeout_seconds": min(seconds, settings.source.timeout_seconds),
                "retry_seconds": min(seconds, settings.source.retry_seconds)}  # fmt: skip
    patient, project = resource.look(log, source=patience), resource.look(log)
    project.bucket = DeadlineBucket(lambda: patient.bucket, settings.source.url, seconds)
    return project


def _tick(context: dg.SensorEvaluationContext, project: Project, now: float) -> dg.SensorResult:
    settings = project.settings
    state = WatchState.from_cursor(context.cursor, settings.source)
    seen = look(project.bucket, state, settings=settings.source, listing_seconds=settings.automation.listing_seconds)
    if seen.observed is None:
        # a large bucket takes several ticks to list; its folders are known at once
        slugs = read_slugs(project.layout) or _folders_now(project)
        return dg.SensorResult(
            skip_reason=seen.reason,
            cursor=seen.state.to_cursor(),
            dynamic_partitions_requests=_additions(context, slugs),
        )
    # A run finds its category by this map, so it is stored before any run is requested.
    slugs = slugs_with(project.layout, seen.observed)
    write_slugs(project.layout, slugs)
    decision = decide(
        seen.observed, known_digests(project), seen.state, now=now,
        quiet_seconds=settings.automation.quiet_seconds, slugs=slugs,
    )  # fmt: skip
    requests = [
        dg.RunRequest(run_key=key, partition_key=slug, tags={TRIGGER: "bucket"}) for slug, key in decision.run_requests
    ]
    context.log.info(decision.reason)
    return dg.SensorResult(
        run_requests=requests or None,
        skip_reason=None if requests else decision.reason,
        cursor=decision.state.to_cursor(),
        dynamic_partitions_requests=_additions(context, slugs),
    )


def _folders_now(project: Project) -> dict[str, str]:
    """The categories of a bucket that was never listed in full; none if it does not answer before the deadline."""
    try:
        return categories(project)
    except TransientError:
        return {}


def known_digests(project: Project) -> dict[str, str]:
    """Slug → digest of the bucket in the last stored manifest."""
    digests: dict[str, str] = {}
    for slug in project.store.slugs_with("manifest"):
        stored = project.store.current(slug, "manifest")
        if stored is not None:
            digests[slug] = stored.facts(ManifestFacts).digest
    return digests


def _additions(
    context: dg.SensorEvaluationContext, slugs: dict[str, str]
) -> list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest]:
    """Requests for partitions that Dagster does not have yet. None is ever removed: a run may still use it."""
    existing = set(context.instance.get_dynamic_partitions(PARTITIONS))
    new = sorted(set(slugs) - existing)
    return [CATEGORY.build_add_request(new)] if new else []
