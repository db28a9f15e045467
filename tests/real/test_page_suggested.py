"""Clusters without a name are called as their file names suggest, wherever they are listed; nobody reads bare ids."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from pipeline.steps.publish import publish
from tests.real.curation_page import clusters, decided, open_first, toast
from tests.service.site import Client

pytestmark = pytest.mark.real


def has_succeeded(run: dict[str, Any]) -> bool:
    return bool(run["state"] == "succeeded")


@pytest.fixture
def guessed(shown: Page, served: Client) -> str:
    """The id of the smallest cluster, for which a name is suggested."""
    name = str(min(clusters(served).values(), key=lambda one: one["size"])["id"])
    shown.route("**/suggestions", lambda route: route.fulfill(json={name: "Red post"}))
    return name


def test_a_suggested_name_is_found_when_images_are_moved(shown: Page, served: Client, guessed: str) -> None:
    open_first(shown, served)
    shown.locator("#list .pick").nth(1).click()
    shown.keyboard.press("v")
    expect(shown.locator("#picker-list")).to_contain_text("Red post?")
    shown.locator("#picker-input").fill("red po")
    expect(shown.locator("#picker-list button").first).to_contain_text("Red post?")
    shown.keyboard.press("Enter")
    toast(shown, "to “Red post?”")
    assert [one["to"] for one in decided(served, "move")] == [guessed]
    assert decided(served, "create") == []


def test_the_large_view_and_a_merge_call_it_so(shown: Page, served: Client, guessed: str) -> None:
    other = next(one for one in clusters(served) if one != guessed)
    shown.goto(f"/c/bollards/cluster/{guessed}?view={served.ids(cluster=guessed)[0]}")
    expect(shown.locator("#viewer-facts dd").first).to_have_text("Red post?")
    shown.goto("/c/bollards")
    for one in (guessed, other):
        shown.locator(f".card[data-id='{one}'] input[type=checkbox]").check()
    shown.keyboard.press("m")
    shown.keyboard.press("Enter")
    toast(shown, "Merged 2 clusters into")
    (made,) = decided(served, "merge")
    called = "Red post?" if made["into"] == guessed else made["into"]
    toast(shown, f"“{called}”")


def test_duplicates_comparisons_and_the_preview_of_a_setting_call_it_so(
    shown: Page, served: Client, guessed: str
) -> None:
    names = dict.fromkeys(clusters(served), "Red post")
    shown.route("**/suggestions", lambda route: route.fulfill(json=names))
    shown.goto("/c/bollards/duplicates")
    expect(shown.locator("table.differences").first.locator("tr", has_text="Cluster").locator("td").first).to_have_text(
        "Red post?"
    )
    other = next(one for one in names if one != guessed)
    move = {"kind": "move", "images": served.ids(cluster=other)[:1], "to": guessed}
    served.post("/categories/bollards/decisions", json={"decision": move}).raise_for_status()
    publish(served.service.project, "bollards")
    shown.goto("/c/bollards/compare")
    row = shown.locator(f".outlook-row[data-cluster={guessed}]")
    expect(row.locator("b").first).to_have_text("Red post?")
    expect(row).to_contain_text("from Red post?")
    run = served.post("/categories/bollards/granularity/compare", json={"runs": 1}).raise_for_status().json()
    served.until(f"/runs/{run['id']}", has_succeeded)
    shown.goto("/c/bollards/granularity")
    other_setting = shown.locator("a[data-at]:not([aria-current])").last
    other_setting.click()
    expect(shown.locator(".outlook-row b", has_text="Red post?").first).to_be_visible()
