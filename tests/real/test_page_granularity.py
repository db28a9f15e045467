"""Coarser or finer, in a real browser: compare, slide, use, and take back."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.real.curation_page import clusters, decided, sizes, toast
from tests.real.test_page_browser import LOW_CONTRAST
from tests.service.site import Client

pytestmark = pytest.mark.real
RUN_MS = 120_000


@pytest.fixture(scope="module")
def compared(served: Client) -> Client:
    """The library of this folder, with every setting compared."""
    run = served.post("/categories/bollards/granularity/compare", json={"runs": 1}).raise_for_status().json()
    served.until(f"/runs/{run['id']}", lambda one: one["state"] == "succeeded")
    return served


def settings(page: Page) -> list[tuple[str, int]]:
    links = page.locator("a[data-at]")
    return [(str(one.get_attribute("data-at")), int(one.get_attribute("data-clusters") or 0)) for one in links.all()]


def test_without_a_comparison_the_page_offers_one_and_shows_its_progress(shown: Page, served: Client) -> None:
    shown.goto("/c/bollards")
    shown.get_by_role("link", name="Coarser or finer").click()
    shown.get_by_role("button", name="Compare settings").click()
    expect(shown.locator("#preview")).to_be_visible(timeout=RUN_MS)
    expect(shown.locator("a[data-at][aria-current]")).to_contain_text("auto")
    expect(shown.locator("#use")).to_be_disabled()
    expect(shown.locator("#preview")).to_contain_text("would stay exactly as they are")
    assert len(settings(shown)) == 10


def test_a_setting_is_looked_at_by_keyboard_used_and_taken_back(shown: Page, compared: Client) -> None:
    before = sizes(clusters(compared))
    name = max(before, key=lambda one: before[one])
    compared.post(
        "/categories/bollards/decisions", json={"decision": {"kind": "rename", "cluster": name, "name": "Mine"}}
    )
    shown.goto("/c/bollards/granularity")
    slider = shown.get_by_role("slider", name="Granularity")
    slider.focus()
    other = next(at for at, number in reversed(settings(shown)) if number != len(before))
    place = [at for at, _ in settings(shown)].index(other)
    while int(slider.input_value()) < place:
        slider.press("ArrowRight")
    expect(shown.locator("#preview")).to_have_attribute("data-at", other)
    expect(slider).to_be_focused()
    assert f"at={other}" in shown.url
    expect(shown.locator("#preview-title")).to_contain_text(f"instead of {len(before)}")
    expect(shown.locator(".outlook-row .faces img").first).to_be_visible()
    assert sizes(clusters(compared)) == before
    shown.get_by_role("button", name=f"Use {other}").click()
    toast(shown, f"Granularity {other}.")
    assert decided(compared, "granularity")[0]["value"] == other
    after = sizes(clusters(compared))
    assert len(after) != len(before)
    expect(shown.locator("#head")).to_contain_text(f"In force: {other}")
    expect(shown.locator("#head")).to_contain_text("chosen by page")
    shown.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(shown.locator("#head")).to_contain_text("as in the settings", timeout=RUN_MS)
    expect(shown.locator("#cluster-now")).to_have_count(0, timeout=RUN_MS)
    expect(shown.locator("#progress")).to_be_hidden(timeout=RUN_MS)
    assert sizes(clusters(compared)) == before
    assert clusters(compared)[name]["name"] == "Mine"


def test_every_setting_has_an_address(shown: Page, compared: Client) -> None:
    shown.goto("/c/bollards/granularity?at=0.9")
    expect(shown.locator("#preview")).to_have_attribute("data-at", "0.9")
    shown.locator("a[data-at='0.1']").click()
    expect(shown.locator("#preview")).to_have_attribute("data-at", "0.1")
    shown.reload()
    expect(shown.locator("#preview")).to_have_attribute("data-at", "0.1")


@pytest.fixture(params=[(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")])
def window(browser: Browser, compared: Client, request: pytest.FixtureRequest) -> Iterator[Page]:
    width, scheme = request.param
    context = browser.new_context(
        base_url=compared.url, viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    yield context.new_page()
    context.close()


def test_the_page_fits_any_window_and_everybody_can_use_it(window: Page) -> None:
    window.goto("/c/bollards/granularity?at=0.9")
    expect(window.locator("#preview")).to_be_visible()
    assert window.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert window.evaluate(LOW_CONTRAST) == []
    found = Axe().run(window).response["violations"]
    assert [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in found] == []
    assert re.search(r"\d", window.locator("#preview-title").inner_text())
