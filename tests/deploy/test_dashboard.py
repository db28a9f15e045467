"""Every metric that the dashboard shows is one that the service gives, with the labels that it is asked by."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.service.site import Site

DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana-dashboard.json"
NAME = re.compile(r"\b(?:image_cluster|process)_[a-z_]+\b")
SELECTED = re.compile(r"\b((?:image_cluster|process)_[a-z_]+)\{([^}]*)\}")
BY = re.compile(r"by \(([^)]*)\) \((?:increase|rate)?\(?((?:image_cluster|process)_[a-z_]+)")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Metric → its labels, from a service that was used: a decision, a finished run, some requests."""
    site = Site(tmp_path_factory.mktemp("measured"), service={"metrics": True})
    site.run()
    with site.serve() as client:
        client.post("/tagging/apply", json={"image_ids": client.ids()[:1], "tag": "x"}).raise_for_status()
        started = client.post("/cluster/run", json={"category": "posts"}).raise_for_status().json()
        ended = client.until(f"/runs/{started['id']}", lambda run: run["state"] not in ("queued", "running"))
        assert ended["state"] == "succeeded", ended
        text = httpx.get(f"{client.url}/metrics").raise_for_status().text
    return {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(text) for sample in family.samples
    }  # fmt: skip


def expressions() -> Iterator[str]:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (one["query"]["query"] for one in dashboard["templating"]["list"] if isinstance(one["query"], dict))


def test_every_metric_of_the_dashboard_exists(given: dict[str, set[str]]) -> None:
    asked = {name for expression in expressions() for name in NAME.findall(expression)}
    assert len(asked) >= 12
    assert asked <= set(given), asked - set(given)


def test_every_label_of_the_dashboard_exists(given: dict[str, set[str]]) -> None:
    for expression in expressions():
        for name, selectors in SELECTED.findall(expression):
            assert {part.split("=")[0].strip("~! ") for part in selectors.split(",")} <= given[name], expression
        for labels, name in BY.findall(expression):
            assert {label.strip() for label in labels.split(",")} <= given[name], expression


def test_panels_do_not_cover_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
