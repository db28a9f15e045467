"""/help: every page is shown without a script, under the content policy, with its files and a search."""

import re

import pytest

from pipeline.manual.pages import names, titles
from pipeline.service.security import CONTENT_POLICY
from tests.service.site import Client


@pytest.mark.parametrize("name", names())
def test_every_page_is_shown_without_a_script_or_a_style_of_its_own(shared: Client, name: str) -> None:
    answer = shared.get(f"{shared.url}/help/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == CONTENT_POLICY
    assert (
        re.search(r"<script| style=|<style| on[a-z]+=\"|<iframe", re.sub(r"(?s)<pre.*?</pre>", "", answer.text)) is None
    )
    loaded = re.findall(r'<(?:img|link)[^>]* (?:src|href)="([^"]*)"', answer.text)
    for goal in loaded:
        assert goal.startswith("/")
        assert shared.get(shared.url + goal).status_code == 200


def test_the_start_leads_to_every_page_of_the_navigation(shared: Client) -> None:
    text = shared.get(f"{shared.url}/help").text
    for name in titles():
        assert f'href="/help{"" if name == "index" else f"/{name}"}"' in text


def test_a_search_answers_with_sections(shared: Client) -> None:
    text = shared.get(f"{shared.url}/help", params={"q": "guard holds back"}).text
    assert 'href="/help/publishing#the-guard"' in text
    assert "0 places" in shared.get(f"{shared.url}/help", params={"q": "zzzzzz"}).text


def test_what_is_searched_for_is_shown_as_text(shared: Client) -> None:
    text = shared.get(f"{shared.url}/help", params={"q": "<script>alert(1)</script>"}).text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


@pytest.mark.parametrize(
    "path", ["nothing", "..%2f..%2fREADME.md", "images/%2e%2e/%2e%2e/README.md", "start.md", "%00"]
)
def test_what_is_not_there_is_refused(shared: Client, path: str) -> None:
    answer = shared.get(f"{shared.url}/help/{path}")
    assert answer.status_code == 404
    assert "/help" in answer.json()["detail"]


def test_an_example_is_shown_as_text_and_never_run(shared: Client) -> None:
    answer = shared.get(f"{shared.url}/help/examples/website/index.html")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    drawing = shared.get(f"{shared.url}/help/images/concept-levels.svg")
    assert drawing.headers["content-type"] == "image/svg+xml"
    assert "script" not in drawing.headers["content-security-policy"]


def test_the_curation_page_leads_to_the_help(shared: Client) -> None:
    assert 'href="/help"' in shared.get(f"{shared.url}/c/bollards").text


def test_a_name_longer_than_a_file_may_have_is_an_unknown_page(shared: Client) -> None:
    assert shared.get(f"{shared.url}/help/{'a' * 300}").status_code == 404
