"""Find, and every action on many images: an action says how many images it covers, and covers exactly those."""

import csv
import io
import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.real.curation_page import KINDS, clusters, decided, open_first, toast
from tests.service.site import Client, picture

pytestmark = pytest.mark.real

LIBRARY = 64  # one more is broken and rejected


def bring(page: Page, content: bytes | None = None) -> None:
    """Give the page a picture to compare."""
    if content is None:
        file = io.BytesIO()
        picture(KINDS["cyan"], 999).save(file, "PNG")
        content = file.getvalue()
    page.locator("#file").set_input_files({"name": "mine.png", "mimeType": "image/png", "buffer": content})


def pages_of(page: Page, size: int) -> None:
    """Let the list be fetched in small pages, as the pages of a large library are small beside it."""

    def smaller(route: Route) -> None:
        route.continue_(url=route.request.url.replace("limit=120", f"limit={size}").replace("limit=1000", "limit=30"))

    page.route(re.compile(r"/api/v1/images\?"), smaller)


def held(page: Page, pattern: str) -> list[Route]:
    """The requests that wait, until the test answers them."""
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    page.route(re.compile(pattern), hold)
    return waiting


def stored(served: Client) -> list[dict[str, Any]]:
    return [decision for kind in ("tag", "exclude", "move") for decision in decided(served, kind)]


def test_while_a_new_picture_is_looked_at_nothing_can_be_done_with_the_old_results(shown: Page, served: Client) -> None:
    shown.goto("/c/bollards/find")
    expect(shown.locator("#found")).to_have_text("64 images")
    shown.locator("#list .pick").nth(2).click()
    waiting = held(shown, "/similarity/find")
    bring(shown)
    expect(shown.locator("#found")).to_have_text("Comparing the picture …")
    expect(shown.locator("#tag-all")).to_be_disabled()
    expect(shown.locator("#select-shown")).to_be_disabled()
    expect(shown.locator("#selection")).to_be_hidden()
    assert shown.locator("#list").evaluate("list => list.inert")
    for key in ("j", "x", "v", "t"):
        shown.keyboard.press(key)
    toast(shown, "The list is being fetched")
    assert shown.locator("dialog[open]").count() == 0
    waiting[0].continue_()
    expect(shown.locator("#tag-all")).to_be_enabled()
    expect(shown.locator("#tag-all")).to_have_text("Tag all 50…")
    expect(shown.locator("#select-shown")).to_have_text("Select all 50")
    assert not shown.locator("#list").evaluate("list => list.inert")
    assert stored(served) == []


def test_after_a_picture_that_cannot_be_read_there_are_no_results_to_act_on(shown: Page) -> None:
    shown.goto("/c/bollards/find")
    expect(shown.locator("#found")).to_have_text("64 images")
    bring(shown, b"not a picture")
    expect(shown.locator("#found")).to_contain_text("cannot be used as a query")
    expect(shown.locator("#list .tile")).to_have_count(0)
    expect(shown.locator("#tag-all")).to_be_hidden()
    expect(shown.locator("#select-shown")).to_be_hidden()


def test_tag_all_says_how_many_images_there_are_and_tags_those_not_the_loaded_ones(shown: Page, served: Client) -> None:
    pages_of(shown, 20)
    shown.set_viewport_size({"width": 700, "height": 300})
    shown.goto("/c/bollards/find")
    expect(shown.locator("#tag-all")).to_have_text(f"Tag all {LIBRARY}…")
    shown.locator("#tag-all").click()
    expect(shown.locator("#ask-title")).to_have_text(f"Tag all {LIBRARY} images")
    shown.locator("#ask-input").fill("everything")
    shown.keyboard.press("Enter")
    toast(shown, f"Tagged {LIBRARY} images")
    assert len(served.ids(tag="everything")) == LIBRARY


def test_select_all_says_how_many_images_there_are_and_selects_those(shown: Page, served: Client) -> None:
    pages_of(shown, 10)
    shown.set_viewport_size({"width": 700, "height": 300})
    shown.goto("/c/bollards/find?group=fr")
    count = len(served.ids(group="fr", state=["clustered", "unclustered"]))
    assert count > 10
    expect(shown.locator("#select-shown")).to_have_text(f"Select all {count}")
    shown.locator("#select-shown").click()
    expect(shown.locator("#selected-count")).to_have_text(str(count))


def test_what_is_no_longer_shown_is_no_longer_selected(shown: Page, served: Client) -> None:
    shown.goto("/c/bollards/find")
    expect(shown.locator("#found")).to_have_text("64 images")
    shown.locator(".tile[data-group=DE] .pick").first.click()
    shown.locator(".tile[data-group=AT] .pick").first.click()
    expect(shown.locator("#selected-count")).to_have_text("2")
    shown.locator("[name=group]").select_option("at")
    expect(shown.locator("#found")).not_to_have_text("64 images")
    expect(shown.locator("#selected-count")).to_have_text("1")


def test_a_page_of_an_older_question_is_not_put_behind_the_answer_to_a_newer_one(shown: Page, served: Client) -> None:
    pages_of(shown, 20)
    shown.set_viewport_size({"width": 700, "height": 300})
    waiting = held(shown, r"/api/v1/images\?.*cursor=")
    shown.goto("/c/bollards/find")
    expect(shown.locator("#tag-all")).to_have_text(f"Tag all {LIBRARY}…")
    shown.keyboard.press("End")
    shown.evaluate("scrollTo(0, document.body.scrollHeight)")
    for _ in range(100):
        if waiting:
            break
        shown.wait_for_timeout(50)
    assert waiting
    one = next(iter(clusters(served).values()))
    shown.evaluate(
        """id => { const field = document.querySelector("[name=cluster]"); field.value = id;
        field.dispatchEvent(new Event("input", { bubbles: true })); }""",
        one["id"],
    )
    expect(shown.locator("#list .tile")).to_have_count(one["size"])
    waiting[0].continue_()
    shown.wait_for_load_state("networkidle")
    expect(shown.locator("#list .tile")).to_have_count(one["size"])


def test_select_all_of_a_cluster_counts_the_images_that_are_in_it_now(shown: Page, served: Client) -> None:
    open_first(shown, served)
    button = shown.locator("[data-do=select-all]")
    expect(button).to_have_text("Select all 11")
    shown.locator("#list .pick").nth(1).click()  # the first is one of two equal files, which go together
    shown.get_by_role("button", name="Take out").click()
    expect(shown.locator("#head .card-facts")).to_contain_text("10 images")
    expect(button).to_have_text("Select all 10")
    button.click()
    expect(shown.locator("#selected-count")).to_have_text("10")


def test_of_two_filters_in_a_row_the_later_one_stands(shown: Page) -> None:
    shown.goto("/c/bollards")
    expect(shown.locator(".card")).to_have_count(6)
    waiting = held(shown, r"/c/bollards\?.*group=fr")
    shown.locator("[name=group]").select_option("fr")
    shown.locator("#search").fill("nothing is called this")
    shown.locator("[name=group]").select_option("at")
    expect(shown.locator(".card")).to_have_count(0)
    for route in waiting:
        route.continue_(url=route.request.url.split("?")[0])
    shown.wait_for_load_state("networkidle")
    expect(shown.locator(".card")).to_have_count(0)


def test_the_ranking_that_is_seen_is_saved_with_its_ratings(shown: Page, served: Client) -> None:
    shown.goto(f"/c/bollards/find?image={served.ids()[0]}")
    tiles = shown.locator("#list .tile")
    expect(tiles.nth(3)).to_be_visible()
    worst = tiles.nth(3).get_attribute("data-id")
    tiles.nth(3).locator(".dislike").click()
    expect(shown.locator("#found")).to_contain_text("1 rating")
    with shown.expect_download() as saved:
        shown.locator("#ranking").get_by_role("button", name="CSV").click()
    assert saved.value.suggested_filename == "bollards-similar.csv"
    rows = list(csv.DictReader(saved.value.path().open()))
    seen = tiles.evaluate_all("all => all.map((one) => one.dataset.id)")
    assert [row["image_id"] for row in rows] == [one for one in seen if one != worst]
    shown.goto("/c/bollards/find")
    expect(shown.locator("#exports")).to_be_visible()
    expect(shown.locator("#ranking")).to_be_hidden()
