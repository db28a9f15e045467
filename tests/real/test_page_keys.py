"""Keys and dialogs of the curation page: what a person who types fast, or has scrolled, can rely on."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.real.curation_page import clusters, decided, open_first, toast
from tests.service.site import Client

pytestmark = pytest.mark.real

OPENS = {"#help": "?", "#ask": "t", "#picker": "v", "#viewer": "o"}
FIELDS = {"#ask": "#ask-input", "#picker": "#picker-input", "#help": "#actor"}
EVERY_KEY = ["x", "v", "t", "s", "p", "m", "r", "u", "j", " ", "y", "l", "b"]


@pytest.mark.parametrize("dialog", OPENS)
def test_escape_closes_a_dialog_at_once_whatever_was_typed_and_the_selection_stays(
    shown: Page, served: Client, dialog: str
) -> None:
    open_first(shown, served)
    shown.locator("#list .pick").nth(1).click()
    shown.keyboard.press(OPENS[dialog])
    expect(shown.locator(dialog)).to_be_visible()
    if dialog in FIELDS:
        shown.locator(FIELDS[dialog]).press_sequentially("some words")
    shown.keyboard.press("Escape")
    expect(shown.locator(dialog)).to_be_hidden()
    expect(shown.locator("#selected-count")).to_have_text("1")
    assert decided(served, "move") == []


def test_escape_that_is_held_down_closes_the_dialog_and_nothing_else(shown: Page, served: Client) -> None:
    open_first(shown, served)
    shown.locator("#list .pick").nth(1).click()
    shown.keyboard.press("v")
    expect(shown.locator("#picker")).to_be_visible()
    for _ in range(3):
        shown.keyboard.down("Escape")  # from the second on it is a repetition
    shown.keyboard.up("Escape")
    expect(shown.locator("#picker")).to_be_hidden()
    expect(shown.locator("#selected-count")).to_have_text("1")


@pytest.mark.parametrize("dialog", [name for name in OPENS if name != "#viewer"])  # its keys act on what is seen
def test_no_key_reaches_the_page_behind_a_dialog(shown: Page, served: Client, dialog: str) -> None:
    name = open_first(shown, served)
    shown.locator("#list .pick").nth(1).click()
    shown.keyboard.press(OPENS[dialog])
    expect(shown.locator(dialog)).to_be_visible()
    shown.evaluate("document.activeElement.blur()")
    for key in EVERY_KEY:
        shown.keyboard.press(key)
    expect(shown.locator(dialog)).to_be_visible()
    assert shown.locator("dialog[open]").count() == 1
    assert shown.url.endswith(name)
    for kind in ("move", "exclude", "split", "review", "representative", "merge"):
        assert decided(served, kind) == []


def test_enter_in_the_picker_takes_the_first_answer_to_what_was_typed_not_an_older_one(
    shown: Page, served: Client
) -> None:
    name = open_first(shown, served)
    wanted = min(clusters(served).values(), key=lambda cluster: cluster["size"])["id"]
    assert wanted != name

    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    shown.route(re.compile(r"/clusters\?.*q="), hold)
    shown.locator("#list .pick").nth(1).click()
    shown.keyboard.press("v")
    expect(shown.locator("#picker-list button").first).to_be_visible()
    shown.locator("#picker-input").fill(wanted)
    shown.keyboard.press("Enter")
    expect(shown.locator("#picker")).to_be_visible()
    held[-1].continue_()
    toast(shown, "Moved 1 image to")
    assert [move["to"] for move in decided(served, "move")] == [wanted]


def test_enter_in_the_picker_without_any_match_merges_nothing(shown: Page, served: Client) -> None:
    open_first(shown, served)
    shown.keyboard.press("m")
    expect(shown.locator("#picker-list button").first).to_be_visible()
    shown.locator("#picker-input").fill("no cluster has this name")
    shown.keyboard.press("Enter")
    expect(shown.locator("#picker-list")).to_contain_text("No cluster name contains that.")
    expect(shown.locator("#picker")).to_be_visible()
    assert decided(served, "merge") == []


def test_a_name_that_no_cluster_has_makes_a_new_cluster_of_the_selected_images(shown: Page, served: Client) -> None:
    name = open_first(shown, served)
    for tile in (1, 2):
        shown.locator("#list .pick").nth(tile).click(modifiers=["Control"])
    chosen = {shown.locator("#list [data-id]").nth(tile).get_attribute("data-id") for tile in (1, 2)}
    shown.keyboard.press("v")
    expect(shown.locator("#picker-list button").first).to_be_visible()
    shown.locator("#picker-input").press_sequentially("Wet posts")
    expect(shown.locator("#picker-list button")).to_have_count(1)
    expect(shown.locator("#picker-list button")).to_contain_text("New cluster “Wet posts”")
    shown.keyboard.press("Enter")
    toast(shown, "Made 2 images the new cluster “Wet posts”")
    (made,) = decided(served, "create")
    assert (made["name"], made["clusters"], len(made["images"])) == ("Wet posts", [name], 2)
    shown.get_by_role("link", name="Open").last.click()
    expect(shown).to_have_url(re.compile(f"/cluster/{made['new_cluster']}$"))
    assert chosen <= set(served.ids(cluster=made["new_cluster"]))


@pytest.mark.parametrize("key", ["x", "v", "s", "p", "t"])
def test_a_key_decides_nothing_about_an_image_that_is_out_of_sight(shown: Page, served: Client, key: str) -> None:
    shown.set_viewport_size({"width": 700, "height": 420})
    open_first(shown, served)
    tile = shown.locator("#list .tile").first
    tile.locator(".pick").focus()
    shown.evaluate("document.activeElement.blur(); scrollTo(0, document.body.scrollHeight)")
    expect(tile).not_to_be_in_viewport()
    shown.keyboard.press(key)
    toast(shown, "Nothing is selected in sight")
    expect(tile).to_be_in_viewport()  # shown, so that the next press is about what is seen
    assert shown.locator("dialog[open]").count() == 0
    for kind in ("move", "exclude", "split", "representative"):
        assert decided(served, kind) == []


def test_the_image_that_keys_act_on_is_marked_also_after_a_click(shown: Page, served: Client) -> None:
    open_first(shown, served)
    pick = shown.locator("#list .pick").nth(1)
    pick.click()
    pick.click()
    expect(shown.locator("#selection")).to_be_hidden()
    shadow = shown.locator("#list .tile.current .pick").evaluate("one => getComputedStyle(one).outlineStyle")
    assert shadow == "dashed"


def test_a_decision_by_key_is_made_once_however_long_the_key_is_held(shown: Page, served: Client) -> None:
    open_first(shown, served)
    shown.locator("#list .pick").nth(2).focus()
    for _ in range(4):
        shown.keyboard.down("x")
        shown.wait_for_timeout(100)
    shown.keyboard.up("x")
    toast(shown, "Excluded 1 image")
    shown.wait_for_load_state("networkidle")
    assert len(decided(served, "exclude")) == 1


def test_one_image_of_many_represents_a_cluster_only_when_it_is_clear_which(shown: Page, served: Client) -> None:
    open_first(shown, served)
    shown.locator("#list .pick").nth(1).click()
    shown.locator("#list .pick").nth(2).click()
    shown.keyboard.press("p")
    toast(shown, "Select one image: 2 are selected")
    assert decided(served, "representative") == []


def test_a_suggested_name_stands_in_the_empty_field_of_a_cluster_and_the_arrow_takes_it(
    shown: Page, served: Client
) -> None:
    name = max(clusters(served).values(), key=lambda cluster: cluster["size"])["id"]
    shown.route(re.compile(r"/suggestions$"), lambda route: route.fulfill(json={name: "Red post"}))
    open_first(shown, served)
    expect(shown.locator("#name")).to_have_attribute("placeholder", "Red post? → takes it")
    shown.locator("#name").focus()
    shown.keyboard.press("ArrowRight")
    shown.keyboard.press("Enter")
    toast(shown, "Named “Red post”")
    assert decided(served, "rename")[0]["name"] == "Red post"
