"""The large view of pictures that the browser cannot show, or that are gone from the source."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.service.site import Client, Site

pytestmark = pytest.mark.real
HEIC = Path(__file__).parents[1] / "data" / "heic"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    root = tmp_path_factory.mktemp("formats")
    site = Site(root, reduced={"method": "pca"})
    shutil.rmtree(site.library / "posts")
    folder = site.library / "bollards/de"
    shutil.copy(HEIC / "turned.heic", folder / "phone.heic")
    Image.new("RGB", (700, 500), (30, 40, 200)).save(folder / "scan.tif")
    Image.new("RGB", (700, 500), (30, 180, 40)).save(folder / "plate.jp2")
    site.run()
    (folder / "de-000-800w.png").unlink()
    with site.serve() as client:
        yield client


def view(shown: Page, served: Client, key: str) -> None:
    found = {served.get(f"/images/{name}").json()["key"]: name for name in served.ids()}
    shown.goto(f"/c/bollards/find?view={found[key]}")
    expect(shown.locator("#viewer")).to_be_visible()


@pytest.mark.parametrize(("name", "width"), [("phone.heic", 96), ("scan.tif", 700), ("plate.jp2", 700)])
def test_a_picture_that_the_browser_cannot_show_is_seen_large_all_the_same_and_the_view_says_so(
    shown: Page, served: Client, name: str, width: int
) -> None:
    view(shown, served, f"bollards/de/{name}")
    expect(shown.locator("#viewer-told")).to_contain_text("This browser cannot show the original")
    image = shown.locator("#viewer-image")
    assert str(image.get_attribute("src")).endswith("/preview")
    assert image.evaluate("image => image.complete && image.naturalWidth") == width


def test_the_thumbnail_of_a_picture_that_is_gone_is_shown_and_the_view_says_so(shown: Page, served: Client) -> None:
    view(shown, served, "bollards/de/de-000-800w.png")
    expect(shown.locator("#viewer-told")).to_contain_text("The original cannot be read")
    assert shown.locator("#viewer-image").evaluate("image => image.complete && image.naturalWidth") > 0
    shown.keyboard.press("Escape")
    view(shown, served, "bollards/de/de-002-800w.png")
    expect(shown.locator("#viewer-told")).to_be_hidden()


def test_of_a_file_that_was_set_aside_the_view_says_that_there_is_nothing_to_show(shown: Page, served: Client) -> None:
    view(shown, served, "bollards/fr/fr-101-800w.png")
    expect(shown.locator("#viewer-told")).to_contain_text("nothing to show")
