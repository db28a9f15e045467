"""A new kind from some images, with what else belongs to it."""

import pytest
from playwright.sync_api import Page, expect

from tests.real.curation_page import decided, open_first, toast
from tests.service.site import Client

pytestmark = pytest.mark.real


def test_a_new_kind_takes_what_is_ticked_along_and_is_undone_as_one(shown: Page, served: Client) -> None:
    open_first(shown, served)
    for tile in (1, 2):
        shown.locator("#list .pick").nth(tile).click()
    shown.keyboard.press("n")
    expect(shown.locator("#kind-title")).to_have_text("New kind from 2 images")
    picks = shown.locator("#kind-list .pick")
    expect(picks.first).to_be_visible()
    ticked = shown.locator("#kind-list .pick[aria-pressed=true]").count()
    first = picks.first
    before = first.get_attribute("aria-pressed") == "true"
    first.click()
    expect(first).to_have_attribute("aria-pressed", "false" if before else "true")
    if before:
        first.click()
    ticked += not before
    expect(shown.locator("#kind-ok")).to_have_text(f"Create with 2 + {ticked} image{'' if ticked == 1 else 's'}")
    shown.locator("#kind-name").fill("Odd ones")
    shown.keyboard.press("Enter")
    toast(shown, f"Made {2 + ticked} images the new cluster “Odd ones”")
    (made,) = decided(served, "create")
    assert len(made["images"]) == 2 + ticked
    shown.keyboard.press("u")
    toast(shown, "Undone")
    assert decided(served, "create") == []


def test_a_kind_without_a_name_or_that_is_cancelled_decides_nothing(shown: Page, served: Client) -> None:
    open_first(shown, served)
    shown.locator("#list .pick").nth(1).click()
    shown.keyboard.press("n")
    expect(shown.locator("#kind-list .pick").first).to_be_visible()
    assert shown.locator("#kind-list .pick[aria-pressed=true]").count() == 0  # of one image nobody knows how alike
    shown.locator("#kind-name").press("Enter")
    expect(shown.locator("#kind")).to_be_visible()
    shown.locator("#kind-name").fill("A name")
    shown.keyboard.press("Escape")
    expect(shown.locator("#kind")).to_be_hidden()
    assert decided(served, "create") == []
    expect(shown.locator("#selected-count")).to_have_text("1")
