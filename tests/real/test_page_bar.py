"""The bar at the top: every view is seen at every width, in each language, also on a page that changes nothing."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.real.curation_page import strict_page
from tests.service.site import Client, Site

pytestmark = pytest.mark.real
SEEN = """bar => [...bar.children].filter((link) => {
    const place = link.getBoundingClientRect(), frame = bar.getBoundingClientRect();
    return place.left < frame.left - 1 || place.right > frame.right + 1 || place.bottom > frame.bottom + 1;
}).map((link) => link.textContent.trim())"""


@pytest.fixture(scope="module")
def looked_at(served: Client) -> Iterator[str]:
    """The address of a second service on the same library, which changes nothing."""
    site = Site(served.service.project.settings.data_dir.parent, reduced={"method": "pca"})
    with site.serve(read_only=True) as client:
        yield client.url


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("width", [832, 960, 1100, 1280, 1440])
def test_every_view_of_the_bar_is_seen(
    browser: Browser, served: Client, looked_at: str, width: int, language: str, read_only: bool
) -> None:
    with strict_page(browser, base_url=looked_at if read_only else served.url) as page:
        page.set_viewport_size({"width": width, "height": 900})
        page.context.add_cookies([{"name": "language", "value": language, "url": served.url}])
        page.goto("/c/bollards/runs")
        expect(page.locator("#search-button")).to_have_accessible_name(re.compile("search|such", re.IGNORECASE))
        assert page.locator("#views").evaluate(SEEN) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
