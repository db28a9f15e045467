"""What is looked at in *Find* is in the address, so that a link shows the same, and what a link cannot hold is said."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.real.curation_page import clusters, decided
from tests.real.test_page_find import bring
from tests.service.site import Client

pytestmark = pytest.mark.real


def shown_ids(shown: Page) -> list[str]:
    return shown.locator("#list .tile").evaluate_all("tiles => tiles.map(tile => tile.dataset.id)")


def rate(shown: Page, image: str, word: str) -> None:
    shown.locator(f"#list .tile[data-id='{image}']").get_by_role("button", name=word, exact=True).click()


def asked(shown: Page, served: Client) -> tuple[str, str]:
    """A search like an image, with one result that is liked and one that is not."""
    name = next(iter(clusters(served)))
    shown.goto(f"/c/bollards/find?image={served.ids(cluster=name)[0]}")
    expect(shown.locator("#found")).to_contain_text("of 64")
    good, bad = shown_ids(shown)[3], shown_ids(shown)[20]
    rate(shown, good, "Like this")
    expect(shown.locator("#found")).to_contain_text("ranked with 1 rating")
    rate(shown, bad, "Not like this")
    expect(shown.locator("#found")).to_contain_text("ranked with 2 ratings")
    return good, bad


def test_a_link_asks_with_the_same_ratings(shown: Page, served: Client) -> None:
    good, bad = asked(shown, served)
    assert f"up={good}" in shown.url
    assert f"down={bad}" in shown.url
    before, url = shown_ids(shown), shown.url
    shown.goto("about:blank")
    shown.goto(url)
    expect(shown.locator("#found")).to_contain_text("ranked with 2 ratings")
    assert shown_ids(shown) == before
    expect(shown.locator("#list .tile.liked")).to_have_attribute("data-id", good)
    expect(shown.locator(f"#list .tile[data-id='{bad}'] .mark-text")).to_have_text("left out")


def test_after_a_reload_a_rating_is_taken_back_with_what_it_taught(shown: Page, served: Client) -> None:
    good, bad = asked(shown, served)
    assert len(decided(served, "pair")) == 2
    shown.reload()
    expect(shown.locator("#found")).to_contain_text("ranked with 2 ratings")
    rate(shown, good, "Like this")
    expect(shown.locator("#found")).to_contain_text("ranked with 1 rating")
    expect(shown).not_to_have_url(re.compile("up="))
    assert [one["same"] for one in decided(served, "pair")] == [False]
    assert f"down={bad}" in shown.url


def test_an_image_of_a_link_that_is_gone_is_told_and_the_search_goes_on(shown: Page, served: Client) -> None:
    name = next(iter(clusters(served)))
    shown.goto(f"/c/bollards/find?image={served.ids(cluster=name)[0]}&up=gone1")
    expect(shown.locator("#alerts")).to_contain_text("is gone: gone1")
    expect(shown.locator("#found")).to_contain_text("of 64")
    expect(shown).not_to_have_url(re.compile("gone1"))


def test_a_link_says_that_it_cannot_hold_the_picture_that_was_brought_and_keeps_the_rest(shown: Page) -> None:
    shown.goto("/c/bollards/find")
    bring(shown)
    expect(shown.locator("#list .tile")).to_have_count(50)
    expect(shown.locator("#asked")).to_contain_text("a link keeps the filters and ratings, not the picture")
    good = shown_ids(shown)[2]
    rate(shown, good, "Like this")
    expect(shown.locator("#found")).to_contain_text("ranked with 1 rating")
    before = shown_ids(shown)
    shown.reload()
    expect(shown.locator("#nothing")).to_contain_text("Bring it again")
    expect(shown.locator("#list .tile")).to_have_count(0)
    expect(shown.locator("#tag-all")).to_be_hidden()
    assert f"up={good}" in shown.url
    bring(shown)
    expect(shown.locator("#found")).to_contain_text("ranked with 1 rating")
    expect(shown.locator("#nothing")).to_be_hidden()
    assert shown_ids(shown) == before
