"""The large view of the curation page: looking closely at one picture."""

import re
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.real.curation_page import clusters, decided, open_first, toast
from tests.service.site import Client

pytestmark = pytest.mark.real

FRAME = "#viewer-frame"
LOADED = """() => {
  const image = document.querySelector('#viewer-image');
  return image.src.endsWith('/original') && image.complete;
}"""


def opened(shown: Page, served: Client) -> None:
    open_first(shown, served)
    shown.locator("#list .pick").nth(1).dblclick()
    expect(shown.locator("#viewer")).to_be_visible()
    shown.wait_for_function(LOADED)


def test_wheel_keys_and_click_zoom_and_the_whole_picture_comes_back(shown: Page, served: Client) -> None:
    opened(shown, served)
    width = shown.locator("#viewer-image").evaluate("image => image.naturalWidth")
    expect(shown.locator("#viewer-zoom")).to_have_text("whole picture")
    shown.keyboard.press("z")
    expect(shown.locator("#viewer-zoom")).to_have_text("200 %")  # the pictures of this library are small
    expect(shown.locator(FRAME)).to_have_class(re.compile("zoomed"))
    assert shown.locator("#viewer-image").evaluate("image => image.getBoundingClientRect().width") == 2 * width
    shown.keyboard.press("+")
    expect(shown.locator("#viewer-zoom")).to_have_text("250 %")
    shown.locator(FRAME).hover()
    shown.mouse.wheel(0, -100)
    expect(shown.locator("#viewer-zoom")).to_have_text("313 %")
    for _ in range(9):
        shown.keyboard.press("-")
    expect(shown.locator("#viewer-zoom")).to_have_text("whole picture")
    shown.locator(FRAME).click()
    expect(shown.locator("#viewer-zoom")).to_have_text("200 %")
    shown.keyboard.press("ArrowRight")
    expect(shown.locator("#viewer-zoom")).to_have_text("whole picture")


def test_a_picture_that_is_smaller_than_its_frame_stays_in_the_middle_when_it_is_zoomed(
    shown: Page, served: Client
) -> None:
    opened(shown, served)
    shown.keyboard.press("z")
    expect(shown.locator("#viewer-zoom")).to_have_text("200 %")
    image, frame = (shown.locator(one).bounding_box() for one in ("#viewer-image", FRAME))
    assert image
    assert frame
    assert image["width"] < frame["width"]
    for place, size in (("x", "width"), ("y", "height")):
        assert image[place] + image[size] / 2 == pytest.approx(frame[place] + frame[size] / 2, abs=1)


def test_a_zoomed_picture_is_moved_by_dragging_and_a_drag_is_no_click(shown: Page, served: Client) -> None:
    shown.set_viewport_size({"width": 520, "height": 700})
    opened(shown, served)
    for _ in range(12):
        shown.keyboard.press("+")
    zoomed = shown.locator("#viewer-zoom").inner_text()
    box = shown.locator(FRAME).bounding_box()
    assert box is not None
    before = shown.locator(FRAME).evaluate("frame => frame.scrollLeft")
    shown.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    shown.mouse.down()
    shown.mouse.move(box["x"] + box["width"] / 2 - 40, box["y"] + box["height"] / 2, steps=4)
    shown.mouse.up()
    assert shown.locator(FRAME).evaluate("frame => frame.scrollLeft") == before + 40
    expect(shown.locator("#viewer-zoom")).to_have_text(zoomed)
    shown.keyboard.press("Escape")
    expect(shown.locator("#viewer")).to_be_hidden()


def seen(shown: Page) -> str:
    return re.search(r"view=(\w+)", shown.url)[1]  # type: ignore[index]


def test_keys_decide_about_the_picture_that_is_seen_and_the_next_one_comes(shown: Page, served: Client) -> None:
    open_first(shown, served)
    shown.locator("#list .pick").nth(4).click()  # selected, and not what is seen
    shown.locator("#list .pick").nth(1).dblclick()
    first = seen(shown)
    shown.keyboard.press("x")
    toast(shown, "Excluded 1 image")
    expect(shown.locator("#list .tile")).to_have_count(10)
    assert [event["images"] for event in decided(served, "exclude")] == [
        [served.get(f"/images/{first}").json()["content_hash"]]
    ]
    expect(shown.locator("#viewer")).to_be_visible()
    second = seen(shown)
    assert second != first
    shown.keyboard.press("t")
    shown.locator("#ask-input").fill("wet")
    shown.keyboard.press("Enter")
    expect(shown.locator("#viewer-facts")).to_contain_text("wet")
    assert served.get(f"/images/{second}").json()["tags"] == ["wet"]
    shown.locator("#toasts").get_by_role("button", name="Undo").last.click()  # it can be reached over the large view
    expect(shown.locator("#viewer-facts")).not_to_contain_text("wet")
    shown.keyboard.press("u")
    expect(shown.locator("#list .tile")).to_have_count(11)
    shown.keyboard.press("Escape")
    expect(shown.locator("#viewer")).to_be_hidden()
    toast(shown, "Undone")
    expect(shown).not_to_have_url(re.compile("view="))


def test_keys_of_a_cluster_act_on_the_picture_that_is_seen(shown: Page, served: Client) -> None:
    name = open_first(shown, served)
    shown.locator("#list .pick").nth(3).dblclick()
    shown.keyboard.press("p")
    toast(shown, "represents")
    assert clusters(served)[name]["representative"] == seen(shown)


def test_a_link_opens_the_same_picture_whether_it_is_in_the_list_or_not(shown: Page, served: Client) -> None:
    open_first(shown, served)
    shown.locator("#list .pick").nth(2).dblclick()
    url, name = shown.url, seen(shown)
    key = served.get(f"/images/{name}").json()["key"]
    shown.goto("about:blank")
    shown.goto(url)
    expect(shown.locator("#viewer-key")).to_have_text(key)
    expect(shown.locator("#viewer-place")).to_have_text(re.compile("^3 of 11"))
    shown.goto(f"/c/bollards/unclustered?view={name}")
    expect(shown.locator("#viewer-key")).to_have_text(key)
    expect(shown.locator("#viewer-place")).to_have_text("")


def test_a_picture_is_seen_beside_the_face_of_its_cluster_or_one_that_is_held_and_both_zoom_in_step(
    shown: Page, served: Client
) -> None:
    name = open_first(shown, served)
    shown.locator("#list .pick").nth(1).dblclick()
    first, face = seen(shown), clusters(served)[name]["representatives"]
    shown.keyboard.press("c")
    beside = shown.locator("#viewer-other-image")
    expect(beside).to_have_attribute("data-of", next(one for one in face if one != first))
    shown.wait_for_function("() => document.querySelector('#viewer-other-image').src.endsWith('/original')")
    for _ in range(9):
        shown.keyboard.press("+")
    widths = "() => ['viewer-image', 'viewer-other-image'].map(id => document.getElementById(id).offsetWidth)"
    one, other = shown.evaluate(widths)
    assert one == other > 500
    shown.locator(FRAME).evaluate("frame => frame.scrollTo(120, 90)")
    shown.wait_for_function("() => document.querySelector('#viewer-other').scrollLeft === 120")
    shown.locator("#viewer-other").evaluate("frame => frame.scrollTo(40, 30)")
    shown.wait_for_function("() => document.querySelector('#viewer-frame').scrollLeft === 40")
    shown.keyboard.press("h")
    expect(beside).to_have_attribute("data-of", first)
    shown.keyboard.press("ArrowRight")
    expect(beside).to_have_attribute("data-of", first)
    assert seen(shown) != first
    shown.keyboard.press("h")
    expect(shown.locator("#viewer-other")).to_be_hidden()


def test_names_and_tags_are_shown_under_images_when_somebody_wants_them_and_stay_so(
    shown: Page, served: Client
) -> None:
    open_first(shown, served)
    label = shown.locator("#list .tile .label").first
    expect(label).to_be_hidden()
    shown.keyboard.press("i")
    expect(label).to_contain_text(".png")
    shown.goto("/c/bollards/find?tag=")
    expect(shown.locator("#list .tile .label").first).to_contain_text(".png")
    shown.get_by_role("button", name="Names").click()
    expect(shown.locator("#list .tile .label").first).to_be_hidden()


def test_the_date_of_a_file_is_not_called_the_date_of_the_picture(shown: Page, served: Client) -> None:
    name = open_first(shown, served)
    shown.locator("#list .pick").nth(1).dblclick()
    expect(shown.locator("#viewer-facts")).to_contain_text("File date")
    expect(shown.locator("#viewer-facts")).not_to_contain_text("Taken")
    shown.goto(f"/c/bollards/cluster/{name}?order=time")
    expect(shown.locator(".part h2").first).to_contain_text("(date of the file)")


@pytest.mark.parametrize("key", ["o", "/", "n"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_large_view_the_search_and_the_new_kind_are_accessible_and_fit_360_pixels(
    shown: Page, served: Client, key: str, scheme: Literal["light", "dark"]
) -> None:
    shown.emulate_media(color_scheme=scheme)
    shown.set_viewport_size({"width": 360, "height": 740})
    open_first(shown, served)
    shown.locator("#list .pick").nth(1).click()
    shown.keyboard.press(key)
    dialog = shown.locator("dialog[open]")
    expect(dialog).to_be_visible()
    shown.wait_for_load_state("networkidle")
    assert dialog.evaluate("one => one.scrollWidth <= one.clientWidth")
    found = Axe().run(shown, context="dialog[open]")
    assert found.violations_count == 0, found.generate_report()
