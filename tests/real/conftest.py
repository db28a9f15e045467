"""What the tests in this folder share: a real browser, and a real TypeScript compiler."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from pipeline.curation.events import active_events
from tests.real.curation_page import draw, strict_page
from tests.real.typescript import TypeScript, install
from tests.service.site import Client, Site

# Chromium keeps asking its maker for updates, field trials and QUIC, which would look like requests of our pages.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the whole session."""
    executable = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    if executable is None:
        pytest.skip("There is no chromium on the PATH: install the package `chromium`.")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def browser_page(browser: Browser) -> Iterator[Page]:
    """A fresh page without cookies or storage of earlier tests."""
    with strict_page(browser) as page:
        yield page


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    root = tmp_path_factory.mktemp("afternoon")
    draw(root / "library")
    site = Site(root, reduced={"method": "pca"})
    site.run()
    site.publish()
    with site.serve() as client:
        yield client


@pytest.fixture(scope="module")
def drawing_browser(browser: Browser) -> Iterator[Browser]:
    """Chromium that draws WebGL without a graphics card."""
    args = [one for one in QUIET if one != "--disable-gpu"] + ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(found for name in names if (found := shutil.which(name)))
    made = browser.browser_type.launch(executable_path=path, args=args)
    yield made
    made.close()


@pytest.fixture
def shown(drawing_browser: Browser, served: Client) -> Iterator[Page]:
    """A fresh page of the service. Decisions are taken back."""
    expect.set_options(timeout=10_000)
    try:
        with strict_page(drawing_browser, base_url=served.url) as page:
            yield page
    finally:
        curation = served.service.decisions()
        for event in reversed(active_events(curation.store.events("bollards"))):
            curation.undo("bollards", event.number, actor="test")
        served.service.library.forget("bollards")


@pytest.fixture(scope="session")
def tsc(tmp_path_factory: pytest.TempPathFactory) -> TypeScript:
    """The compiler, installed once for the session."""
    return install(tmp_path_factory.mktemp("typescript"))
