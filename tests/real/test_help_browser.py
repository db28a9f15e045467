"""/help in a real browser: within the content policy, without another server, on a desk and on a phone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from pipeline.manual.pages import names
from pipeline.manual.render import address
from tests.service.site import Client

pytestmark = pytest.mark.real


def test_no_page_leaves_the_service_breaks_the_policy_or_lacks_a_picture(shown: Page, served: Client) -> None:
    asked: list[str] = []
    wrong: list[str] = []
    shown.on("request", lambda request: asked.append(request.url))
    shown.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    for name in names():
        shown.goto(address(name))
        expect(shown.locator("h1").first).to_be_visible()
        broken = shown.evaluate(
            "Promise.all([...document.images].map((i) => i.decode().then(() => '', () => i.src)))"
            ".then((all) => all.filter(Boolean))"
        )
        assert broken == [], name
    assert wrong == []
    assert [url for url in asked if not url.startswith((served.url, "data:"))] == []


def test_a_newcomer_searches_follows_and_turns_the_page_without_javascript(shown: Page, served: Client) -> None:
    context = shown.context.browser.new_context(base_url=served.url, java_script_enabled=False)  # type: ignore[union-attr]
    page = context.new_page()
    page.goto("/help")
    page.get_by_role("navigation", name="All pages").get_by_role("link", name="In five minutes").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("In five minutes, with your own photos")
    page.get_by_role("searchbox").fill("waits for your approval")
    page.get_by_role("searchbox").press("Enter")
    page.get_by_role("main").get_by_role("link", name="waits for your approval").first.click()
    expect(page).to_have_url(f"{served.url}/help/troubleshooting#is-not-published-it-waits-for-your-approval")
    page.get_by_role("link", name="←").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Every night by itself")
    context.close()


@pytest.mark.parametrize("name", ["index", "start", "concepts", "compare", "reference/api", "curation-page"])
def test_a_phone_scrolls_only_downwards(shown: Page, name: str) -> None:
    shown.set_viewport_size({"width": 360, "height": 740})
    shown.goto(address(name))
    assert shown.evaluate("document.documentElement.scrollWidth") <= 360
    shown.get_by_role("link", name="Contents").click()
    expect(shown.get_by_role("navigation", name="All pages").get_by_role("link").first).to_be_in_viewport()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_that_axe_knows_is_wrong(shown: Page, scheme: str) -> None:
    shown.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for name in ("index", "start", "compare", "troubleshooting"):
        shown.goto(address(name))
        found = Axe().run(shown)
        assert found.violations_count == 0, found.generate_report()
    shown.goto("/help?q=guard")
    assert Axe().run(shown).violations_count == 0


def test_the_curation_page_opens_the_help(shown: Page) -> None:
    shown.goto("/c/bollards")
    with shown.context.expect_page() as opened:
        shown.locator("header").get_by_role("link", name="Help").click()
    expect(opened.value.get_by_role("heading", level=1)).to_have_text("image-cluster")
