"""A service and a pipeline on two machines that have nothing in common but a bucket and a PostgreSQL server."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.servers import PostgresServer, S3Server, make_bucket, postgres_server, rclone_server, s3_client
from tests.steps.named_library import library

pytestmark = [pytest.mark.real, pytest.mark.slow]
IMAGES = 36
PATIENCE = 120.0  # seconds


class Machine:
    """A machine: a folder of its own with settings and a data directory, and the command."""

    def __init__(self, root: Path, server: S3Server, bucket: str, database: str | None = None) -> None:
        root.mkdir()
        self.root, self.data = root, root / "data"
        self._environment = {**os.environ, **server.environment}
        if database is not None:
            self._environment["IMAGE_CLUSTER_DATABASE_URL"] = database
        settings = {
            "reduced": {"method": "pca"},
            "source": {"url": f"s3://{bucket}/images", "endpoint_url": server.endpoint},
            "data": {"url": f"s3://{bucket}/library", "lease_seconds": 5, "wait_seconds": 120, "look_seconds": 1},
        }  # fmt: skip
        (root / "image-cluster.yaml").write_text(yaml.safe_dump(settings))

    def start(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline.cli", *words], env=self._environment, cwd=self.root, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *words: str, code: int = 0) -> str:
        process = self.start(*words)
        out, said = process.communicate(timeout=300)
        assert process.returncode == code, said
        return out

    def document(self) -> dict[str, Any]:
        return json.loads((self.data / "published" / "posts" / "clusters.json").read_bytes())


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def bucket(moto_server: S3Server, tmp_path: Path) -> str:
    drawn = library(tmp_path).library
    files = {f"images/{path.relative_to(drawn)}": path.read_bytes() for path in sorted(drawn.rglob("*.png"))}
    assert len(files) == IMAGES
    return make_bucket(moto_server, files)


@pytest.fixture
def machines(tmp_path: Path, moto_server: S3Server, bucket: str, postgres: PostgresServer) -> list[Machine]:
    database = postgres.url(postgres.make_database())
    return [Machine(tmp_path / name, moto_server, bucket, database) for name in ("pipeline", "service")]


@pytest.fixture
def address(machines: list[Machine]) -> Iterator[str]:
    """The service on its machine, which has the first result."""
    machines[0].run("run")
    service = machines[1].start("serve", "--port", "auto")
    try:
        assert service.stdout is not None
        yield service.stdout.readline().strip()
    finally:
        service.terminate()
        service.communicate(timeout=60)


def ask(address: str, path: str, body: Any = None, method: str | None = None) -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{address}/api/v1{path}", data, {"Content-Type": "application/json"}, method=method
    )
    with opener.open(request, timeout=30) as answer:
        return json.loads(answer.read())


def clusters(address: str) -> list[dict[str, Any]]:
    return ask(address, "/categories/posts/clusters")["items"]


def until(what: str, holds: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def test_a_rename_during_a_run_and_publications_during_reads_lose_nothing_and_show_no_half(
    machines: list[Machine], address: str, moto_server: S3Server, bucket: str
) -> None:
    pipeline, service = machines
    ids = sorted(cluster["id"] for cluster in clusters(address))
    wrong: list[str] = []
    stop = threading.Event()

    def reads() -> None:
        while not stop.is_set():
            try:
                found = clusters(address)
                if sorted(one["id"] for one in found) != ids or sum(one["size"] for one in found) != IMAGES:
                    wrong.append(str(found))
            except urllib.error.HTTPError as error:
                wrong.append(f"{error.code}: {error.read().decode()}")

    reader = threading.Thread(target=reads)
    reader.start()
    for number in range(3):
        running = pipeline.start("cluster" if number % 2 else "run")
        ask(address, f"/clusters/{ids[0]}", {"name": f"Post {number}"}, "PATCH")
        _, said = running.communicate(timeout=300)
        assert running.returncode == 0, said
        pipeline.run("publish")
        assert f"Post {number}" in {cluster["name"] for cluster in pipeline.document()["clusters"]}
    until("the service has what was published", lambda: service.document() == pipeline.document())
    stop.set()
    reader.join()
    assert not wrong
    client = s3_client(moto_server)
    source = {"Bucket": bucket, "Key": client.list_objects_v2(Bucket=bucket, Prefix="images/")["Contents"][0]["Key"]}
    client.copy_object(Bucket=bucket, Key="images/posts/nl/100-800w.png", CopySource=source)
    run = ask(address, "/cluster/run", {"category": "posts"})  # on the service's machine, which takes the lease
    until("the run ends", lambda: ask(address, f"/runs/{run['id']}")["state"] not in ("queued", "running"))
    assert ask(address, f"/runs/{run['id']}")["state"] == "succeeded"
    again = json.loads(pipeline.run("run", "--json"))[0]
    assert (again["images"], again["read"]) == (IMAGES + 1, 0)
    for machine in machines:
        machine.run("doctor")


@pytest.mark.parametrize("seed", range(3))
def test_a_holder_killed_while_it_copies_up_loses_nothing(
    tmp_path: Path, moto_server: S3Server, bucket: str, seed: int
) -> None:
    """The pointer is written last: until then the next command starts from the library of before."""
    pipeline, other = (Machine(tmp_path / name, moto_server, bucket) for name in ("pipeline", "other"))
    after = random.Random(seed).randrange(1, 12)
    client = s3_client(moto_server)
    killed = pipeline.start("run")
    until(
        f"{after} objects are there",
        lambda: client.list_objects_v2(Bucket=bucket, Prefix="library/objects/")["KeyCount"] >= after,
    )
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    done = json.loads(pipeline.run("run", "--json"))[0]
    assert (done["read"], done["images"]) == (0, IMAGES)
    assert json.loads(other.run("run", "--json"))[0]["read"] == 0
    other.run("doctor")
    assert other.run("clusters", "list", "--json") == pipeline.run("clusters", "list", "--json")


def test_check_names_a_server_that_ignores_conditions(tmp_path: Path) -> None:
    files = {f"images/posts/de/{path.name}": path.read_bytes() for path in library(tmp_path).library.rglob("*.png")}
    (tmp_path / "served").mkdir()
    with rclone_server(tmp_path / "served") as server:
        machine = Machine(tmp_path / "machine", server, make_bucket(server, files))
        found = {one["what"]: one for one in json.loads(machine.run("check", "--json", code=1))}
    assert found["bucket"]["ok"]
    assert not found["library"]["ok"]
    assert "ignores the conditions If-None-Match and If-Match" in found["library"]["text"]


def test_a_result_that_is_accepted_over_the_api_is_published_in_the_bucket(
    machines: list[Machine], address: str
) -> None:
    pipeline, service = machines
    cluster = clusters(address)[0]["id"]
    ask(address, f"/clusters/{cluster}", {"name": "Accepted"}, "PATCH")
    pipeline.run("publish")
    pipeline.run("rollback", "--category", "posts")

    def waiting() -> list[str]:
        items = ask(address, "/categories/posts/publications")["items"]
        return [one["version"] for one in items if one["event"] == "candidate"]

    until("the service shows what waits", waiting)
    assert ask(address, f"/categories/posts/publications/{waiting()[0]}/accept", {}, "POST")["changed"]
    for machine in (service, pipeline):
        machine.run("changes", "--category", "posts")  # the pipeline's machine brings its copy up to date
        named = {one["id"]: one["name"] for one in machine.document()["clusters"]}
        assert named[cluster] == "Accepted"
