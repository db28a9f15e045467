"""The page in German: what the service says in English sentences, and what others do meanwhile."""

import re

import pytest
from playwright.sync_api import Page, expect

from pipeline.curation.review import Flag
from tests.real.curation_page import clusters, open_first, toast
from tests.service.site import Client

pytestmark = pytest.mark.real


def decide(served: Client, **decision: object) -> None:
    served.post("/categories/bollards/decisions", json={"decision": decision, "actor": "Anna"}).raise_for_status()


def test_the_history_and_the_reason_for_a_review_are_said_in_german(shown: Page, served: Client) -> None:
    shown.context.add_cookies([{"name": "language", "value": "de", "url": served.url}])
    one, two = list(clusters(served))[:2]
    decide(served, kind="rename", cluster=one, name="Red kind")
    decide(served, kind="move", images=served.ids(cluster=two)[:6], to=one)
    flag = Flag(one, "new", "is new, with 25 images", "run-7", after_event=10_000)
    served.service.decisions().store.raise_flags("bollards", [flag], at="2026-11-01T00:00:00Z")
    served.service.library.forget("bollards")
    shown.goto(f"/c/bollards/cluster/{one}")
    history = shown.locator("#history")
    expect(history).to_contain_text(f"nannte {one} „Red kind“")
    expect(history).to_contain_text(f"verschob 6 Bilder von {two} nach {one}")
    expect(history.get_by_role("button", name=re.compile("nannte"))).to_be_visible()
    expect(shown.locator("#head .flag")).to_contain_text("ist neu: 25 Bilder")
    shown.goto("/c/bollards")
    expect(shown.locator(f".card[data-id={one}] .flag")).to_contain_text("ist neu: 25 Bilder")


def test_what_somebody_else_decides_is_told_in_german(shown: Page, served: Client) -> None:
    shown.context.add_cookies([{"name": "language", "value": "de", "url": served.url}])
    name = open_first(shown, served)
    expect(shown.locator("#list .tile").first).to_be_visible()
    decide(served, kind="rename", cluster=name, name="Their name")
    toast(shown, f"Anna nannte {name} „Their name“")


def test_reasons_headlines_refusals_and_what_a_button_does_are_said_in_german(shown: Page, served: Client) -> None:
    shown.context.add_cookies([{"name": "language", "value": "de", "url": served.url}])
    shown.goto("/c/bollards/rejected")
    expect(shown.locator("#head")).to_contain_text("1 beschädigt")
    expect(shown.locator("#list")).to_contain_text("Der Kopf der PNG-Datei ist beschädigt oder abgeschnitten")
    shown.goto("/c/bollards/runs")
    expect(shown.locator(".timeline").first).to_contain_text(
        re.compile("zum ersten Mal veröffentlicht: 65 Bilder, davon 61")
    )
    shown.goto("/c/bollards/unclustered")
    expect(shown.locator("#accept-all")).to_have_text(re.compile(r"^\d Bild(er)? annehmen$"))
    open_first(shown, served)
    shown.get_by_role("button", name=re.compile(r"^Alle \d+ auswählen$")).click()
    expect(shown.locator("#selection")).to_be_visible()
    shown.keyboard.press("s")
    shown.locator("#ask-ok").click()
    expect(shown.locator("#alerts")).to_contain_text("beim Abspalten muss mindestens eines bleiben.")


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_view_of_the_bar_is_seen_at_1280_pixels(shown: Page, served: Client, language: str) -> None:
    shown.context.add_cookies([{"name": "language", "value": language, "url": served.url}])
    shown.goto("/c/bollards/runs")
    assert shown.locator("#views").evaluate("bar => bar.scrollWidth <= bar.clientWidth")
    expect(shown.locator("#search-button")).to_have_accessible_name(re.compile("Search|Suche"))
