"""Dagster on a library in a bucket: a run takes the lease for all of its steps, and copies up what it did."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from pipeline.adapters.lease import LEASE
from tests.assets.bench import QUICK, library_files
from tests.servers import S3Server, make_bucket, s3_client
from tests.steps.two_machines import LEASE_SECONDS

pytestmark = [pytest.mark.real, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
CATEGORY = "bollards"


class Dagster:
    """A machine with a Dagster instance, a data directory and nothing else."""

    def __init__(self, root: Path, server: S3Server, bucket: str) -> None:
        (root / "home").mkdir(parents=True)
        (root / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        self.data = root / "data"
        settings = {
            "data_dir": str(self.data), **QUICK,
            "source": {"url": f"s3://{bucket}/images", "endpoint_url": server.endpoint},
            "data": {"url": f"s3://{bucket}/library", "lease_seconds": LEASE_SECONDS, "wait_seconds": 120},
        }  # fmt: skip
        self.settings = root / "image-cluster.yaml"
        self.settings.write_text(yaml.safe_dump(settings))
        self._environment = {
            **os.environ, **server.environment, "DAGSTER_HOME": str(root / "home"),
            "IMAGE_CLUSTER_SETTINGS": str(self.settings), "DAGSTER_DISABLE_TELEMETRY": "yes",
        }  # fmt: skip

    def start(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, *words], env=self._environment, cwd=ROOT, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def start_job(self) -> "subprocess.Popen[str]":
        """The job with the executor that runs of the daemon have, too."""
        tags = json.dumps({"dagster/partition": CATEGORY})
        code = (
            "import dagster as dg; from pipeline.automation import PARTITIONS; "
            f"dg.DagsterInstance.get().add_dynamic_partitions(PARTITIONS, [{CATEGORY!r}])"
        )
        subprocess.run([sys.executable, "-c", code], env=self._environment, cwd=ROOT, check=True)
        return self.start(
            "-m", "dagster", "job", "execute", "-m", "pipeline.definitions", "-j", "refresh", "--tags", tags
        )

    def command(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.cli", *words, "--settings", str(self.settings)], env=self._environment,
            cwd=ROOT, text=True, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout


def ended(process: "subprocess.Popen[str]", code: int = 0) -> str:
    said, _ = process.communicate(timeout=300)
    assert process.returncode == code, said
    return said


@pytest.fixture
def bucket(moto_server: S3Server) -> str:
    files = {f"images/{key}": data for key, data in library_files(CATEGORY, range(24)).items()}
    return make_bucket(moto_server, files)


def test_runs_of_two_machines_take_turns_and_go_on_from_each_other(
    tmp_path: Path, moto_server: S3Server, bucket: str
) -> None:
    machines = [Dagster(tmp_path / name, moto_server, bucket) for name in ("anna", "ben")]
    said = [ended(process) for process in [machine.start_job() for machine in machines]]
    first = [f"copied to s3://{bucket}/library" in text for text in said]
    assert any(first), "\n".join(said)
    assert sum(f"copied from s3://{bucket}/library" in text for text in said) == 1, said
    clusters = [machine.command("clusters", "list", "--json") for machine in machines]
    assert clusters[0] == clusters[1]
    holder = json.loads(s3_client(moto_server).get_object(Bucket=bucket, Key=f"library/{LEASE}")["Body"].read())
    assert holder["holder"] is None
    script = ended(machines[0].start("-m", "pipeline.dagster_run", "--settings", str(machines[0].settings)))
    rows = next(line for line in script.splitlines() if line.startswith("["))
    assert json.loads(rows)[0]["read"] == 0


def test_a_run_that_is_killed_leaves_its_work_to_the_next_one(
    tmp_path: Path, moto_server: S3Server, bucket: str
) -> None:
    machine = Dagster(tmp_path / "anna", moto_server, bucket)
    killed = machine.start_job()
    vectors = machine.data / "vectors"
    while not (vectors.exists() and any(vectors.rglob("*.npy"))):
        assert killed.poll() is None
        time.sleep(0.1)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert "copied to" in ended(machine.start_job())
    assert json.loads(Dagster(tmp_path / "ben", moto_server, bucket).command("run", "--json"))[0]["read"] == 0


def test_a_library_that_cannot_be_held_fails_the_run_in_words(
    tmp_path: Path, moto_server: S3Server, bucket: str
) -> None:
    machine = Dagster(tmp_path / "anna", moto_server, bucket)
    s3_client(moto_server).put_object(Bucket=bucket, Key="library/image-cluster-data.json", Body=b"{")
    said = ended(machine.start_job(), code=1)
    assert "image-cluster-data.json" in said
    assert "is damaged" in said
