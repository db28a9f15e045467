"""Filters that hold together, in the address; and views that are kept under a name."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.real.curation_page import clusters, decided, toast
from tests.service.site import Client

pytestmark = pytest.mark.real


def test_the_wall_takes_filters_of_images_together_and_a_reload_shows_the_same(shown: Page, served: Client) -> None:
    shown.goto("/c/bollards")
    all_of_them = shown.locator("#list .card").count()
    shown.get_by_text("More filters").click()
    shown.get_by_placeholder("Files with these words").fill("de-0")
    expect(shown.locator("#list .card")).to_have_count(1)
    expect(shown.locator("#list .card-facts").first).to_contain_text(re.compile(r"4 of 1\d images"))
    shown.locator("[name=order]").select_option("newest")
    shown.locator("[name=until]").fill("2099-01-01")
    expect(shown).to_have_url(re.compile("order=newest.*until=2099-01-01.*words=de-0|words=de-0"))
    shown.reload()
    expect(shown.locator("#list .card")).to_have_count(1)
    expect(shown.get_by_placeholder("Files with these words")).to_have_value("de-0")
    shown.locator("#list .open").first.click()
    expect(shown.locator("#list .tile")).to_have_count(4)  # the filters go along
    shown.wait_for_load_state()  # the script of the page is there
    shown.get_by_role("button", name="Select all 4").click()
    expect(shown.locator("#selected-count")).to_have_text("4")
    shown.go_back()
    expect(shown.locator("#list .card")).to_have_count(1)
    shown.locator("[name=until]").fill("1999-01-01")
    expect(shown.locator("#nothing")).to_contain_text("No cluster fits these filters.")
    assert all_of_them == len(clusters(served))


def test_a_view_is_kept_under_a_name_found_by_keyboard_and_removed(shown: Page, served: Client) -> None:
    shown.goto("/c/bollards/find?q=de-0&sort=-name")
    expect(shown.locator("#list .tile")).to_have_count(4)
    expect(shown.locator("#list .file").first).to_have_text("de-009-800w.png")
    shown.keyboard.press("w")
    shown.locator("#views-name").fill("German posts")
    shown.keyboard.press("Enter")
    expect(shown.locator("#views-list a")).to_have_attribute("aria-current", "page")
    assert decided(served, "view")[0]["address"] == "find?q=de-0&sort=-name"
    shown.goto("/c/bollards/runs")
    shown.keyboard.press("w")
    shown.locator("#views-list a").click()
    expect(shown.locator("#filter-words")).to_have_value("de-0")
    expect(shown.locator("#list .tile")).to_have_count(4)
    shown.keyboard.press("w")
    shown.get_by_role("button", name="Remove the view German posts").click()
    expect(shown.locator("#views-list")).to_have_text("No view is saved yet.")
    shown.keyboard.press("Escape")
    toast(shown, "Removed the view “German posts”.")


def test_colours_and_place_of_the_map_stand_in_its_address(shown: Page) -> None:
    shown.goto("/c/bollards/map")
    expect(shown.locator("#stage")).to_have_attribute("data-points", re.compile(r"\d+"))
    shown.locator("#colour").select_option("group")
    shown.keyboard.press("Tab")
    shown.get_by_label("Zoom in").click()
    expect(shown).to_have_url(re.compile(r"colour=group&at=0_0_1\.6"))
    shown.reload()
    expect(shown.locator("#legend")).to_contain_text("DE")
    expect(shown.locator("#colour")).to_have_value("group")
