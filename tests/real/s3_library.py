"""A small library of images on a fake S3, and a run over it, for tests of trouble that a bucket can be in.

What belongs here: the images, the run and what it says. Not here: the server and its faults (`tests/fake_s3.py`).
"""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.settings import Settings
from pipeline.steps.project import Project
from pipeline.steps.run import run
from tests.fake_s3 import FakeS3, fake_s3
from tests.fakes import MeanColourEncoder
from tests.steps.test_run import KINDS, picture


def image(seed: int) -> bytes:
    stream = io.BytesIO()
    picture(KINDS[list(KINDS)[seed % 3]], seed).save(stream, "PNG")
    return stream.getvalue()


GOOD = {f"posts/de/{seed:03d}.png": image(seed) for seed in range(12)}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    with fake_s3(GOOD) as made:
        for name, value in made.server.environment.items():
            monkeypatch.setenv(name, value)
        yield made


class Talked:
    """What a run says."""

    def __init__(self) -> None:
        self.notices: list[str] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def progress(self, phase: str, done: int, total: int) -> None:
        """Say nothing."""


def run_on(s3: FakeS3, data: Path, **source: object) -> tuple[Project, Talked, dict[str, int]]:
    """A run of the only category; the counts of its summary."""
    section = {"url": "s3://pics", "endpoint_url": s3.server.endpoint, "retries": 1, **source}
    settings = Settings.model_validate({"data_dir": data, "source": section, "reduced": {"method": "pca"}})
    talk = Talked()
    project = Project(settings, encoder=MeanColourEncoder, talk=talk)
    done = run(project, ())
    assert done.failures == []
    (category,) = done.finished
    return project, talk, category.summary()


def project_on(s3: FakeS3, data: Path, **sections: object) -> Project:
    source = {"url": "s3://pics", "endpoint_url": s3.server.endpoint, "retries": 1, "retry_seconds": 0}
    settings = Settings.model_validate({"data_dir": data, "source": source, "reduced": {"method": "pca"}, **sections})
    return Project(settings, encoder=MeanColourEncoder, talk=Talked())
