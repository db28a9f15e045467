"""Several people at once: a name asked once, decisions of others without a reload, a conflict that is chosen."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.real.curation_page import clusters, decided, toast
from tests.service.site import Client

pytestmark = pytest.mark.real


def by_ben(served: Client, cluster: str, name: str) -> None:
    event = {"decision": {"kind": "rename", "cluster": cluster, "name": name}, "actor": "Ben"}
    served.post("/categories/bollards/decisions", json=event).raise_for_status()


def test_a_name_is_asked_once_and_stands_in_the_history(shown: Page, served: Client) -> None:
    shown.goto("/c/bollards")
    shown.get_by_label("Your name, for the history of decisions").fill("Ann")
    shown.keyboard.press("Enter")
    expect(shown.locator("#who")).to_be_hidden()
    expect(shown.locator("#who-button")).to_have_text("Ann")
    name = next(iter(clusters(served)))
    shown.goto(f"/c/bollards/cluster/{name}")
    expect(shown.locator("#who")).to_be_hidden()
    shown.locator("#name").fill("Reds")
    shown.locator("#name").press("Enter")
    expect(shown.locator("#history")).to_contain_text("Ann")


def test_what_others_decide_is_seen_without_a_reload_and_own_decisions_are_not_told_again(
    shown: Page, served: Client
) -> None:
    one, *_, two = clusters(served)
    shown.goto("/c/bollards")
    card = shown.locator(f".card[data-id={one}]")
    card.locator(".name").fill("Mine")
    card.locator(".name").press("Enter")
    toast(shown, "Named “Mine”.")
    by_ben(served, two, "Theirs")
    expect(shown.locator(f".card[data-id={two}] .name")).to_have_value("Theirs")
    toast(shown, f"Ben named {two} “Theirs”")
    expect(shown.locator("#toasts")).not_to_contain_text("page named")


def test_who_comes_second_sees_both_names_and_chooses(shown: Page, served: Client) -> None:
    name = next(iter(clusters(served)))
    # without the stream, as if both wrote within the same second
    shown.route(re.compile("/stream"), lambda route: route.abort())
    shown.goto("/c/bollards")
    by_ben(served, name, "Bens")
    field = shown.locator(f".card[data-id={name}] .name")
    field.fill("Anns")
    field.press("Enter")
    alerts = shown.locator("#alerts")
    expect(alerts).to_contain_text("Ben changed this name to “Bens” meanwhile; you wrote “Anns”.")
    expect(field).to_have_value("Bens")
    alerts.get_by_role("button", name="Use “Anns”").click()
    toast(shown, "Named “Anns” instead of “Bens”.")
    expect(field).to_have_value("Anns")
    assert [one["name"] for one in decided(served, "rename")] == ["Anns", "Bens"]


def test_a_change_of_something_else_is_no_conflict(shown: Page, served: Client) -> None:
    name = next(iter(clusters(served)))
    shown.route(re.compile("/stream"), lambda route: route.abort())
    shown.goto(f"/c/bollards/cluster/{name}")
    event = {"decision": {"kind": "note", "cluster": name, "text": "looked"}, "actor": "Ben"}
    served.post("/categories/bollards/decisions", json=event).raise_for_status()
    shown.locator("#name").fill("Anns")
    shown.locator("#name").press("Enter")
    toast(shown, "Named “Anns”.")
    expect(shown.locator("#alerts")).to_be_empty()


def test_an_undo_on_another_page_says_what_is_undone(shown: Page, served: Client) -> None:
    name = next(iter(clusters(served)))
    shown.goto("/c/bollards")
    field = shown.locator(f".card[data-id={name}] .name")
    field.fill("Anns")
    field.press("Enter")
    toast(shown, "Named “Anns”.")
    shown.goto("/c/bollards/runs")
    shown.keyboard.press("u")
    toast(shown, "Undone: Named “Anns”.")


def test_a_link_to_an_image_opens_it_on_the_wall_too_and_o_opens_it_again(shown: Page, served: Client) -> None:
    image = served.ids(cluster=next(iter(clusters(served))))[3]
    shown.goto(f"/c/bollards?view={image}")
    expect(shown.locator("#viewer-facts")).to_contain_text(image)
    shown.goto(f"/c/bollards/find?view={image}")
    expect(shown.locator("#viewer-facts")).to_contain_text(image)
    shown.keyboard.press("Escape")
    expect(shown.locator("#list .tile")).not_to_have_count(0)
    shown.keyboard.press("o")
    expect(shown.locator("#viewer")).to_be_visible()
