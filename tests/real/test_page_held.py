"""A result that the guard holds back: the page says so when the run ends, shows why, and publishes it with a button."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.real.curation_page import strict_page, toast
from tests.service.site import KINDS, Site, picture

pytestmark = pytest.mark.real


@pytest.fixture
def shrunk(tmp_path: Path) -> Site:
    """30 images of three kinds that are published; those of one kind have left the bucket since."""
    for number, (kind, colour) in enumerate(KINDS.items()):
        for seed in range(10):
            path = tmp_path / f"library/bollards/{['de', 'at'][seed % 2]}/{kind}-{seed}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture(colour, number * 100 + seed).save(path)
    made = Site(tmp_path, reduced={"method": "pca"}, published={"guard": {"max_cluster_drop": 0.2}})
    made.run()
    made.publish()
    for path in (tmp_path / "library").rglob("green-*.png"):
        path.unlink()
    return made


def test_a_result_that_is_held_back_is_told_compared_and_published(shrunk: Site, browser: Browser) -> None:
    with shrunk.serve() as served, strict_page(browser, base_url=served.url) as shown:
        shown.goto("/c/bollards/runs")
        shown.locator("#run-now").click()
        button = shown.get_by_role("button", name="Publish it")
        expect(button).to_be_visible(timeout=60_000)
        toast(shown, "What is published stays until you approve: the clusters would fall from 3 to 2")
        reasons = shown.locator("#published .flag li")
        expect(reasons).to_have_text(["the clusters would fall from 3 to 2, by more than 20%"])
        flag, below = shown.locator("#published .flag").bounding_box(), button.bounding_box()
        assert flag is not None
        assert below is not None
        assert below["y"] - flag["y"] - flag["height"] >= 6  # the button does not touch what it is about
        shown.get_by_role("link", name="Compare with what is published…").click()
        expect(shown.locator("[name=to] option:checked")).to_contain_text("(waits), 2 clusters")
        expect(shown.locator("[name=from] option:checked")).to_contain_text("3 clusters")
        shown.go_back()
        button.click()
        toast(shown, "Published.")
        expect(button).to_have_count(0)
        expect(shown.locator("#published .timeline li").first).to_contain_text("accepted")
        items = served.get("/categories/bollards/publications").json()["items"]
        assert [one["event"] for one in items] == ["accepted", "published"]
