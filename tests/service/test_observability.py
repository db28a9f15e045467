"""What an operator sees: probes, metrics, requests as listeners hear of them, OpenTelemetry."""

import json
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.errors import SettingsError
from pipeline.service.library_metrics import MOST_CATEGORIES
from pipeline.service.observed import Seen
from pipeline.service.telemetry import OFF, ON, telemetry
from tests.service.site import SECRET, TOKEN, Client, Site, problem

Samples = dict[str, dict[tuple[str, ...], float]]


def scrape(client: Client, **headers: str) -> Samples:
    """Name → values of the labels, sorted by the name of the label → value."""
    answer = client.get(f"{client.url}/metrics", headers=headers).raise_for_status()
    result: Samples = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            result.setdefault(sample.name, {})[labels] = sample.value
    return result


@pytest.fixture
def measured(drawn: Path, tmp_path: Path) -> Site:
    shutil.copytree(drawn, tmp_path / "site", symlinks=True)
    return Site(tmp_path / "site", service={"metrics": True})


def test_a_platform_learns_that_the_service_lives_and_is_ready(shared: Client) -> None:
    assert shared.get(f"{shared.url}/healthz").json() == {"status": "ok"}
    assert shared.get(f"{shared.url}/readyz").json() == {
        "status": "ready", "parts": {"data": "ok", "decisions": "ok", "database": "ok"}
    }  # fmt: skip


def test_probes_need_neither_token_nor_a_known_name(site: Site) -> None:
    with site.serve(token=TOKEN) as client:
        for path in ("/healthz", "/readyz"):
            assert client.get(f"{client.url}{path}", headers={"Host": "10.1.2.3:8765"}).status_code == 200
        assert client.get("/categories", headers={"Host": "10.1.2.3:8765"}).status_code == 421
        assert client.get("/categories").status_code == 401


def test_a_service_without_its_data_directory_is_alive_and_not_ready(site: Site) -> None:
    with site.serve() as client:
        site.data.rename(site.root / "away")
        answer = client.get(f"{client.url}/readyz")
        assert answer.status_code == 503
        assert answer.json()["parts"]["data"] == "failed"
        assert str(site.root) not in answer.text
        assert client.get(f"{client.url}/healthz").status_code == 200
        (site.root / "away").rename(site.data)
        assert client.get(f"{client.url}/readyz").status_code == 200


def test_metrics_are_off_unless_a_setting_asks_for_them(shared: Client) -> None:
    assert problem(shared.get(f"{shared.url}/metrics"), 404)["type"] == "/problems/no-metrics"


def test_metrics_count_what_the_page_shows(measured: Site) -> None:
    with measured.serve() as client:
        category = client.get("/categories/bollards").json()
        metrics = scrape(client)
    for status in ("clustered", "unclustered", "rejected", "excluded", "new"):
        assert metrics["image_cluster_images"]["bollards", status] == category[status]
    assert metrics["image_cluster_clusters"]["bollards",] == category["clusters"]
    assert metrics["image_cluster_queue_items"]["waiting",] == 0
    assert metrics["image_cluster_runs"]["pipeline", "succeeded"] == 0
    assert set(metrics["image_cluster_readable"].values()) == {1}
    assert metrics["process_resident_memory_bytes"][()] > 0


def test_a_decision_is_counted(measured: Site) -> None:
    with measured.serve() as client:
        tagging = {"image_ids": client.ids()[:2], "tag": "wet"}
        client.post("/tagging/apply", json=tagging).raise_for_status()
        assert scrape(client)["image_cluster_decisions_total"]["bollards",] == 1


def test_requests_are_counted_by_route_and_never_by_what_clients_send(measured: Site) -> None:
    with measured.serve() as client:
        for name in ("bollards", "posts", "nothing-of-that-kind"):
            client.get(f"/categories/{name}")
        for path in ("/a-scanner/1", "/a-scanner/2", "/wp-login.php?x=secret"):
            client.get(f"{client.url}{path}")
        client.request("PROPFIND", f"{client.url}/healthz")
        client.get("/categories", headers={"Host": "evil.example"})
        metrics = scrape(client)
        text = client.get(f"{client.url}/metrics").text
    requests = metrics["image_cluster_http_requests_total"]
    assert requests["GET", "/categories/{category}", "200"] == 2
    assert requests["GET", "/categories/{category}", "404"] == 1
    assert requests["GET", "(no route)", "404"] == 3
    assert requests["GET", "(no route)", "421"] == 1
    assert any(method == "(other)" for method, _, _ in requests)
    assert metrics["image_cluster_http_request_seconds_count"]["GET", "/categories/{category}"] == 3
    assert not any(word in text for word in ("scanner", "wp-login", "nothing-of-that-kind", "PROPFIND", "evil", SECRET))


def test_metrics_need_the_token_where_reading_needs_it(measured: Site) -> None:
    with measured.serve(token=TOKEN) as client:
        assert client.get(f"{client.url}/metrics").status_code == 401
        metrics = scrape(client, Authorization=f"Bearer {TOKEN}")
        text = client.get(f"{client.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    assert metrics["image_cluster_build"]
    assert TOKEN not in text


def test_a_part_that_cannot_be_read_costs_the_others_nothing(measured: Site) -> None:
    with measured.serve() as client:
        scrape(client)
        for file in (measured.data / "categories/posts/images").glob("*/*.parquet"):
            file.write_bytes(b"damaged")
        (measured.data / "categories.json").write_text("{")
        metrics = scrape(client)
        assert metrics["image_cluster_readable"]["library",] == 0
        assert metrics["image_cluster_readable"]["queue",] == 1
        assert metrics["image_cluster_queue_items"]


def test_many_categories_are_summed_beyond_a_bound(measured: Site) -> None:
    with measured.serve() as client:
        snapshot = client.service.library.get("bollards")
        many = [snapshot] * (MOST_CATEGORIES + 3)
        client.service.library.all = lambda: many
        labels = scrape(client)["image_cluster_clusters"]
    assert labels["(others)",] == 3 * len(snapshot.rows_by_cluster)


def test_a_listener_hears_of_each_request_once_its_answer_begins(site: Site) -> None:
    from starlette.testclient import TestClient

    from pipeline.service.app import create_app
    from pipeline.service.options import Options

    heard: list[Seen] = []
    with TestClient(create_app(site.project(), Options(), [heard.append]), base_url="http://127.0.0.1:8765") as client:
        client.get("/api/v1/categories/bollards?q=words of people")
    assert [(seen.method, seen.route, seen.path, seen.status) for seen in heard] == [
        ("GET", "/categories/{category}", "/api/v1/categories/bollards", 200)
    ]


def test_the_standard_variables_alone_send_nothing() -> None:
    address = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
    assert telemetry({}) == OFF
    assert telemetry({**address, "FASTAPI_OTEL_AUTO_CONFIGURE": "true"}) == OFF
    assert telemetry({**address, "IMAGE_CLUSTER_OTLP": "1"}) == ON


@pytest.mark.parametrize(
    ("values", "reason"),
    [({"IMAGE_CLUSTER_OTLP": "yes"}, "it is 1"), ({"IMAGE_CLUSTER_OTLP": "1"}, "no address")],
)
def test_a_switch_that_cannot_work_is_refused(values: dict[str, str], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        telemetry(values)


@contextmanager
def collector() -> Iterator[tuple[str, list[str]]]:
    """A server that takes what OTLP sends; the paths that were posted to."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", paths
    server.shutdown()
    server.server_close()


@pytest.mark.real
@pytest.mark.slow
def test_a_collector_gets_traces_and_metrics_where_the_switch_is_on(site: Site) -> None:
    from tests.real.test_service_process import serving

    with collector() as (address, paths):
        quiet = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "OTEL_EXPORTER_OTLP_ENDPOINT": address}
        with serving(site, **quiet) as (url, process):
            httpx.get(f"{url}/api/v1/categories")
            process.terminate()
            process.wait(timeout=30)
        assert paths == []
        with serving(site, IMAGE_CLUSTER_OTLP="1", **quiet) as (url, process):
            httpx.get(f"{url}/api/v1/categories")
            process.terminate()
            process.wait(timeout=30)
        assert {"/v1/traces", "/v1/metrics"} <= set(paths)


@pytest.mark.real
@pytest.mark.slow
def test_a_service_that_logs_json_says_everything_in_lines_of_json(site: Site) -> None:
    from tests.real.test_service_process import serving

    with serving(site, "--log-format", "json") as (url, process):
        httpx.get(f"{url}/api/v1/categories/bollards?q=secret-words")
        httpx.get(f"{url}/healthz")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    lines = [json.loads(line) for line in said.splitlines()]
    assert all({"time", "level", "message"} <= set(line) for line in lines)
    (request,) = [line for line in lines if line["event"] == "request"]
    assert (request["route"], request["status"]) == ("/categories/{category}", 200)
    assert "secret-words" not in said
    assert lines[-1]["message"] == "Stopped."
