"""The review page in a real browser, opened from a disk as its readers open it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from pipeline.stages.published import changes, document, page
from pipeline.stages.published.document import LibraryView
from tests.stages.published.library import GENERATED_AT, cluster, image, library, thumbnail
from tests.stages.published.test_page import EVIL, evil_library

pytestmark = pytest.mark.real

Open = Callable[..., Page]


@pytest.fixture
def opened(browser_page: Page, tmp_path: Path) -> Open:
    """Writes the page of a view into a file and opens that file."""

    def open_(view: LibraryView | None = None, **options: Any) -> Page:
        chosen = view or library()
        made = document.build_document(chosen, generated_at=GENERATED_AT)
        told = changes.build_changes(None, made, changes.fates_of(chosen))
        path = tmp_path / "clusters.html"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(page.render_page(made, thumbnail, page_images=5000, changes=told, **options))
        browser_page.goto(path.as_uri())
        return browser_page

    return open_


def shown_names(opened_page: Page) -> list[str]:
    # Not inner_text: what lies outside the window is not laid out (content-visibility), so its inner text may be empty.
    return [text.strip() for text in opened_page.locator("section[data-flags]:not([hidden]) h2").all_text_contents()]


# WCAG 2.2 contrast of every text on the page against the nearest painted background behind it.
LOW_CONTRAST = """() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 })
    .getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = rgba(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data.trim()).join("");
    if (!text || !element.checkVisibility()) continue;
    const [one, other] = [light(rgba(getComputedStyle(element).color)), light(behind(element))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < 4.5) low.push(`${element.tagName}.${element.className} ${ratio.toFixed(2)} ${text.slice(0, 30)}`);
  }
  return low;
}"""


def test_the_page_opens_from_a_disk_and_requests_nothing(browser_page: Page, opened: Open):
    requests: list[str] = []
    violations: list[str] = []
    browser_page.on("request", lambda request: requests.append(request.url))
    browser_page.on("console", lambda message: violations.append(message.text))
    opened().locator(".tile").first.click()
    browser_page.keyboard.press("ArrowRight")
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in requests if url.startswith("file:")]) == 1
    assert violations == []


def test_every_image_is_drawn_and_has_its_key_as_alternative_text(opened: Open):
    images = opened().locator(".sheet img")
    assert images.count() == 11
    assert images.evaluate_all("all => all.every((one) => one.alt.startsWith('bollards/') && one.naturalWidth === 48)")


def test_everything_that_can_be_used_has_a_name_and_headings_do_not_skip_a_level(opened: Open):
    opened_page = opened()
    unnamed = opened_page.locator("button, a, input, select, summary").evaluate_all(
        """all => all
          .filter((one) => !(one.textContent.trim() || one.querySelector("img[alt]") || one.labels?.length))
          .map((one) => one.outerHTML)"""
    )
    assert unnamed == []
    levels = opened_page.locator("h1, h2, h3, h4").evaluate_all("all => all.map((one) => Number(one.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert set(levels) == {1, 2}
    for landmark in ("header", "nav", "main", "[role=search]"):
        assert opened_page.locator(f"body > {landmark}, .frame > {landmark}").count() == 1


def test_tab_reaches_the_images_and_shows_where_it_is(opened: Open):
    opened_page = opened()
    opened_page.locator(".chip").first.focus()
    for _ in range(12):
        opened_page.keyboard.press("Tab")
        if opened_page.evaluate("document.activeElement.classList.contains('tile')"):
            break
    assert opened_page.evaluate("document.activeElement.querySelector('img').alt") == "bollards/de/de-10-800w.webp"
    assert opened_page.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)") >= 2
    opened_page.keyboard.press("ArrowRight")
    opened_page.wait_for_function(
        "document.activeElement.querySelector('img')?.alt === 'bollards/de/de-2-800w.webp'", timeout=5000
    )


def test_the_enlarged_view_is_used_by_keyboard_and_gives_focus_back(opened: Open):
    opened_page = opened(full_image_url=lambda key: f"https://images.example.org/{key}")
    opened_page.locator(".tile").first.focus()
    opened_page.keyboard.press("Enter")
    box = opened_page.locator("dialog")
    assert box.is_visible()
    text = box.inner_text()
    assert "bollards/de/de-10-800w.webp" in text
    assert "Germany (DE)" in text
    assert "1.00" in text
    opened_page.keyboard.press("ArrowRight")
    assert "bollards/de/de-2-800w.webp" in box.inner_text()
    assert box.locator("a").get_attribute("href") == "https://images.example.org/bollards/de/de-2-800w.webp"
    opened_page.keyboard.press("Escape")
    assert not box.is_visible()
    opened_page.wait_for_function(
        "document.activeElement.querySelector('img')?.alt === 'bollards/de/de-2-800w.webp'", timeout=5000
    )


def test_hostile_text_runs_nothing(opened: Open):
    opened_page = opened(evil_library(), full_image_url=lambda _: "javascript:window.__pwned=1")
    opened_page.locator(".tile").first.click()
    opened_page.keyboard.press("Escape")
    opened_page.locator(".chip").first.click()
    opened_page.locator("#query").fill(EVIL)
    assert opened_page.evaluate("window.__pwned") is None
    assert opened_page.locator("img[onerror], script").count() == 1  # our own script
    assert opened_page.locator("h1").inner_text().lower() == EVIL.lower()
    assert shown_names(opened_page) == [EVIL]


def test_picking_a_country_leaves_the_clusters_that_occur_there(opened: Open):
    opened_page = opened()
    opened_page.locator("#country").select_option("AT")
    assert shown_names(opened_page) == ["White cylinder", "Unnamed c-small222"]
    assert opened_page.locator("#found").inner_text() == "Austria: 2 of 3 clusters, 4 images"
    assert opened_page.locator("section[data-flags]:visible .sheet li:not(.pale):visible").count() == 4
    assert opened_page.locator("nav ol a:visible").count() == 2
    opened_page.locator("#country").select_option("")
    assert len(shown_names(opened_page)) == 3


def test_a_chip_picks_its_country_and_unpicks_it(opened: Open):
    opened_page = opened()
    chip = opened_page.locator(".chip", has_text="DE").first
    chip.click()
    assert shown_names(opened_page) == ["White cylinder"]
    assert chip.get_attribute("aria-pressed") == "true"
    chip.click()
    assert len(shown_names(opened_page)) == 3


def test_search_finds_names_and_keys(opened: Open):
    opened_page = opened()
    opened_page.locator("#query").fill("white")
    assert shown_names(opened_page) == ["White cylinder"]
    opened_page.locator("#query").fill("fr-2-800w")
    assert shown_names(opened_page) == ["Blurred"]
    opened_page.locator("#query").fill("nothing is called this")
    assert opened_page.locator("#none").is_visible()
    opened_page.locator("#clear").click()
    assert len(shown_names(opened_page)) == 3


def test_what_asks_to_be_reviewed_can_be_shown_alone(opened: Open):
    opened_page = opened()
    opened_page.locator("#which").select_option("review")
    assert shown_names(opened_page) == ["Unnamed c-small222"]


def test_a_link_to_a_cluster_that_the_filters_hide_shows_it(opened: Open):
    opened_page = opened()
    opened_page.locator("#query").fill("ch-7")
    assert shown_names(opened_page) == []
    opened_page.locator(".near").click()
    assert "Unnamed c-small222" in shown_names(opened_page)


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_the_page_never_scrolls_sideways(browser_page: Page, opened: Open, width: int):
    browser_page.set_viewport_size({"width": width, "height": 780})
    long = "x" * 300
    opened_page = opened(
        library(cluster("c-1", image(long, "1"), image("de", long), name=long, description=long), category=long)
    )
    assert opened_page.evaluate("document.documentElement.scrollWidth") <= width
    opened_page.locator(".tile").first.click()
    assert opened_page.locator("dialog").evaluate("one => one.scrollWidth <= one.clientWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_the_contrast_that_wcag_aa_asks_for(browser_page: Page, opened: Open, scheme: Any):
    browser_page.emulate_media(color_scheme=scheme)
    opened_page = opened()
    opened_page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
    dark = opened_page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 19, 16)"
    assert dark == (scheme == "dark")
    assert opened_page.evaluate(LOW_CONTRAST) == []
    opened_page.locator(".chip").first.click()
    opened_page.locator(".tile:visible").first.click()
    assert opened_page.evaluate(LOW_CONTRAST) == []


# --- types and countries ---


def rows(opened_page: Page) -> list[str]:
    return [" ".join(text.split()) for text in opened_page.locator("#places-rows .where").all_inner_texts()]


def test_a_type_shows_its_countries_and_a_country_its_types_by_keyboard(opened: Open):
    opened_page = opened()
    opened_page.locator("#pick-type").focus()
    opened_page.keyboard.press("W")  # the type's name begins with it
    assert opened_page.locator("#places-found").inner_text() == "White cylinder: 2 countries, 5 images"
    assert rows(opened_page) == ["Germany 3 images", "Austria 2 images"]
    assert opened_page.locator("#places-rows img").count() == 5
    opened_page.keyboard.press("Tab")
    opened_page.keyboard.press("Tab")
    opened_page.keyboard.press("Tab")
    assert opened_page.evaluate("document.activeElement.textContent") == "Austria"
    opened_page.keyboard.press("Enter")
    assert opened_page.locator("#places-found").inner_text() == "Austria: 2 types, 4 images"
    assert rows(opened_page) == ["White cylinder 2 images", "Unnamed c-small222 2 images"]
    assert opened_page.evaluate("document.activeElement.id") == "pick-country"
    opened_page.locator("#places-rows a").first.press("Enter")
    assert opened_page.evaluate("decodeURIComponent(location.hash)") == "#type-c-large222"


def test_a_type_in_a_country_shows_just_these_images(opened: Open):
    opened_page = opened()
    opened_page.select_option("#pick-type", "type-c-large222")
    opened_page.select_option("#pick-country", "DE")
    assert opened_page.locator("#places-found").inner_text() == "White cylinder in Germany: 3 images"
    alts = opened_page.locator("#places-rows img").evaluate_all("all => all.map((one) => one.alt)")
    assert len(alts) == 3
    assert all("/de/" in alt for alt in alts)
    opened_page.select_option("#pick-type", "type-c-small222")
    assert opened_page.locator("#places-found").inner_text() == "Unnamed c-small222 does not occur in Germany."


def test_types_that_are_not_to_be_shown_are_in_no_list(opened: Open):
    opened_page = opened()
    assert opened_page.locator("#pick-type option").all_inner_texts() == [
        "Any type", "White cylinder (2)", "c-small222 (1)",
    ]  # fmt: skip
    assert opened_page.locator("#pick-country option").all_inner_texts() == [
        "Any country",
        "Austria (2)",
        "Germany (1)",
    ]


def test_types_and_countries_fit_a_narrow_window(browser_page: Page, opened: Open):
    browser_page.set_viewport_size({"width": 360, "height": 740})
    opened_page = opened(library(
        cluster("c-1", *(image("de", str(n)) for n in range(40)), image("north-sea-" * 9, "1"), name="x" * 80)
    ))  # fmt: skip
    opened_page.select_option("#pick-type", index=1)
    assert opened_page.evaluate("document.documentElement.scrollWidth") == 360
    assert opened_page.locator("#places-rows .strip span").first.inner_text() == "+32"


def test_a_library_without_countries_has_no_such_part(opened: Open):
    opened_page = opened(library(cluster("c-1", image(None, "1"), name="Alone"), unclustered=(), total_images=2))
    assert opened_page.locator("#places").count() == 0
