"""The first page of an empty data directory, in a real browser: choose, look, run."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.real.test_page_browser import LOW_CONTRAST
from tests.service.site import Client, Site

pytestmark = pytest.mark.real


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Client]:
    site = Site(tmp_path)
    with site.serve(browse=(tmp_path,)) as client:
        yield client


def test_a_folder_is_chosen_by_keyboard_looked_at_and_run_until_its_clusters_are_there(
    browser_page: Page, fresh: Client, tmp_path: Path
) -> None:
    page = browser_page
    page.goto(fresh.url)
    page.get_by_role("button", name=str(tmp_path)).press("Enter")
    page.get_by_role("button", name="library", exact=True).press("Enter")
    expect(page.get_by_role("textbox")).to_have_value(str(tmp_path / "library"))
    expect(page.locator("#folders")).to_contain_text("bollards")
    page.get_by_role("textbox").press("Enter")
    expect(page.locator("#hint")).to_contain_text("2 categories of 6 to 38 images")
    page.get_by_role("radio", name="One library").check()
    expect(page.locator("#hint")).to_contain_text("44 images as one library")
    page.get_by_role("radio", name="By top folder").check()
    expect(page.locator("#planned li")).to_have_count(2)
    assert fresh.get("/categories").json()["items"] == []
    page.get_by_role("button", name="Start").press("Enter")
    expect(page.locator("#phase")).to_be_visible()
    page.wait_for_url("**/c/bollards", timeout=180_000)
    expect(page.locator(".card").first).to_be_visible()


def test_what_cannot_be_read_is_said_and_starts_nothing(browser_page: Page, fresh: Client, tmp_path: Path) -> None:
    (tmp_path / "nothing here").mkdir()
    browser_page.goto(fresh.url)
    field = browser_page.get_by_role("textbox")
    field.fill("/etc")
    field.press("Enter")
    expect(browser_page.locator("#alerts")).to_contain_text("is no folder that can be chosen here")
    field.fill(str(tmp_path / "nothing here"))
    field.press("Enter")
    expect(browser_page.locator("#hint")).to_have_text("No images were found there.")
    expect(browser_page.get_by_role("button", name="Start")).to_be_disabled()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")])
def test_it_fits_any_window_and_everybody_can_use_it(
    browser: Browser, fresh: Client, tmp_path: Path, width: int, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    page.goto(fresh.url)
    page.get_by_role("textbox").fill(str(tmp_path / "library"))
    page.get_by_role("button", name="Look").click()
    expect(page.locator("#plan")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(LOW_CONTRAST) == []
    found = Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in found] == []
    context.close()
