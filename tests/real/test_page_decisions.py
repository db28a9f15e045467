"""Decisions about the picture that is seen large, on the pages that list no images."""

import re

import pytest
from playwright.sync_api import Page, expect

from pipeline.steps.publish import publish
from tests.real.curation_page import clusters, decided, toast
from tests.service.site import Client

pytestmark = pytest.mark.real

DECIDES = ["f", "v", "n", "t", "x", "s", "p"]
KINDS = ("move", "exclude", "split", "review", "representative", "merge", "status", "rename")


def state(served: Client, image: str) -> str:
    return str(served.get(f"/images/{image}").json()["state"])


def offered(shown: Page) -> list[str]:
    return shown.locator("#viewer-actions kbd").all_inner_texts()


def some(served: Client) -> tuple[str, str]:
    """A cluster, and one of its images that does not represent it."""
    name, found = next(iter(clusters(served).items()))
    return name, next(one for one in served.ids(cluster=name) if one != found["representative"])


def look(shown: Page, image: str, view: str = "") -> None:
    shown.goto(f"/c/bollards{view}?view={image}")
    expect(shown.locator("#viewer")).to_be_visible()


@pytest.mark.parametrize("view", ["", "/runs", "/rejected", "/import"])
def test_every_decision_is_offered_wherever_an_address_opens_the_large_view(
    shown: Page, served: Client, view: str
) -> None:
    _, image = some(served)
    look(shown, image, view)
    assert offered(shown) == DECIDES


def test_over_the_wall_each_key_decides_about_what_is_seen_and_is_undone(shown: Page, served: Client) -> None:
    name, image = some(served)
    other = next(one for one in clusters(served) if one != name)
    served.post(
        "/categories/bollards/decisions", json={"decision": {"kind": "rename", "cluster": other, "name": "Other kind"}}
    ).raise_for_status()
    look(shown, image)
    expect(shown.locator("#viewer-next")).to_be_hidden()  # there is no list to go through
    facts = shown.locator("#viewer-facts")
    expect(facts).to_contain_text(name)

    shown.keyboard.press("v")
    shown.locator("#picker-input").fill("Other kind")
    shown.keyboard.press("Enter")
    expect(facts).to_contain_text("Other kind")
    assert image in served.ids(cluster=other)
    shown.keyboard.press("u")
    expect(facts).to_contain_text(name)

    shown.keyboard.press("t")
    shown.locator("#ask-input").fill("wet")
    shown.keyboard.press("Enter")
    expect(facts).to_contain_text("wet")
    shown.keyboard.press("u")
    expect(facts).not_to_contain_text("wet")

    shown.keyboard.press("p")
    toast(shown, "represents")
    assert clusters(served)[name]["representative"] == image
    shown.keyboard.press("u")
    toast(shown, "Undone: This image now represents")
    assert clusters(served)[name]["representative"] != image

    shown.keyboard.press("s")
    shown.locator("#ask-input").fill("Split kind")
    shown.keyboard.press("Enter")
    expect(facts).to_contain_text("Split kind")
    shown.keyboard.press("u")
    expect(facts).not_to_contain_text("Split kind")

    shown.keyboard.press("n")
    shown.locator("#kind-name").fill("New kind")
    shown.keyboard.press("Enter")
    expect(facts).to_contain_text("New kind")
    shown.keyboard.press("u")
    expect(facts).not_to_contain_text("New kind")

    expect(shown.locator("#viewer")).to_be_visible()
    shown.keyboard.press("f")
    shown.wait_for_url(re.compile(f"find\\?image={image}"))


def test_what_is_excluded_stays_seen_and_the_same_key_takes_it_back(shown: Page, served: Client) -> None:
    _, image = some(served)
    look(shown, image)
    shown.keyboard.press("x")
    expect(shown.locator("#viewer-actions")).to_contain_text("Take back")
    assert offered(shown) == ["f", "x"]
    assert state(served, image) == "excluded"
    shown.keyboard.press("x")
    expect(shown.locator("#viewer-actions")).to_contain_text("Exclude")
    assert state(served, image) == "clustered"


def test_an_unclustered_image_goes_to_the_nearest_cluster_by_one_key(shown: Page, served: Client) -> None:
    found = {one: served.get(f"/images/{one}").json()["nearest_cluster"] for one in served.ids(state="unclustered")}
    image, nearest = next((one, near) for one, near in found.items() if near)
    look(shown, image)
    expect(shown.locator("#viewer-facts")).to_contain_text("unclustered")
    shown.keyboard.press("y")
    toast(shown, "Moved 1 image to")
    assert image in served.ids(cluster=nearest)


def test_no_key_of_the_wall_acts_behind_the_large_view(shown: Page, served: Client) -> None:
    _, image = some(served)
    shown.goto("/c/bollards")
    shown.locator("#list input[type=checkbox]").first.check()
    shown.evaluate("id => history.replaceState(null, '', `?view=${id}`)", image)
    shown.reload()
    expect(shown.locator("#viewer")).to_be_visible()
    for key in ["m", "r", "e", "l", "i", "/", "w", " ", "?"]:
        shown.keyboard.press(key)
    assert shown.locator("dialog[open]").count() == 1
    assert all(decided(served, kind) == [] for kind in KINDS)


def test_over_two_runs_keys_decide_and_the_list_knows_what_became_of_its_images(shown: Page, served: Client) -> None:
    one, two = list(clusters(served))[:2]
    image = served.ids(cluster=one)[-1]
    publish(served.service.project, "bollards")
    served.post(
        "/categories/bollards/decisions", json={"decision": {"kind": "move", "images": [image], "to": two}}
    ).raise_for_status()
    publish(served.service.project, "bollards")
    shown.goto("/c/bollards/compare")
    row = shown.locator(f".outlook-row[data-cluster={two}]")
    row.get_by_text("1 came").click()
    tile = row.locator(".tile")
    tile.locator(".pick").dblclick()
    shown.keyboard.press("x")
    expect(shown.locator("#viewer-actions")).to_contain_text("Take back")
    expect(tile).to_have_attribute("data-state", "excluded")
    expect(tile).to_be_visible()  # what was opened stays open
    shown.keyboard.press("u")
    expect(shown.locator("#viewer-actions")).to_contain_text("Exclude")
    expect(tile).to_have_attribute("data-state", "clustered")
    shown.keyboard.press("Escape")
    expect(shown.locator("#viewer")).to_be_hidden()
    assert decided(served, "exclude") == []


def test_a_decision_that_is_still_being_stored_is_the_one_that_u_undoes(shown: Page, served: Client) -> None:
    """It was the decision before it, which had nothing to do with it, that was undone on a slow machine."""
    name, image = some(served)
    shown.goto(f"/c/bollards/cluster/{name}")
    shown.locator("#name").fill("Stays")
    shown.locator("#name").press("Enter")
    toast(shown, "Named “Stays”.")
    shown.route("**/decisions/batch", lambda route: (shown.wait_for_timeout(700), route.continue_()))
    shown.locator(f"#list .tile[data-id='{image}'] .pick").click()
    shown.keyboard.press("x")
    shown.keyboard.press("u")
    toast(shown, "Undone: Excluded 1 image.")
    assert clusters(served)[name]["name"] == "Stays"
    assert state(served, image) == "clustered"


def test_the_note_of_a_decision_that_was_undone_offers_no_undo(shown: Page, served: Client) -> None:
    name, image = some(served)
    shown.goto(f"/c/bollards/cluster/{name}")
    shown.locator(f"#list .tile[data-id='{image}'] .pick").click()
    shown.keyboard.press("x")
    expect(shown.locator("#toasts button")).to_have_text(["Undo"])
    shown.keyboard.press("u")
    toast(shown, "Undone: Excluded 1 image.")
    expect(shown.locator("#toasts button")).to_have_count(0)
