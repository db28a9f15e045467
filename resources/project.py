"""The project that every asset works on: settings, bucket and encoder, opened when a step runs.

What belongs here: reading the settings at run time, applying a run's overrides, and sending messages of a step to
Dagster's log. Not here: the settings (`pipeline/settings/`), the project itself (`pipeline/steps/project.py`).
"""

import logging
import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import Any

import dagster as dg
from pydantic import Field, ValidationError

from pipeline.errors import SettingsError
from pipeline.settings import DATA_VARIABLE, Settings, load_settings
from pipeline.stages.embeddings.encoder import Encoder
from pipeline.stages.manifest.bucket import Bucket
from pipeline.steps.data_directory import Talk
from pipeline.steps.decided import sets_granularity
from pipeline.steps.live_library import require_lease
from pipeline.steps.project import Project
from pipeline.steps.recorded_source import with_recorded_source
from resources.bucket import BucketResource

EncoderFactory = Callable[[], Encoder]
PROGRESS_SECONDS = 10.0  # between lines, because the event log keeps each line for good


class ProjectResource(dg.ConfigurableResource[Any]):
    """image-cluster.yaml and everything that it names. Nothing is read or opened before a step needs it."""

    settings_file: str = Field(
        default="",
        description="The settings file. Empty: IMAGE_CLUSTER_SETTINGS, else image-cluster.yaml where Dagster runs.",
    )
    bucket: BucketResource = Field(description="Where the images are.")

    def settings(self) -> Settings:
        """The settings, read from the file now, with the library that the environment names.

        Where the file names no source, that of the last run. Raises `SettingsError`.
        """
        read = with_recorded_source(load_settings(Path(self.settings_file) if self.settings_file else None))
        url = os.environ.get(DATA_VARIABLE)
        return with_overrides(read, {"data": {"url": url}}) if url else read

    def open(self, log: logging.Logger, **overrides: Mapping[str, Any]) -> Project:
        """The project for a step, with a run's overrides of each section of the settings (`reduced={"seed": 1}`).

        Raises `SettingsError` if the settings are invalid with the overrides, or if the library is in a bucket and this
        run does not hold it (`run_lease.py`).
        """
        project = self.look(log, **overrides)
        require_lease(project)
        return project

    def look(self, log: logging.Logger, **overrides: Mapping[str, Any]) -> Project:
        """As `open`, without asking for the lease: for sensors, which only read, and runs that take it themselves."""
        return _Project(
            with_overrides(self.settings(), overrides), self.bucket, encoder=self.encoder_factory(),
            talk=self.talk(log), granularity_given=sets_granularity(overrides.get("labels", {})),
            encoder_given="spec" in overrides.get("encoder", {}),
        )  # fmt: skip

    def encoder_factory(self) -> EncoderFactory | None:
        """A function that makes the encoder; None for the encoder of the settings."""
        return None

    def talk(self, log: logging.Logger) -> Talk:
        """The receiver of a step's messages."""
        return LogTalk(log)


class _Project(Project):
    """A project with the bucket of the resource, opened at its first use: most steps need neither bucket nor key."""

    def __init__(
        self, settings: Settings, resource: BucketResource, *, encoder: EncoderFactory | None, talk: Talk,
        granularity_given: bool, encoder_given: bool,
    ) -> None:  # fmt: skip
        super().__init__(
            settings, encoder=encoder, talk=talk, granularity_given=granularity_given, encoder_given=encoder_given
        )
        self._resource = resource

    @cached_property
    def bucket(self) -> Bucket:
        return self._resource.open(self.settings.source, notice=self.tell_once)


class LogTalk:
    """A `Talk` into Dagster's log: notices at once, progress every ten seconds."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._started: dict[str, float] = {}
        self._said: dict[str, float] = {}

    def notice(self, text: str) -> None:
        self._log.info(text)

    def progress(self, phase: str, done: int, total: int) -> None:
        now = monotonic()
        started = self._started.setdefault(phase, now)
        if now - self._said.setdefault(phase, started) < PROGRESS_SECONDS:
            return
        self._said[phase] = now
        rate = done / (now - started)
        self._log.info(f"{phase}: {done:,} of {total:,}, {rate:,.0f} images/s, {(total - done) / rate:,.0f} s left")


def with_overrides(settings: Settings, overrides: Mapping[str, Mapping[str, Any]]) -> Settings:
    """The settings with overrides, validated as if they were in the file. Raises `SettingsError`."""
    if not any(overrides.values()):
        return settings
    values = settings.model_dump()
    for part, chosen in overrides.items():
        values[part] = {**values[part], **chosen}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        lines = [f"run configuration: {'.'.join(str(part) for part in problem['loc'])} is {problem['input']!r}: "
                 f"{problem['msg']}." for problem in error.errors()]  # fmt: skip
        raise SettingsError("\n".join(lines)) from error
