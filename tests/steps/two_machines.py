"""Two machines that work on one library in a bucket: two data directories with nothing else in common.

What belongs here: the fixtures. Not here: what is asserted.
"""

from pathlib import Path

import pytest

from pipeline.steps.live_library import bring_up, writing
from tests.servers import S3Server, make_bucket
from tests.steps.named_library import Bench, library

LEASE_SECONDS = 5.0


class Machine(Bench):
    """A machine with its own directory. `run` and `rename` are what the commands do."""

    def run_here(self) -> dict[str, object]:
        with writing(self.project()):
            return self.run()

    def read(self) -> bool:
        return bring_up(self.project())


@pytest.fixture
def url(moto_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in moto_server.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://{make_bucket(moto_server)}/library"


@pytest.fixture
def anna(url: str, moto_server: S3Server, tmp_path: Path) -> Machine:
    made = library(tmp_path)
    return machine(made.library, tmp_path / "anna", url, moto_server)


@pytest.fixture
def ben(anna: Machine, url: str, moto_server: S3Server, tmp_path: Path) -> Machine:
    return machine(anna.library, tmp_path / "ben", url, moto_server)


def machine(source: Path, data: Path, url: str, server: S3Server) -> Machine:
    made = Machine(source, data, source={"endpoint_url": server.endpoint})
    made.settings["data"] = {"url": url, "lease_seconds": LEASE_SECONDS, "wait_seconds": 0}
    return made
