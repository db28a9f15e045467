"""The tuning report and the order by family, in a real browser."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from pipeline.stages.published import document, page
from pipeline.stages.tuning.contract import PAGE
from pipeline.steps.tune import tune
from tests.real.test_page_browser import LOW_CONTRAST
from tests.stages.published.library import GENERATED_AT, library, thumbnail
from tests.steps.test_run import KINDS, Bench, add

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tune")
    for seed in range(24):
        add(root / "library", f"bollards/de/de-{seed:03d}-800w.png", list(KINDS)[seed % 3], seed)
    bench = Bench(root / "library", root / "data", reduced={"method": "none"})
    bench.run()
    made = tune(bench.project(), "bollards", steps=(0.1, 0.5, 0.9), runs=1)
    assert made.path is not None
    return made.path / PAGE


@pytest.fixture(params=[(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")])
def window(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    yield context.new_page()
    context.close()


def test_the_report_fits_any_window_and_can_be_read(window: Page, report: Path) -> None:
    requests: list[str] = []
    window.on("request", lambda request: requests.append(request.url))
    window.goto(report.as_uri())
    assert window.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert window.evaluate(LOW_CONTRAST) == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    assert window.locator("tr.now").count() == 1
    assert window.locator(".card img").count() > 9
    assert window.evaluate("[...document.images].every((image) => image.src.startsWith('data:image/webp'))")


def test_by_family_clusters_of_one_kind_stand_together_and_by_size_as_before(
    browser_page: Page, tmp_path: Path
) -> None:
    view = library()
    ids = [cluster.id for cluster in view.clusters]
    assert len(ids) >= 3
    family = {ids[0]: "f-one", ids[-1]: "f-one"}
    view = replace(view, clusters=[replace(one, family=family.get(one.id)) for one in view.clusters])
    made = document.build_document(view, generated_at=GENERATED_AT)
    path = tmp_path / "clusters.html"
    path.write_text("".join(page.render_page(made, thumbnail, page_images=100)), encoding="utf-8")
    browser_page.goto(path.as_uri())
    order = "[...document.querySelectorAll('section[data-flags]')].map((one) => one.id)"
    before = browser_page.evaluate(order)
    browser_page.select_option("#order", "family")
    after = browser_page.evaluate(order)
    assert sorted(after) == sorted(before)
    assert abs(after.index(f"type-{ids[0]}") - after.index(f"type-{ids[-1]}")) == 1
    headings = browser_page.locator("p.family:visible").all_text_contents()
    assert headings[0] == "A family of 2 clusters"
    browser_page.select_option("#order", "")
    assert browser_page.evaluate(order) == before
    assert browser_page.locator("p.family:visible").count() == 0
