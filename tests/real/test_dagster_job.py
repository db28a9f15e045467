"""The production job where it meets the world: a real S3 server, DAGSTER_HOME, and the daemon.

What belongs here: runs that need a server or processes. Not here: what the assets record (`tests/assets/`).
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from pipeline.dagster_run import run_job
from pipeline.errors import SettingsError
from resources.bucket import BucketResource
from tests.assets.bench import Bench, library_files, materializations, set_aside_environment
from tests.assets.test_run import failure
from tests.servers import S3Server, make_bucket

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    set_aside_environment(monkeypatch)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Bench(tmp_path, instance)


def by_environment_variables(server: S3Server, monkeypatch: pytest.MonkeyPatch, bucket: str) -> BucketResource:
    monkeypatch.setenv("LIBRARY_KEY", server.key)
    monkeypatch.setenv("LIBRARY_SECRET", server.secret)
    return BucketResource(
        url=f"s3://{bucket}/library",
        endpoint_url=server.endpoint,
        aws_access_key_id=dg.EnvVar("LIBRARY_KEY"),
        aws_secret_access_key=dg.EnvVar("LIBRARY_SECRET"),
    )


def everything_said(bench: Bench, result: dg.ExecuteInProcessResult) -> str:
    """All that Dagster keeps of a run: events, logs, the run itself and its snapshot of the job."""
    run = bench.instance.get_run_by_id(result.run_id)
    assert run is not None
    snapshot = bench.instance.get_job_snapshot(str(run.job_snapshot_id))
    return "\n".join(map(str, [*result.all_events, *bench.instance.all_logs(result.run_id), run, snapshot]))


def test_the_job_reads_an_s3_bucket_through_the_resource(
    bench: Bench, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"library/{key}": data for key, data in library_files("bollards", range(24)).items()}
    bucket = by_environment_variables(s3_server, monkeypatch, make_bucket(s3_server, files))
    bench.add("bollards", range(1))  # the folder of the settings; the resource wins over it
    bench.register("bollards")
    first = bench.run("bollards", bucket=bucket)
    assert first.success
    assert materializations(first)["published"]["images"] == 24
    second = materializations(bench.run("bollards", bucket=bucket))
    assert (second["images"]["read"], second["embeddings"]["embedded"]) == (0, 0)
    assert s3_server.secret not in everything_said(bench, first)


def test_keys_are_found_in_the_environment_where_no_field_names_them(
    bench: Bench, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = library_files("bollards", range(24))
    bench.write_settings(source={"url": f"s3://{make_bucket(s3_server, files)}", "endpoint_url": s3_server.endpoint})
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    bench.register("bollards")
    result = bench.run("bollards")
    assert result.success
    assert s3_server.secret not in everything_said(bench, result)


@pytest.mark.parametrize("trouble", ["no bucket", "wrong secret"])
def test_a_bucket_that_says_no_fails_at_once_in_one_line_without_a_secret(
    bench: Bench, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    bench.add("bollards", range(1))
    bench.register("bollards")
    name = "nobody-made-this" if trouble == "no bucket" else make_bucket(s3_server, {"library/a/b.png": b"x"})
    bucket = by_environment_variables(s3_server, monkeypatch, name)
    if trouble == "wrong secret":
        monkeypatch.setenv("LIBRARY_SECRET", "not-the-secret-of-this-bucket")
    result = bench.run("bollards", bucket=bucket)
    text = failure(result)
    assert "\n" not in text
    assert name in text
    said = everything_said(bench, result)
    assert s3_server.secret not in said
    assert "not-the-secret-of-this-bucket" not in said
    assert not materializations(result)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the shipped dagster.yaml and workspace.yaml, in which Dagster is started."""
    set_aside_environment(monkeypatch)
    folder = tmp_path / "home"
    folder.mkdir()
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(ROOT / name, folder)
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    monkeypatch.chdir(folder)
    return folder


def test_a_run_from_a_script_prints_what_came_out_and_is_kept_in_dagster_home(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with dg.DagsterInstance.get() as instance:
        bench = Bench(tmp_path, instance)
        bench.add("bollards", range(24))
        bench.add("follow-cars", range(100, 112))
        assert run_job(bench.settings_file, project=bench.resource()) == 0
        first = json.loads(capsys.readouterr().out)
        assert [(one["category"], one["images"], one["embedded"]) for one in first] == [
            ("bollards", 24, 24),
            ("follow-cars", 12, 12),
        ]
        assert first[0]["checks"] == {"passed": 18, "failed": []}
        assert Path(first[0]["clusters_json"]).exists()
        assert run_job(bench.settings_file, ["bollards"], project=bench.resource()) == 0
        (again,) = json.loads(capsys.readouterr().out)
        assert again["nothing_new"]
        run = instance.get_run_by_id(again["run_id"])
    assert run is not None
    assert run.status is dg.DagsterRunStatus.SUCCESS


def test_a_run_from_a_script_that_fails_says_why_in_one_line(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with dg.DagsterInstance.get() as instance:
        bench = Bench(tmp_path, instance)
        for number in range(6):
            bench.put(f"bollards/de/de-{number:03d}-800w.png", b"no picture")
        assert run_job(bench.settings_file, project=bench.resource()) == 1
    said = capsys.readouterr()
    (summary,) = json.loads(said.out)
    assert summary["category"] == "bollards"
    assert summary["failed"].startswith("None of the 6 images of bollards could be used: 6 not_an_image.")
    assert said.err.startswith("bollards: None of the 6 images of bollards could be used: 6 not_an_image.")
    assert "Traceback" not in said.err


def test_a_run_from_a_script_needs_a_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME")
    with pytest.raises(SettingsError, match="DAGSTER_HOME is not set"):
        run_job(home / "settings.yaml")


@pytest.mark.slow
def test_a_new_folder_is_published_by_the_daemon_without_anyone_asking(home: Path, tmp_path: Path) -> None:
    with dg.DagsterInstance.get() as instance:
        bench = Bench(tmp_path, instance, automation={"quiet_seconds": 0, "interval_seconds": 30})
        bench.add("bollards", range(24))
    command = [str(Path(sys.executable).parent / "dagster-daemon"), "run", "-w", "workspace.yaml"]
    environment = {**os.environ, "IMAGE_CLUSTER_SETTINGS": str(bench.settings_file)}
    log = tmp_path / "daemon.log"
    with log.open("wb") as output:
        daemon = subprocess.Popen(command, cwd=home, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        document = bench.data / "published" / "bollards" / "clusters.json"
        until = time.monotonic() + 240
        while not document.exists() and time.monotonic() < until and daemon.poll() is None:
            time.sleep(0.5)
        assert document.exists(), log.read_text()[-4000:]
        assert json.loads(document.read_text())["summary"]["images"] == 24
    finally:
        daemon.send_signal(signal.SIGINT)
        daemon.wait(timeout=60)
