"""The pages as answers: what they are sent with, and what they say when something is not there."""

import re

import pytest

from pipeline.service.page.render import environment, static_files
from tests.service.site import Client

VIEWS = ("", "/find", "/map", "/unclustered", "/rejected", "/duplicates", "/runs")


def text(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(f"{client.url}{path}")
    assert answer.status_code == status, answer.text[:300]
    assert answer.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    return answer.text


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_a_page_without_inline_script_or_style(shared: Client, view: str) -> None:
    page = text(shared, f"/c/bollards{view}")
    assert re.findall(r"<script(?![^>]* src=)[^>]*>", page) == []
    assert re.findall(r"\sstyle=|<style|\son[a-z]+=", page) == []


def test_the_start_leads_to_the_first_category(shared: Client) -> None:
    answer = shared.get(f"{shared.url}/")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/c/bollards"


@pytest.mark.parametrize("path", ["/c/nope", "/c/bollards/cluster/c-none", "/c/bollards/find?image=0000"])
def test_what_is_not_there_is_a_page_that_says_so(shared: Client, path: str) -> None:
    assert "Not found" in text(shared, path, 404)


def test_a_value_that_cannot_be_is_a_page_too(shared: Client) -> None:
    assert "an invalid value" in text(shared, "/c/bollards?order=sideways", 422)


def test_static_files_are_kept_for_ever_by_what_they_hold(shared: Client) -> None:
    page = text(shared, "/c/bollards")
    address = re.search(r'src="(/static/[^"]+/clusters\.js)"', page)
    assert address
    answer = shared.get(f"{shared.url}{address[1]}")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    assert "immutable" not in shared.get(f"{shared.url}/static/older/clusters.js").headers["cache-control"]


@pytest.mark.parametrize("name", ["nope.js", "..%2Frender.py", "%2e%2e%2frender.py", "__init__.py"])
def test_only_the_files_of_the_page_are_served(shared: Client, name: str) -> None:
    assert shared.get(f"{shared.url}/static/x/{name}").status_code == 404


def test_no_file_of_the_page_names_another_server() -> None:
    for name, data in static_files().items():
        found = [one for one in re.findall(rb"https?://[^\s\"'`]+", data) if b"www.w3.org" not in one]
        assert found == [], name


def test_a_count_is_followed_by_the_right_form_of_the_word() -> None:
    template = environment().from_string(
        "{{ 1|plural('category') }}, {{ 2|plural('category') }}, {{ 0|plural('image') }}"
    )
    assert template.render() == "1 category, 2 categories, 0 images"
