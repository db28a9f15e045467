"""Two runs side by side on the page."""

import re

import pytest
from playwright.sync_api import Page, expect

from pipeline.steps.publish import publish
from tests.real.curation_page import clusters
from tests.service.site import Client

pytestmark = pytest.mark.real


def test_what_came_and_left_is_seen_beside_the_names_of_before_and_turned_round_by_the_address(
    shown: Page, served: Client
) -> None:
    one, two = list(clusters(served))[:2]
    image = served.ids(cluster=one)[-1]
    for decision in (
        {"kind": "rename", "cluster": two, "name": "Second kind"},
        {"kind": "move", "images": [image], "to": two},
    ):
        served.post("/categories/bollards/decisions", json={"decision": decision}).raise_for_status()
    publish(served.service.project, "bollards")
    shown.goto("/c/bollards/runs")
    shown.get_by_role("link", name="Compare two runs…").click()
    row = shown.locator(f".outlook-row[data-cluster={two}]")
    expect(row).to_contain_text("Second kind")
    expect(row).to_contain_text("named")
    row.get_by_text("1 came").click()
    expect(row.locator(".tile")).to_have_count(1)
    row.locator(".tile .pick").dblclick()
    expect(shown.locator("#viewer")).to_be_visible()
    shown.keyboard.press("Escape")
    # a name that was given after both runs stands beside the id, wherever the cluster is named
    for cluster, name in ((one, "First kind"), (two, "Second of all")):
        decision = {"kind": "rename", "cluster": cluster, "name": name}
        served.post("/categories/bollards/decisions", json={"decision": decision}).raise_for_status()
    shown.reload()
    expect(row).to_contain_text("today “Second of all”")
    expect(row).to_contain_text("1 came 1 from First kind")
    expect(shown.locator(f".outlook-row[data-cluster={one}]")).to_contain_text(f"{one} today “First kind”")
    first, last = (shown.locator(f"[name={name}]").input_value() for name in ("from", "to"))
    shown.locator("[name=from]").select_option(last)
    shown.locator("[name=to]").select_option(first)
    expect(row.get_by_text("1 left")).to_be_visible()
    expect(shown).to_have_url(re.compile(f"from={last}&to={first}"))
    shown.reload()
    expect(row.get_by_text("1 left")).to_be_visible()
