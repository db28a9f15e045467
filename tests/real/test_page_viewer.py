"""The large view of the curation page: looking closely at one picture."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.real.curation_page import open_first
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
