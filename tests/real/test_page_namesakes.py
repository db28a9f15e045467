"""Two clusters of one name: said at once, with what can be done, by mouse and by keyboard."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.real.curation_page import clusters, decided, toast
from tests.service.site import Client

pytestmark = pytest.mark.real


def name_on_the_wall(shown: Page, cluster: str, name: str) -> None:
    field = shown.locator(f".card[data-id={cluster}] .name")
    field.fill(name)
    field.press("Enter")


def two_of_one_name(shown: Page, served: Client) -> tuple[str, str]:
    one, two = list(clusters(served))[:2]
    shown.goto("/c/bollards")
    name_on_the_wall(shown, one, "Red post")
    toast(shown, "Named “Red post”.")
    expect(shown.locator("#alerts")).to_be_empty()
    name_on_the_wall(shown, two, "red post")
    expect(shown.locator("#alerts")).to_contain_text("Another cluster is called “Red post” too.")
    expect(shown.locator("#alerts img")).to_have_count(2)
    return one, two


def test_the_second_cluster_of_a_name_is_merged_into_the_first_by_keys_alone(shown: Page, served: Client) -> None:
    one, two = two_of_one_name(shown, served)
    sizes = clusters(served)
    focused = shown.evaluate("document.activeElement.closest('[data-id]').dataset.id")
    assert focused not in (one, two)  # naming goes on with the next card
    shown.keyboard.press("Escape")
    shown.keyboard.press("g")
    expect(shown.get_by_role("button", name="Merge them")).to_be_focused()
    shown.keyboard.press("Enter")
    toast(shown, "Merged 2 clusters into “Red post”.")
    expect(shown.locator("#alerts")).to_be_empty()
    expect(shown.locator(f".card[data-id={two}]")).to_have_count(0)
    assert clusters(served)[one]["size"] == sizes[one]["size"] + sizes[two]["size"]


def test_both_can_keep_it_and_their_pages_say_so(shown: Page, served: Client) -> None:
    one, two = two_of_one_name(shown, served)
    shown.get_by_role("button", name="Keep both").click()
    expect(shown.locator("#alerts")).to_be_empty()
    shown.goto(f"/c/bollards/cluster/{one}")
    note = shown.locator("#same-name")
    expect(note).to_contain_text("Another cluster has this name too")
    note.get_by_role("link").click()
    expect(shown).to_have_url(re.compile(f"cluster/{two}"))


def test_the_name_can_be_taken_back_and_an_undo_elsewhere_ends_the_question(shown: Page, served: Client) -> None:
    _, two = two_of_one_name(shown, served)
    shown.locator("#alerts").get_by_role("button", name="Undo").click()
    expect(shown.locator("#alerts")).to_be_empty()
    toast(shown, "Undone: Named “red post”.")
    assert clusters(served)[two]["name"] is None
    expect(shown.locator(f".card[data-id={two}] .name")).to_have_value("")  # the wall follows a moment later
    name_on_the_wall(shown, two, "Red post")
    expect(shown.locator("#alerts")).to_contain_text("is called")
    shown.keyboard.press("Escape")
    shown.keyboard.press("u")
    expect(shown.locator("#alerts")).to_be_empty()


def test_a_new_kind_of_a_name_that_is_there_is_asked_about_too_and_the_page_of_one_that_is_merged_goes_along(
    shown: Page, served: Client
) -> None:
    one, two = list(clusters(served))[:2]
    decision = {"kind": "rename", "cluster": one, "name": "Red post"}
    served.post("/categories/bollards/decisions", json={"decision": decision}).raise_for_status()
    shown.goto(f"/c/bollards/cluster/{two}")
    shown.locator("#list .tile .pick").first.click()
    shown.keyboard.press("n")
    shown.locator("#kind-name").fill("Red post")
    shown.keyboard.press("Enter")
    expect(shown.locator("#alerts")).to_contain_text("Another cluster is called “Red post” too.")
    shown.get_by_role("button", name="Keep both").click()
    shown.locator("#name").fill("Red post")
    shown.locator("#name").press("Enter")
    expect(shown.locator("#alerts")).to_contain_text("2 other clusters are called “Red post” too.")
    shown.get_by_role("button", name="Merge them").click()
    shown.wait_for_url(re.compile(f"cluster/{one}$"))
    assert len(decided(served, "merge")) == 1
