"""The command lines of `deploy/compose.yaml` as processes of this machine, on real PostgreSQL and a real S3 server.

Images in the bucket become published clusters, with nobody doing anything.

Only names of hosts, ports and folders differ from the containers.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.demo.bollards import write_library
from tests.deploy.test_compose import BIN, DEPLOY, LINES
from tests.servers import free_port, postgres_server, rclone_server
from tests.service.site import TOKEN

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(900)]


def line_of(service: str, *among: str) -> list[str]:
    """The command line of a service that has these words."""
    return next(line for name, line in LINES if name == service and set(among) <= set(line))


@contextmanager
def running(line: list[str], changed: dict[str, str], folder: Path, environment: dict[str, str]) -> Iterator[None]:
    words = [str(BIN / line[0]), *(changed.get(word, word) for word in line[1:])]
    with (folder / f"{line[0]}-{line[1]}.log").open("wb") as log:
        process = subprocess.Popen(words, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            yield
            assert process.poll() is None, Path(log.name).read_text(errors="replace")[-3000:]
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def until(what: str, done: Callable[[], Any], seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if answer := done():
                return answer
        except httpx.HTTPError:
            pass
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(1)


def succeeds(command: list[str], environment: dict[str, str]) -> bool:
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0


def write_files(folder: Path, changed: dict[str, str]) -> None:
    """The mounted files, with the changed hosts and ports."""
    for name in ("dagster.yaml", "workspace.yaml", "image-cluster.yaml"):
        text = (DEPLOY / name).read_text(encoding="utf-8")
        for before, after in changed.items():
            text = text.replace(before, after)
        (folder / name).write_text(text, encoding="utf-8")
    with (folder / "image-cluster.yaml").open("a") as file:
        file.write("automation:\n  interval_seconds: 30\n  quiet_seconds: 0\n")


def test_images_in_the_bucket_become_published_clusters(tmp_path: Path) -> None:
    folder, bucket = tmp_path / "library", tmp_path / "bucket"
    folder.mkdir()
    write_library(bucket / "images", images=60, cars=0, workers=1)
    ports = {name: str(free_port()) for name in ("code", "webserver", "service")}
    with ExitStack() as stack:
        postgres = stack.enter_context(postgres_server())
        s3 = stack.enter_context(rclone_server(bucket))
        own = ("AWS_", "R2_", "IMAGE_CLUSTER_", "DAGSTER_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(own)} | {
            **s3.environment,
            "IMAGE_CLUSTER_DATABASE_URL": postgres.url(postgres.make_database()), "IMAGE_CLUSTER_TOKEN": TOKEN,
            "DAGSTER_HOME": str(folder), "DAGSTER_POSTGRES_HOST": postgres.host,
            "DAGSTER_POSTGRES_USER": postgres.user, "DAGSTER_POSTGRES_PASSWORD": postgres.password,
            "DAGSTER_POSTGRES_DB": postgres.make_database(), "DAGSTER_DISABLE_TELEMETRY": "yes",
            "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
        }  # fmt: skip
        environment["IMAGE_CLUSTER_CACHE"] = os.environ["IMAGE_CLUSTER_CACHE"]
        environment["PATH"] = f"{BIN}:{environment['PATH']}"
        write_files(folder, {
            "port: 5432": f"port: {postgres.port}", "/library/data": str(folder / "data"),
            "host: code": "host: 127.0.0.1",
            "port: 4000": f"port: {ports['code']}", "http://s3:9000": s3.endpoint,
            "http://webserver:3000": f"http://127.0.0.1:{ports['webserver']}",
        })  # fmt: skip
        changed = {
            "0.0.0.0": "127.0.0.1", "4000": ports["code"], "3000": ports["webserver"],
            "/dagster/workspace.yaml": str(folder / "workspace.yaml"),
        }  # fmt: skip
        stack.enter_context(running(line_of("code", "code-server"), changed, folder, environment))
        health = [changed.get(word, word) for word in line_of("code", "grpc-health-check")]
        check = [str(BIN / health[0]), *health[1:]]
        until("the code location", lambda: succeeds(check, environment), 120)
        stack.enter_context(running(line_of("webserver", "--workspace"), changed, folder, environment))
        stack.enter_context(running(line_of("daemon", "run"), changed, folder, environment))
        serve = [*line_of("service", "serve"), "--port", ports["service"]]
        stack.enter_context(running(serve, changed, folder, environment))
        url = f"http://127.0.0.1:{ports['service']}"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        until("the service", lambda: httpx.get(f"{url}/readyz").status_code == 200, 120)
        until("Dagster's web server", lambda: httpx.get(f"http://127.0.0.1:{ports['webserver']}/server_info"), 120)
        published = folder / "data" / "published" / "bollards" / "clusters.json"
        until("the first result", published.exists, 400)
        (category,) = httpx.get(f"{url}/api/v1/categories", headers=headers).json()["items"]
        assert category["images"] == 60
        assert category["clusters"] > 1
        alive = [str(BIN / "dagster-daemon"), *line_of("daemon", "liveness-check")[1:]]
        assert succeeds(alive, environment)
        metrics = httpx.get(f"{url}/metrics", headers=headers).text
        assert re.search(r'image_cluster_clusters{category="bollards"} [1-9]', metrics)
