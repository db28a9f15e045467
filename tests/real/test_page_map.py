"""The map: what it says of what is where."""

import json
import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.real.curation_page import clusters
from tests.service.site import Client

pytestmark = pytest.mark.real

BOXES = """() => [...document.querySelectorAll('.name-on-map')].map((one) => {
  const { left, top, right, bottom } = one.getBoundingClientRect();
  return [left, top, right, bottom];
})"""


def loaded(shown: Page, query: str = "") -> None:
    shown.goto(f"/c/bollards/map{query}")
    expect(shown.locator("#stage")).to_have_attribute("data-points", "64")
    expect(shown.locator(".name-on-map").first).to_be_visible()


def test_clusters_are_called_by_their_name_else_a_number_and_no_name_lies_over_another(
    shown: Page, served: Client
) -> None:
    name = max(clusters(served).values(), key=lambda cluster: cluster["size"])["id"]
    event = {"decision": {"kind": "rename", "cluster": name, "name": "Red post"}}
    served.post("/categories/bollards/decisions", json=event).raise_for_status()
    shown.route(re.compile(r"/suggestions$"), lambda route: route.fulfill(json={}))
    loaded(shown)
    named = shown.locator(".name-on-map:not(.unsure)")
    expect(named).to_have_text(["Red post"])
    for text in shown.locator(".name-on-map.unsure").all_text_contents():
        assert re.fullmatch(r"cluster \d", text)
    assert len(shown.evaluate(BOXES)) > 2
    for _ in range(4):
        boxes = shown.evaluate(BOXES)
        for i, one in enumerate(boxes):
            assert not [o for o in boxes[:i] if one[0] < o[2] and one[2] > o[0] and one[1] < o[3] and one[3] > o[1]]
        shown.keyboard.press("+")
        shown.wait_for_timeout(250)


def test_a_name_that_is_suggested_stands_on_the_map_as_a_question(shown: Page, served: Client) -> None:
    name = max(clusters(served).values(), key=lambda cluster: cluster["size"])["id"]
    shown.route(re.compile(r"/suggestions$"), lambda route: route.fulfill(json={name: "Wet post"}))
    loaded(shown)
    expect(shown.locator("#legend")).to_contain_text("Wet post?")
    expect(shown.locator("#legend")).not_to_contain_text(name)


def test_the_legend_counts_sorts_and_filters(shown: Page, served: Client) -> None:
    loaded(shown)
    entries = shown.locator("#legend li")
    expect(entries).to_have_count(7)
    counts = [int(text) for text in shown.locator("#legend .count").all_text_contents()]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == 64
    shown.locator("#legend-filter").fill("unclus")
    expect(entries).to_have_count(1)
    entries.locator("button").click()
    expect(shown.locator("#selected-count")).to_have_text("3")
    shown.locator("#legend-filter").fill("no such thing")
    expect(shown.locator("#legend")).to_have_text("Nothing is called that.")


def test_an_image_is_shown_where_it_lies(shown: Page, served: Client) -> None:
    image = served.ids()[5]
    shown.goto(f"/c/bollards/unclustered?view={image}")
    shown.get_by_role("link", name="On the map").click()
    expect(shown).to_have_url(re.compile(f"map.image={image}"))
    expect(shown.locator("#here")).to_be_visible()
    stage, here = shown.locator("#stage").bounding_box(), shown.locator("#here").bounding_box()
    assert stage is not None
    assert here is not None
    assert abs(stage["x"] + stage["width"] / 2 - here["x"] - here["width"] / 2) < 3
    assert abs(stage["y"] + stage["height"] / 2 - here["y"] - here["height"] / 2) < 3
    expect(shown.locator("#overview")).to_be_visible()
    shown.mouse.move(here["x"] + here["width"] / 2, here["y"] + here["height"] / 2)
    expect(shown.locator("#preview")).to_be_visible()
    expect(shown.locator("#preview-image")).to_have_attribute("src", re.compile(r"/images/\w+/thumbnail"))
    shown.keyboard.press("0")
    expect(shown.locator("#overview")).to_be_hidden()


@pytest.mark.parametrize("size", [(980, 720), (360, 700), (1600, 500)])
@pytest.mark.parametrize("spread", [(1.0, 1.0), (5.0, 1.0), (1.0, 5.0), (1.0, 0.0)])
def test_the_whole_map_fills_its_canvas_but_for_a_margin_and_is_not_stretched(
    shown: Page, size: tuple[int, int], spread: tuple[float, float]
) -> None:
    loaded(shown)
    static = shown.locator("link[rel=stylesheet]").get_attribute("href") or ""
    margin, places = shown.evaluate(
        """async ([address, [width, height], [across, down]]) => {
          const { MARGIN, Points } = await import(address), canvas = document.createElement("canvas");
          canvas.style.cssText = `position: fixed; left: 0; top: 0; width: ${width}px; height: ${height}px`;
          document.body.append(canvas);
          const points = new Points(canvas, () => {});
          points.set(Float32Array.from([0, across, across, 0], (v) => 7 + v), Float32Array.from([0, 0, down, down]));
          return [MARGIN, [0, 1, 2, 3].map((i) => points.screen(i))];
        }""",
        [static.replace("page.css", "points.js"), size, spread],
    )
    xs, ys = [x for x, _ in places], [y for _, y in places]
    margins = min(xs), size[0] - max(xs), min(ys), size[1] - max(ys)
    assert margins[0] == pytest.approx(margins[1])
    assert margins[2] == pytest.approx(margins[3])
    assert min(margins) == pytest.approx(margin)
    assert (max(xs) - min(xs)) * spread[1] == pytest.approx((max(ys) - min(ys)) * spread[0], abs=0.01)


@pytest.mark.parametrize("dark", [False, True])
def test_forty_clusters_have_colours_that_stay_apart(shown: Page, dark: bool) -> None:
    loaded(shown)
    static = shown.locator("link[rel=stylesheet]").get_attribute("href") or ""
    least = shown.evaluate(
        """async ([address, dark]) => {
          const { palette, lab, grey } = await import(address);
          const all = [...palette(dark), grey(dark)].map(lab);
          const far = (one, other) => Math.hypot(...one.map((value, k) => value - other[k]));
          return [all.length, Math.min(...all.flatMap((one, i) => all.slice(0, i).map((other) => far(one, other))))];
        }""",
        [static.replace("page.css", "colours.js"), dark],
    )
    assert least[0] == 41
    assert least[1] > 0.055  # in OKLab; 0.02 is about what an eye can tell apart side by side


def test_beyond_forty_clusters_a_colour_is_that_of_a_family(shown: Page) -> None:
    loaded(shown)
    static = shown.locator("link[rel=stylesheet]").get_attribute("href") or ""
    few, many = shown.evaluate(
        """async (address) => {
          const { tones } = await import(address);
          const one = (n, k) => ({ id: `c-${k}`, size: n - k, family: k % 3 ? `f-${k % 5}` : null });
          const made = (n) => tones(Array.from({ length: n }, (_, k) => one(n, k)));
          return [made(40), made(50)];
        }""",
        static.replace("page.css", "colours.js"),
    )
    assert few == list(range(40))
    assert len({many[k] for k in range(50) if k % 3}) == 5
    assert max(many) < 40


def test_clusters_of_one_family_lie_in_one_region_that_moves_along(shown: Page) -> None:
    def with_families(route: Route) -> None:
        answer = route.fetch()
        data = answer.body()
        length = int.from_bytes(data[4:8], "little")
        head = json.loads(data[8 : 8 + length])
        for number, cluster in enumerate(head["clusters"]):
            cluster["family"] = "f-1" if number < 3 else None
        text = json.dumps(head, separators=(",", ":")).encode()
        text += b" " * (-(len(text) + 8) % 8)
        route.fulfill(body=data[:4] + len(text).to_bytes(4, "little") + text + data[8 + length :], status=200)

    shown.route(re.compile(r"/map\?format=binary"), with_families)
    loaded(shown)
    expect(shown.locator("#regions polygon")).to_have_count(0)
    shown.get_by_role("button", name="Families").click()
    expect(shown.locator("#regions polygon")).to_have_count(1)
    before = shown.locator("#regions g").get_attribute("transform")
    shown.keyboard.press("+")
    expect(shown.locator("#regions g")).not_to_have_attribute("transform", before or "")
