"""Boxes on the page: drawn on the large view to find what looks like a region, added, refused, and what waits."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.real.curation_page import strict_page, toast
from tests.service.boxes_site import BLUE, BOTH, RED, boxes_site
from tests.service.site import Client, Site
from tests.steps.objects_library import SIDE

pytestmark = pytest.mark.real

LOADED = "() => document.querySelector('#viewer-image').src.endsWith('/original')"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return boxes_site(tmp_path)


@pytest.fixture
def served(site: Site) -> Iterator[Client]:
    with site.serve() as client:
        yield client


@pytest.fixture
def shown(browser: Browser, served: Client) -> Iterator[Page]:
    expect.set_options(timeout=10_000)
    with strict_page(browser, base_url=served.url, has_touch=True) as page:
        yield page


def item(served: Client) -> dict[str, Any]:
    items = served.get("/images", params={"category": "posts", "limit": 100}).raise_for_status().json()["items"]
    return next(one for one in items if one["key"] == BOTH)


def opened(shown: Page, served: Client) -> dict[str, Any]:
    """The large view of the picture, over the cluster of its object."""
    there = item(served)
    shown.goto(f"/c/posts/cluster/{there['cluster']}?view={there['image_id']}")
    shown.wait_for_function(LOADED)
    return there


def drag(shown: Page, box: tuple[float, float, float, float]) -> None:
    picture = shown.locator("#viewer-image").bounding_box()
    assert picture is not None
    x, y, w, h = box
    shown.mouse.move(picture["x"] + x * picture["width"], picture["y"] + y * picture["height"])
    shown.mouse.down()
    shown.mouse.move(picture["x"] + (x + w) * picture["width"], picture["y"] + (y + h) * picture["height"], steps=5)
    shown.mouse.up()


def region_of(url: str) -> list[float]:
    found = re.search(r"box=([^&]+)", url)
    assert found
    return [float(side) for side in re.split(",|%2C", found[1])]


def test_a_box_that_is_drawn_finds_what_looks_like_that_region_and_the_link_does_so_again(
    shown: Page, served: Client
) -> None:
    opened(shown, served)
    shown.keyboard.press("b")
    drag(shown, BLUE)
    expect(shown.locator("#viewer-region")).to_contain_text(re.compile("2[45] × 2[45] %|25 × 25 %"))
    expect(shown.locator("#viewer-zoom")).to_have_text("whole picture")  # the drag was no click
    shown.keyboard.press("Enter")
    expect(shown).to_have_url(re.compile("find.*box="))
    assert region_of(shown.url) == pytest.approx(BLUE, abs=0.02)
    for _ in range(2):
        tiles = shown.locator("#list .tile")
        expect(tiles).to_have_count(25)
        keys = [str(tiles.nth(place).get_attribute("data-key")) for place in range(8)]
        assert {int(key[12:15]) % 3 for key in keys} == {2}
        expect(shown.locator("#asked")).to_contain_text("Like this region")
        assert shown.locator("#asked img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 10
        address = shown.url
        shown.goto("about:blank")
        shown.goto(address)
    shown.locator("#list .pick").first.click()
    shown.locator("[data-action=tag]").click()
    shown.locator("#ask-input").fill("blue thing")
    shown.keyboard.press("Enter")
    toast(shown, "blue thing")


def test_a_box_is_moved_resized_and_ended_by_keys_alone(shown: Page, served: Client) -> None:
    opened(shown, served)
    shown.keyboard.press("b")
    region = shown.locator("#viewer-region")
    expect(region).to_have_text("25 × 25 % of the image, at 10, 10 %")  # that of the object
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "Shift+ArrowRight", "Shift+ArrowUp", "Alt+ArrowDown"):
        shown.keyboard.press(key)
    expect(region).to_have_text("26 × 24 % of the image, at 12, 16 %")
    shown.keyboard.press("x")  # no decision while a box is drawn
    shown.keyboard.press("Escape")
    expect(shown.locator("#viewer-drawing")).to_be_hidden()
    expect(shown.locator("#viewer")).to_be_visible()
    shown.keyboard.press("Escape")
    expect(shown.locator("#viewer")).to_be_hidden()
    assert not served.get("/categories/posts/history").json()["items"]


def test_a_box_is_drawn_where_one_looks_when_zoomed_and_moved(shown: Page, served: Client) -> None:
    opened(shown, served)
    for _ in range(12):
        shown.keyboard.press("+")
    shown.locator("#viewer-frame").evaluate("frame => frame.scrollTo(frame.scrollWidth, frame.scrollHeight)")
    shown.keyboard.press("b")
    drag(shown, (0.65, 0.65, 0.2, 0.2))
    shape, picture = (shown.locator(name).bounding_box() for name in ("#viewer-draw", "#viewer-image"))
    assert shape is not None
    assert picture is not None
    assert (shape["x"] - picture["x"]) / picture["width"] == pytest.approx(0.65, abs=0.01)
    assert shape["width"] / picture["width"] == pytest.approx(0.2, abs=0.01)
    shown.keyboard.press("-")
    shape, picture = (shown.locator(name).bounding_box() for name in ("#viewer-draw", "#viewer-image"))
    assert shape is not None
    assert picture is not None
    assert (shape["y"] - picture["y"]) / picture["height"] == pytest.approx(0.65, abs=0.01)


def test_a_finger_draws_a_box(shown: Page, served: Client) -> None:
    opened(shown, served)
    shown.locator("#viewer-draw-start").tap()
    picture = shown.locator("#viewer-image").bounding_box()
    assert picture is not None
    at = [
        {"x": picture["x"] + share * picture["width"], "y": picture["y"] + share * picture["height"]}
        for share in (0.6, 0.7, 0.85)
    ]
    session = shown.context.new_cdp_session(shown)
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [at[0]]})
    for point in at[1:]:
        session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(shown.locator("#viewer-region")).to_contain_text("25 × 25 % of the image, at 60, 60 %")


def add_a_box(shown: Page) -> None:
    """By keys and a drag, around the blue post."""
    shown.keyboard.press("b")
    drag(shown, BLUE)
    shown.keyboard.press("a")
    shown.locator("#ask-input").fill("post")
    shown.keyboard.press("Enter")
    toast(shown, "Added a box")


def test_a_missing_box_is_added_and_a_wrong_one_taken_out_and_the_page_says_what_waits(
    shown: Page, served: Client, site: Site
) -> None:
    there = opened(shown, served)
    waiting = shown.locator("#boxes-waiting")
    expect(waiting).to_be_hidden()
    add_a_box(shown)
    expect(shown.locator("#viewer-drawing")).to_be_hidden()
    shown.keyboard.press("d")
    toast(shown, "Took 1 wrong box out")
    shown.keyboard.press("Escape")
    expect(waiting).to_contain_text("1 box added, 1 box removed")
    shown.keyboard.press("u")
    expect(waiting).to_contain_text("1 box added.")
    assert served.get(f"/images/{there['image_id']}").json()["state"] == "clustered"
    shown.reload()
    expect(waiting).to_contain_text("1 box added.")
    site.run()
    served.service.library.forget("posts")
    shown.goto("/c/posts")
    expect(waiting).to_be_hidden()
    assert len(served.get(f"/images/{there['image_id']}/objects").json()["items"]) == 2


def test_whole_images_have_regions_too_and_no_decisions_about_boxes(
    shown: Page, served: Client, tmp_path: Path
) -> None:
    other = tmp_path / "whole"
    other.mkdir()
    (other / "library").symlink_to(tmp_path / "library")
    site = Site(other)
    site.run()
    with site.serve() as client:
        there = client.get("/images", params={"category": "posts", "limit": 1}).json()["items"][0]
        shown.goto(f"{client.url}/c/posts/find?view={there['image_id']}")
        shown.wait_for_function(LOADED)
        shown.locator("#viewer-draw-start").click()
        expect(shown.locator("#viewer-draw-find")).to_be_visible()
        expect(shown.locator("#viewer-draw-add")).to_have_count(0)
        expect(shown.locator("#viewer-actions")).not_to_contain_text("Wrong box")
        shown.locator("#viewer-draw-find").click()
        expect(shown.locator("#asked")).to_contain_text("Like this region")
        expect(shown.locator("#list .tile").first).to_be_visible()
        assert region_of(shown.url) == [0.3, 0.3, 0.4, 0.4]


def test_tiles_and_the_large_view_show_the_crop_or_the_whole_image_and_the_address_keeps_which(
    shown: Page, served: Client
) -> None:
    there = item(served)
    shown.goto(f"/c/posts/cluster/{there['cluster']}")
    tile = shown.locator(f"#list .tile[data-id='{there['image_id']}']")
    size = "image => image.decode().then(() => image.naturalWidth)"
    assert tile.locator("img").evaluate(size) == 30
    shown.keyboard.press("q")
    expect(tile.locator(".outline")).to_have_count(1)
    assert tile.locator("img").evaluate(size) == SIDE
    frame, pick = tile.locator(".outline").bounding_box(), tile.locator(".pick").bounding_box()
    assert frame is not None
    assert pick is not None
    assert (frame["x"] - pick["x"]) / pick["width"] == pytest.approx(0.1, abs=0.03)
    assert frame["width"] / pick["width"] == pytest.approx(0.25, abs=0.04)
    shown.reload()
    expect(tile.locator(".outline")).to_have_count(1)
    shown.locator("#whole-button").click()
    expect(tile.locator(".outline")).to_have_count(0)
    assert "whole" not in shown.url
    tile.locator(".pick").dblclick()
    shown.wait_for_function(LOADED)
    shown.keyboard.press("q")
    expect(shown.locator("#viewer-image")).to_have_attribute("src", re.compile("region"))
    expect(shown.locator("#viewer-box")).to_be_hidden()
    assert shown.locator("#viewer-image").evaluate(size) == 30
    shown.reload()
    expect(shown.locator("#viewer-image")).to_have_attribute("src", re.compile("region"))
    shown.locator("#viewer-crop").click()
    shown.wait_for_function(LOADED)
    assert "crop" not in shown.url


def rectangle(shown: Page, selector: str) -> list[float]:
    """Where an outline is on the picture, as shares of it."""
    frame, picture = (shown.locator(name).bounding_box() for name in (selector, "#viewer-image"))
    assert frame is not None
    assert picture is not None
    across, down = picture["width"], picture["height"]
    return [
        (frame["x"] - picture["x"]) / across, (frame["y"] - picture["y"]) / down,
        frame["width"] / across, frame["height"] / down,
    ]  # fmt: skip


def test_every_box_of_the_image_is_outlined_also_one_that_a_person_just_added(
    shown: Page, served: Client, site: Site
) -> None:
    opened(shown, served)
    expect(shown.locator(".viewer-outline")).to_have_count(0)  # the only object is the one that is seen
    add_a_box(shown)
    added = ".viewer-outline.added"
    assert rectangle(shown, added) == pytest.approx(BLUE, abs=0.02)
    expect(shown.locator("#viewer-boxes")).to_contain_text("1 object in this image. 1 box added for the next run.")
    shown.locator("#viewer-fill").click()
    shown.wait_for_function("() => document.querySelector('#viewer').offsetWidth === innerWidth")
    shown.wait_for_timeout(300)
    assert rectangle(shown, added) == pytest.approx(BLUE, abs=0.02)
    for _ in range(4):
        shown.keyboard.press("+")
    assert rectangle(shown, added) == pytest.approx(BLUE, abs=0.02)
    shown.keyboard.press("z")
    expect(shown.locator("#viewer-zoom")).to_have_text("whole picture")
    assert rectangle(shown, added) == pytest.approx(BLUE, abs=0.02)
    shown.evaluate("() => document.exitFullscreen()")
    shown.keyboard.press("q")
    expect(shown.locator(added)).to_be_hidden()
    shown.keyboard.press("q")
    expect(shown.locator(added)).to_be_visible()
    shown.keyboard.press("u")
    expect(shown.locator(added)).to_have_count(0)
    there = item(served)
    decision = {"kind": "add_box", "image": there["image_id"], "box": BLUE}
    served.post("/categories/posts/decisions", json={"decision": decision}).raise_for_status()
    site.run()
    served.service.library.forget("posts")
    opened(shown, served)
    drawn = sorted(rectangle(shown, name) for name in (".viewer-outline", "#viewer-box"))
    assert [side for box in drawn for side in box] == pytest.approx([*RED, *BLUE], abs=0.02)
    expect(shown.locator("#viewer-boxes")).to_contain_text("2 objects in this image.")
    expect(shown.locator(added)).to_have_count(0)


def test_a_box_that_a_person_took_out_is_outlined_as_such_until_the_next_run(shown: Page, served: Client) -> None:
    there = item(served)
    served.post(
        "/categories/posts/decisions", json={"decision": {"kind": "wrong_box", "image": there["image_id"]}}
    ).raise_for_status()
    shown.goto(f"/c/posts/rejected?view={there['image_id']}")
    shown.wait_for_function(LOADED)
    assert rectangle(shown, ".viewer-outline.wrong") == pytest.approx(RED, abs=0.02)
    expect(shown.locator("#viewer-box")).to_be_hidden()
    expect(shown.locator("#viewer-boxes")).to_contain_text("1 box taken out for the next run.")


def test_a_crop_in_the_large_view_has_the_margin_of_the_stored_one(shown: Page, served: Client, tmp_path: Path) -> None:
    other = tmp_path / "margin"
    other.mkdir()
    (other / "library").symlink_to(tmp_path / "library")
    site = Site(other, objects={"unit": "object", "margin": 0.2})
    site.run()
    with site.serve() as client:
        there = item(client)
        shown.goto(f"{client.url}/c/posts/cluster/{there['cluster']}?view={there['image_id']}&crop=1")
        expect(shown.locator("#viewer-image")).to_have_attribute("src", re.compile("region"))
        size = "image => image.decode().then(() => image.naturalWidth)"
        assert shown.locator("#viewer-image").evaluate(size) == 42


def test_drawing_on_a_crop_shows_the_whole_image_first(shown: Page, served: Client) -> None:
    opened(shown, served)
    shown.keyboard.press("q")
    expect(shown.locator("#viewer-crop")).to_have_attribute("aria-pressed", "true")
    shown.wait_for_function("() => document.querySelector('#viewer-image').src.includes('/region?')")
    shown.keyboard.press("b")
    shown.wait_for_function(LOADED)
    expect(shown.locator("#viewer-crop")).to_have_attribute("aria-pressed", "false")
    expect(shown.locator("#viewer-drawing")).to_be_visible()
    drag(shown, BLUE)
    expect(shown.locator("#viewer-region")).to_contain_text(re.compile("2[45] × 2[45] %"))
    shown.keyboard.press("Escape")
    expect(shown.locator("#viewer-drawing")).to_be_hidden()
    expect(shown.locator("#viewer")).to_be_visible()
