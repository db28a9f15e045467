"""Another encoder, in a real browser: compare, use, and take back."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.real.curation_page import clusters, decided, sizes
from tests.real.test_page_browser import LOW_CONTRAST
from tests.service.site import Client

pytestmark = pytest.mark.real
RUN_MS = 180_000
LITE0, GEM = "packaged:efficientnet_lite0", "packaged:efficientnet_lite0_gem"


def test_another_encoder_is_compared_used_and_taken_back(shown: Page, served: Client) -> None:
    before = sizes(clusters(served))
    name = max(before, key=lambda one: before[one])
    served.post(
        "/categories/bollards/decisions", json={"decision": {"kind": "rename", "cluster": name, "name": "Mine"}}
    )
    shown.goto("/c/bollards")
    shown.get_by_role("link", name="Another encoder…").click()
    expect(shown.locator("#head")).to_contain_text(f"In force: {LITE0} as in the settings.")
    shown.get_by_label("Compare with").select_option(GEM)
    shown.get_by_role("button", name="Compare", exact=True).click()
    expect(shown.locator("#preview")).to_be_visible(timeout=RUN_MS)
    expect(shown.locator("#preview-title")).to_contain_text("what people decided here")
    figures = shown.locator(".encoder-figures")
    expect(figures.get_by_role("columnheader").first).to_contain_text(f"{LITE0} now")
    expect(figures.get_by_role("row", name="Names that stay")).to_contain_text("of 1")
    expect(figures.get_by_role("row", name="Time of the change")).to_contain_text("none: all is embedded")
    assert sizes(clusters(served)) == before
    assert shown.get_by_label("Compare with").input_value() == GEM

    shown.get_by_role("button", name=f"Use {GEM}").click()
    expect(shown.locator("#toasts")).to_contain_text(f"Encoder {GEM}.", timeout=RUN_MS)
    assert decided(served, "encoder")[0]["spec"] == GEM
    expect(shown.locator("#head")).to_contain_text(f"In force: {GEM}")
    assert served.get("/categories/bollards/encoder").json()["embedded"] == GEM
    shown.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(shown.locator("#head")).to_contain_text("as in the settings", timeout=RUN_MS)
    expect(shown.locator("#progress")).to_be_hidden(timeout=RUN_MS)
    expect(shown.locator("#run-now")).to_have_count(0, timeout=RUN_MS)
    assert sizes(clusters(served)) == before
    assert clusters(served)[name]["name"] == "Mine"


def test_a_result_that_waits_for_approval_is_said_where_the_encoder_was_chosen(shown: Page, served: Client) -> None:
    held = {"state": "succeeded", "result": {"held": ["3 clusters instead of 9"]}}
    served.post("/categories/bollards/encoder/compare", json={"spec": GEM}).raise_for_status()
    shown.goto("/c/bollards/encoder")
    expect(shown.locator("#preview")).to_be_visible(timeout=RUN_MS)
    # whether the guard holds this library back is another test's matter: here its answer is given
    shown.route(
        "**/api/v1/runs/*/events",
        lambda route: route.fulfill(
            content_type="text/event-stream", body=f"event: state\ndata: {json.dumps(held)}\n\n"
        ),
    )
    shown.get_by_role("button", name=f"Use {GEM}").click()
    told = shown.locator("#toasts").get_by_text("What is published stays until you approve: 3 clusters instead of 9")
    expect(told).to_be_visible(timeout=RUN_MS)


def has_succeeded(run: dict[str, Any]) -> bool:
    return run["state"] == "succeeded"


@pytest.fixture(params=[(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")])
def window(browser: Browser, served: Client, request: pytest.FixtureRequest) -> Iterator[Page]:
    width, scheme = request.param
    run = served.post("/categories/bollards/encoder/compare", json={"spec": GEM}).raise_for_status().json()
    served.until(f"/runs/{run['id']}", has_succeeded)
    context = browser.new_context(
        base_url=served.url, viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    yield context.new_page()
    context.close()


def test_the_page_fits_any_window_and_everybody_can_use_it(window: Page) -> None:
    window.goto("/c/bollards/encoder")
    expect(window.locator("#preview")).to_be_visible()
    assert window.evaluate("document.documentElement.scrollWidth <= innerWidth")
    link = window.get_by_role("link", name="Which there are")
    assert link.evaluate("link => link.getClientRects().length") == 1  # in one line
    assert window.evaluate(LOW_CONTRAST) == []
    found = Axe().run(window).response["violations"]
    assert [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in found] == []
