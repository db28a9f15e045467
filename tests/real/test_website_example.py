"""docs/examples/website in a real browser, over a set that was really published."""

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.service.site import Client, Site

pytestmark = pytest.mark.real

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "website"
EVIL = "Red <img src=x onerror=boom()>"


class Quiet(SimpleHTTPRequestHandler):
    """Says nothing on stderr."""

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def website(served: Client, tmp_path: Path) -> Iterator[str]:
    """The example beside the published set, its first cluster named and its second hidden."""
    first, second = served.clusters()[:2]
    served.patch(f"/clusters/{first['id']}", json={"name": EVIL, "description": "Round and red"}).raise_for_status()
    served.patch(f"/clusters/{second['id']}", json={"status": "hidden"}).raise_for_status()
    root = tmp_path / "site"
    shutil.copytree(EXAMPLE, root)
    library = Path(served.service.project.settings.source.url)
    Site(library.parent, reduced={"method": "pca"}).publish()
    published = library.parent / "data" / "published" / "bollards" / "clusters.json"
    shutil.copy(published, root)
    shutil.copytree(library / "bollards", root / "images" / "bollards")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_visitor_sees_the_named_kinds_and_their_images(website: str, browser_page: Page, served: Client) -> None:
    asked: list[str] = []
    browser_page.on("request", lambda request: asked.append(request.url))
    browser_page.goto(website)
    shown = browser_page.locator("section")
    expect(shown.first).to_be_visible()
    assert shown.count() == len(served.clusters()) - 1
    expect(browser_page.locator("h2", has_text=EVIL)).to_have_count(1)
    first = browser_page.locator("section", has_text="Round and red")
    assert first.locator("img").count() >= 5
    first.locator("img").first.evaluate("(image) => image.decode()")
    whole = first.locator("li").count()
    browser_page.get_by_label("From").select_option("AT")
    expect(first.locator("li")).not_to_have_count(whole)
    first.locator("h2 a").click()
    assert "#" in browser_page.url
    assert [url for url in asked if not url.startswith(website)] == []
    assert Axe().run(browser_page).violations_count == 0


def test_a_document_of_a_version_that_it_does_not_know_is_refused_in_words(website: str, browser_page: Page) -> None:
    browser_page.route("**/clusters.json", lambda route: route.fulfill(json={"schemaVersion": 99}))
    browser_page.goto(website)
    expect(browser_page.get_by_role("status")).to_contain_text("version 99 is not known")
