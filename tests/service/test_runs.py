"""Runs: real processes, rows that outlive the service, an end for each of them, and Dagster in their place."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from pipeline.errors import TransientError
from pipeline.service.dagster_client import DagsterClient, DagsterError
from pipeline.service.database import ServiceDatabase
from pipeline.service.runs import Runs
from tests.service.site import Client, Site, problem

ENDED = ("succeeded", "failed", "died", "cancelled")


def ended(client: Client, path: str) -> dict[str, Any]:
    return client.until(path, lambda one: one["state"] in ENDED)


def test_a_run_with_other_settings_clusters_anew_and_is_followed(site: Site) -> None:
    with site.serve() as client:
        before = client.get("/categories/bollards").json()["version"]
        body = {"category": "bollards", "settings": {"labels": {"n_clusters": 2}}}
        answer = client.post("/cluster/run", json=body)
        assert answer.status_code == 202
        path = answer.headers["location"].removeprefix("/api/v1")
        with client.stream("GET", f"{path}/events") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = list(stream.iter_lines())
        events = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
        run = client.get(path).json()
        assert run["state"] == "succeeded", run
        assert "progress" in events
        assert events[-1] == "state"
        assert run["result"][0]["clusters"] == 2
        assert run["done"] == run["total"]
        time.sleep(0.6)
        after = client.get("/categories/bollards").json()
        assert after["version"] != before
        assert after["clusters"] == 2
        assert [one["id"] for one in client.get("/runs").json()["items"]] == [run["id"]]


def test_a_run_cannot_change_where_things_are_read_or_written(shared: Client) -> None:
    for section in ("source", "published", "data_dir", "encoder", "service"):
        body = {"category": "bollards", "settings": {section: {"url": "s3://elsewhere"}}}
        problem(shared.post("/cluster/run", json=body), 422)
    wrong = {"category": "bollards", "settings": {"labels": {"n_clusters": 0}}}
    assert "n_clusters" in problem(shared.post("/cluster/run", json=wrong), 422)["detail"]
    problem(shared.post("/cluster/run", json={"category": "bolards"}), 404)
    assert shared.get("/runs").json()["items"] == []
    problem(shared.get("/runs/none"), 404)
    problem(shared.get("/runs/none/events"), 404)


def test_a_run_goes_on_while_the_service_is_started_anew(site: Site) -> None:
    with site.serve() as client:
        path = client.post("/cluster/run", json={"category": "bollards"}).headers["location"].removeprefix("/api/v1")
        client.until(path, lambda one: one["state"] == "running")
    with site.serve() as client:
        run = ended(client, path)
        assert run["state"] == "succeeded", run
        assert run["result"][0]["images"] == 38


def test_a_run_whose_process_was_killed_is_marked_as_died(site: Site) -> None:
    with site.serve() as client:
        path = client.post("/cluster/run", json={"category": "bollards"}).headers["location"].removeprefix("/api/v1")
        client.until(path, lambda one: one["state"] == "running")
        row = client.service.runs.get(path.rpartition("/")[2])
        os.kill(row["pid"], signal.SIGKILL)
        run = ended(client, path)
        assert run["state"] == "died"
        assert "run again" in run["error"]
        problem(client.post(f"{path}/cancel"), 409)
        problem(client.get(f"{path}/result"), 409)


def test_a_run_that_died_with_the_service_is_marked_at_its_next_start(site: Site) -> None:
    database = ServiceDatabase(site.data / "service" / "service.sqlite3")
    runs = Runs(site.settings, database, site.data / "service" / "runs")
    row = runs.launch("bollards", "bollards", {}, site.settings)
    runs._change(row["id"], state="running", started_at=time.time() - 100, pid=2**22 + 1)
    with site.serve() as client:
        assert ended(client, f"/runs/{row['id']}")["state"] == "died"


def test_runs_wait_for_one_another_and_can_be_cancelled(site: Site) -> None:
    with site.serve() as client:
        first = client.post("/cluster/run", json={"category": "bollards"}).json()
        second = client.post("/cluster/run", json={"category": "posts"}).json()
        client.until(f"/runs/{first['id']}", lambda one: one["state"] == "running")
        assert client.get(f"/runs/{second['id']}").json()["state"] == "queued"
        again = client.post("/cluster/run", json={"category": "posts"}).json()
        assert again["id"] == second["id"]  # one that waits is as good as another
        assert client.post(f"/runs/{second['id']}/cancel").json()["state"] == "cancelled"
        client.post(f"/runs/{first['id']}/cancel").raise_for_status()
        assert ended(client, f"/runs/{first['id']}")["state"] in ("cancelled", "died", "succeeded")


class _Dagster(BaseHTTPRequestHandler):
    """As much of Dagster's GraphQL as the client asks, with the answers that a real one gave."""

    asked: list[dict[str, Any]]
    status = "STARTED"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).asked.append(body)
        query = body["query"]
        if "repositoriesOrError" in query:
            data: Any = {"repositoriesOrError": {"nodes": [
                {"name": "__repository__", "location": {"name": "pipeline.definitions"}, "jobs": [{"name": "refresh"}]}
            ]}}  # fmt: skip
        elif "addDynamicPartition" in query:
            data = {"addDynamicPartition": {"__typename": "DuplicateDynamicPartitionError"}}
        elif "launchRun" in query:
            data = {"launchRun": {"__typename": "LaunchRunSuccess", "run": {"runId": "run-1"}}}
        elif "terminateRun" in query:
            data = {"terminateRun": {"__typename": "TerminateRunSuccess"}}
        else:
            data = {"runOrError": {"__typename": "Run", "status": type(self).status,
                                   "stats": {"stepsSucceeded": 4, "stepsFailed": 0},
                                   "executionPlan": {"steps": [{"key": str(n)} for n in range(9)]}}}  # fmt: skip
        text = json.dumps({"data": data}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def dagster() -> Iterator[str]:
    _Dagster.asked, _Dagster.status = [], "STARTED"
    server = HTTPServer(("127.0.0.1", 0), _Dagster)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_with_a_dagster_runs_are_launched_there(site: Site, dagster: str) -> None:
    with Site(site.root, service={"dagster_url": dagster}).serve() as client:
        run = client.post("/cluster/run", json={"category": "bollards"}).json()
        assert (run["kind"], run["dagster_run"], run["state"]) == ("dagster", "run-1", "running")
        launched = next(one for one in _Dagster.asked if "launchRun" in one["query"])["variables"]["p"]
        assert {"key": "dagster/partition", "value": "bollards"} in launched["executionMetadata"]["tags"]
        assert launched["selector"]["jobName"] == "refresh"
        path = f"/runs/{run['id']}"
        assert client.until(path, lambda one: one["phase"])["done"] == 4
        client.post(f"{path}/cancel").raise_for_status()
        _Dagster.status = "CANCELED"
        assert ended(client, path)["state"] == "cancelled"
        changed = {"category": "bollards", "settings": {"labels": {"n_clusters": 2}}}
        problem(client.post("/cluster/run", json=changed), 422)


def test_a_dagster_that_is_not_there_is_said_so(site: Site) -> None:
    with pytest.raises(TransientError, match="does not answer"):
        DagsterClient("http://127.0.0.1:9").launch("bollards")
    with Site(site.root, service={"dagster_url": "http://127.0.0.1:9"}).serve() as client:
        problem(client.post("/cluster/run", json={"category": "bollards"}), 503)


def test_a_proxy_is_not_asked_for_a_dagster_on_this_machine(dagster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither that of the environment nor the one that urllib's shared opener remembers."""
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert DagsterClient(dagster).launch("bollards") == "run-1"


def test_a_dagster_without_our_job_is_said_so(dagster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.service.dagster_client.JOB", "another")
    with pytest.raises(DagsterError, match="no job another"):
        DagsterClient(dagster).launch("bollards")
