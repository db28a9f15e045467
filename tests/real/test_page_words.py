"""Searching by words on the curation page: from anywhere, by keyboard, and what can be done with what is found."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.real.curation_page import VIEWS, clusters, decided, toast
from tests.service.site import Client

pytestmark = pytest.mark.real


@pytest.mark.parametrize("view", VIEWS)
def test_the_slash_opens_the_search_on_every_page(shown: Page, view: str) -> None:
    shown.goto(f"/c/bollards{view}")
    shown.keyboard.press("/")
    expect(shown.locator("#search-words")).to_be_focused()
    shown.keyboard.type("de-00")
    expect(shown.locator("#search-told")).to_have_text("0 clusters, 4 images")
    shown.keyboard.press("Escape")
    expect(shown.locator("#search-dialog")).to_be_hidden()


def test_a_cluster_is_found_by_its_name_and_opened_by_keys_alone(shown: Page, served: Client) -> None:
    name = max(clusters(served).values(), key=lambda cluster: cluster["size"])["id"]
    event = {"decision": {"kind": "rename", "cluster": name, "name": "Tall white post"}}
    served.post("/categories/bollards/decisions", json=event).raise_for_status()
    shown.goto("/c/bollards/runs")
    shown.keyboard.press("/")
    shown.keyboard.type("white tall")
    expect(shown.locator("#search-clusters a")).to_have_count(1)
    expect(shown.locator("#search-told")).to_have_text("1 cluster, 11 images")
    shown.keyboard.press("ArrowDown")
    shown.keyboard.press("Enter")
    expect(shown).to_have_url(re.compile(f"/cluster/{name}$"))


def test_results_are_images_that_can_be_decided_about_and_the_address_brings_them_back(
    shown: Page, served: Client
) -> None:
    shown.goto("/c/bollards")
    shown.keyboard.press("/")
    shown.keyboard.type("at- /at/")
    expect(shown.locator("#search-told")).to_have_text(re.compile("18 images"))
    shown.keyboard.press("Enter")
    expect(shown).to_have_url(re.compile(r"/find\?q=at-"))
    expect(shown.locator("#found")).to_contain_text("18 images with “at- /at/”")
    shown.reload()
    expect(shown.locator("#list .tile")).to_have_count(18)
    shown.get_by_role("button", name="Tag all 18…").click()
    shown.locator("#ask-input").fill("austria")
    shown.keyboard.press("Enter")
    toast(shown, "Tagged 18 images “austria”")
    shown.locator("#filter-words").fill("austria at-5")
    expect(shown.locator("#found")).to_contain_text("3 images with “austria at-5”")
    shown.get_by_role("button", name="New cluster from all 3…").click()
    shown.locator("#ask-input").fill("Three of Austria")
    shown.keyboard.press("Enter")
    toast(shown, "Made 3 images the new cluster “Three of Austria”")
    (made,) = decided(served, "create")
    assert len(made["images"]) == 3
    shown.locator("#filter-words").fill("three of austria")
    expect(shown.locator("#fitting a")).to_have_count(1)


def test_an_encoder_that_does_not_read_is_told_with_the_command_that_brings_one(shown: Page) -> None:
    shown.goto("/c/bollards/find")
    expect(shown.locator("#drop")).to_contain_text("image-cluster run --encoder open_clip:")


def test_a_found_image_opens_large_within_what_was_found(shown: Page) -> None:
    shown.goto("/c/bollards")
    shown.keyboard.press("/")
    shown.keyboard.type("de-0")
    shown.locator("#search-images a").first.click()
    expect(shown.locator("#viewer-key")).to_have_text(re.compile("de-0"))
    expect(shown).to_have_url(re.compile("find.q=de-0"))


def test_what_was_set_aside_is_counted_and_is_no_broken_picture_among_the_results(shown: Page) -> None:
    shown.goto("/c/bollards")
    shown.keyboard.press("/")
    shown.keyboard.type("broken")
    expect(shown.locator("#search-told")).to_have_text("0 clusters, 0 images; 1 more under Set aside")
    expect(shown.locator("#search-images li")).to_have_count(0)
    expect(shown.locator("#search-all")).to_be_hidden()
