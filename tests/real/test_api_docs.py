"""/docs in a real browser: Swagger UI renders and sends requests, offline and within the content policy."""

import pytest
from playwright.sync_api import Page, expect

from tests.service.site import Client

pytestmark = pytest.mark.real


def test_the_documentation_renders_and_answers_without_leaving_the_service(shown: Page, served: Client) -> None:
    asked: list[str] = []
    refused: list[str] = []
    shown.on("request", lambda request: asked.append(request.url))
    shown.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    shown.goto("/docs")
    expect(shown.locator(".info .title")).to_contain_text("image-cluster")
    operation = shown.locator(".opblock", has=shown.locator("[data-path='/api/v1/categories']"))
    operation.locator(".opblock-summary-control").click(timeout=60_000)
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("200")
    expect(operation.locator(".live-responses-table")).to_contain_text("bollards")
    assert refused == []
    assert [url for url in asked if not url.startswith((served.url, "data:", "blob:"))] == []


def test_the_documentation_scrolls_only_downwards_on_a_phone(shown: Page) -> None:
    shown.set_viewport_size({"width": 360, "height": 740})
    shown.goto("/docs")
    expect(shown.locator(".info .title")).to_be_visible()
    assert shown.evaluate("document.documentElement.scrollWidth") <= 360


def test_an_unknown_file_of_the_documentation_is_refused(served: Client) -> None:
    assert served.get(f"{served.url}/docs/..%2f..%2fcore.py").status_code == 404
    assert served.get(f"{served.url}/docs/redoc.standalone.js").status_code == 404
