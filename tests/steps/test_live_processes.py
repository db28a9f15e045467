"""The commands themselves on a library in a bucket: real processes on two machines, some of which are killed."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.servers import S3Server, make_bucket, s3_client
from tests.steps.named_library import library

pytestmark = pytest.mark.real


class Machine:
    """A machine: a settings file and a data directory, and the command."""

    def __init__(self, root: Path, name: str, server: S3Server, url: str) -> None:
        self.data, self.file = root / name, root / f"{name}.yaml"
        self._environment = {**os.environ, **server.environment}
        settings = {
            "data_dir": str(self.data), "reduced": {"method": "pca"},
            "source": {"url": str(root / "library"), "endpoint_url": server.endpoint},
            "data": {"url": url, "lease_seconds": 5, "wait_seconds": 120, "look_seconds": 1},
        }  # fmt: skip
        self.file.write_text(yaml.safe_dump(settings))

    def start(self, *words: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "pipeline.cli", *words, "--settings", str(self.file)]
        return subprocess.Popen(
            command, env=self._environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def run(self, *words: str) -> str:
        process = self.start(*words)
        out, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
        return out


@pytest.fixture
def server(moto_server: S3Server) -> S3Server:
    return moto_server


@pytest.fixture
def bucket(server: S3Server) -> str:
    return make_bucket(server)


@pytest.fixture
def machines(tmp_path: Path, server: S3Server, bucket: str) -> list[Machine]:
    library(tmp_path)
    return [Machine(tmp_path, name, server, f"s3://{bucket}/library") for name in ("anna", "ben")]


def test_two_drivers_at_once_take_turns_and_end_with_the_same_library(machines: list[Machine]) -> None:
    anna, ben = machines
    started = [machine.start("run", "--json") for machine in machines]
    read = 0
    for process in started:
        out, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
        read += json.loads(out)[0]["read"]
    assert read == 36, "the second one went on from the first one's work"
    rows = [json.loads(machine.run("clusters", "list", "--json")) for machine in (anna, ben)]
    assert rows[0] == rows[1]
    anna.run("clusters", "rename", rows[0][0]["id"], "White post")
    assert "White post" in ben.run("clusters", "list")


def test_a_killed_holder_loses_the_lease_and_its_work_goes_up_later(
    machines: list[Machine], server: S3Server, bucket: str
) -> None:
    anna, ben = machines
    killed = anna.start("run")
    _await_lease(server, bucket)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    said = ben.start("run")
    _, text = said.communicate(timeout=300)
    assert said.returncode == 0, text
    assert "nothing was heard of it for 5 seconds" in text
    ben.run("doctor")


@pytest.mark.parametrize("up", [True, False])
def test_a_copy_that_is_killed_at_ten_moments_is_completed_by_the_next_command(
    machines: list[Machine], *, up: bool
) -> None:
    anna, ben = machines
    anna.run("run")
    machine = anna if up else ben
    for number in range(10):
        if up:
            anna.data.joinpath("pairs.csv").write_text(f"a,b,{number}\n")
        words = ("publish",) if up else ("clusters", "list")
        process = machine.start(*words)
        time.sleep(0.9 + number * 0.12)
        process.kill()
        process.communicate()
    machine.run(*words)
    assert json.loads(ben.run("clusters", "list", "--json")) == json.loads(anna.run("clusters", "list", "--json"))
    ben.run("doctor")
    if up:
        assert ben.data.joinpath("pairs.csv").read_text() == "a,b,9\n"


def _await_lease(server: S3Server, bucket: str) -> None:
    client = s3_client(server)
    for _ in range(600):
        if client.list_objects_v2(Bucket=bucket, Prefix="library/lease.json").get("Contents"):
            return
        time.sleep(0.1)
    raise AssertionError("no lease was taken")


def test_a_service_on_one_machine_shows_what_another_one_publishes(machines: list[Machine]) -> None:
    anna, ben = machines
    anna.run("run")
    cluster = json.loads(anna.run("clusters", "list", "--json"))[0]["id"]
    anna.run("clusters", "rename", cluster, "Post")
    refused = ben.start("serve", "--port", "auto")
    _, said = refused.communicate(timeout=120)
    assert refused.returncode == 2
    assert "Keep decisions in PostgreSQL" in said
    service = ben.start("serve", "--port", "auto", "--read-only")
    try:
        assert service.stdout is not None
        address = service.stdout.readline().strip()
        anna.run("clusters", "rename", cluster, "White post")
        page = f"{address}/api/v1/categories/posts/clusters"
        assert any("White post" in _get(page) for _ in _patiently())
    finally:
        service.terminate()
        service.communicate(timeout=60)


def _get(address: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(address, timeout=10) as answer:
        return answer.read().decode()


def _patiently() -> Iterator[None]:
    for _ in range(120):
        yield
        time.sleep(0.5)
