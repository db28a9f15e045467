"""The page in the language of its reader: every text is in every catalogue, and no text is outside of them."""

import json
import re
from collections.abc import Iterator

import pytest

from pipeline.service.page import language
from tests.service.page.page_words import PAGE, literals, scripts, shown_as_is, templates, used
from tests.service.site import Client

# names, and what is no text for people: keys of the keyboard, classes, queries of styles
NO_WORDS = {
    "· image-cluster", "Dagster", "Enter", "Escape", "Arrow", "wrong box", "toast alert", "toast alert conflict",
    "input, textarea",
    "(prefers-color-scheme: dark)", "name-on-map unsure", "quiet tiny", "The shaders do not link: ",
}  # fmt: skip


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    yield
    language.speak("en")


def page(client: Client, path: str, accept: str = "", cookie: str = "") -> str:
    headers = {"Accept-Language": accept} | ({"Cookie": f"language={cookie}"} if cookie else {})
    answer = client.get(f"{client.url}{path}", headers=headers)
    assert answer.status_code in (200, 404, 422), answer.text[:300]
    return answer.text


@pytest.mark.parametrize("code", list(language.catalogues()))
def test_every_text_of_the_page_is_in_every_catalogue_and_no_other(code: str) -> None:
    texts = {text for text in language.catalogues()[code] if not text.startswith("@")}
    assert used() - texts == set()
    assert texts - used() == set()


def test_the_english_catalogue_says_what_the_page_says() -> None:
    english = language.catalogues()["en"]
    assert {text for text in used() if isinstance(english[text], str) and english[text] != text} == set()


@pytest.mark.parametrize("code", list(language.catalogues()))
def test_a_translation_has_the_places_of_its_text(code: str) -> None:
    def places(text: str) -> set[str]:
        return set(re.findall(r"\{(\w+)\}", text))

    for text, entry in language.catalogues()[code].items():
        for form in entry.values() if isinstance(entry, dict) else [entry]:
            assert places(form) == places(text), text
        if isinstance(entry, dict):
            assert set(entry) == {"one", "other"}


def test_a_catalogue_names_each_text_once() -> None:
    for path in (PAGE / "languages").glob("*.json"):
        pairs = json.loads(path.read_text(), object_pairs_hook=lambda found: found)
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names)), path.name


@pytest.mark.parametrize("name", list(templates()))
def test_no_template_shows_a_text_that_is_outside_of_the_catalogues(name: str) -> None:
    assert set(shown_as_is(templates()[name])) - NO_WORDS == set()


@pytest.mark.parametrize("name", list(scripts()))
def test_no_script_has_a_text_that_is_outside_of_the_catalogues(name: str) -> None:
    assert set(literals(scripts()[name])) - NO_WORDS == set()


def test_the_check_sees_a_text_that_was_forgotten() -> None:
    assert shown_as_is('<p title="Gone soon">{{ t("Here") }} Left over</p>') == ["Gone soon", "Left over"]
    assert literals('toast("The run is done.", { a: t("Fine so far") });') == ["The run is done."]
    assert literals("toast(`Moved ${n} images to it.`);") == ["Moved  images to it."]


@pytest.mark.parametrize(
    ("accept", "cookie", "code"),
    [("", "", "en"), ("de-AT,de;q=0.9,en;q=0.5", "", "de"), ("fr,en;q=0.4,de;q=0.8", "", "de"), ("pt-BR", "", "en"),
     ("de", "en", "en"), ("en", "de", "de"), ("de;q=0, en", "", "en"), ("en", "../../xx", "en"), (";;q=,", "", "en")],
)  # fmt: skip
def test_the_menu_counts_more_than_the_browser_and_what_there_is_not_is_english(
    shared: Client, accept: str, cookie: str, code: str
) -> None:
    assert f'<html lang="{code}">' in page(shared, "/c/bollards", accept, cookie)


VIEWS = (
    "",
    "/find",
    "/map",
    "/unclustered",
    "/rejected",
    "/duplicates",
    "/runs",
    "/import",
    "/granularity",
    "/compare",
)


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_there_in_german(shared: Client, view: str) -> None:
    text = page(shared, f"/c/bollards{view}", "de")
    assert "Zum Inhalt springen" in text
    assert 'src="/static/' in text
    assert "words.de.js" in text
    for english in ("Skip to the content", ">Clusters<", ">Undo<", ">Close<", "Saved views", "Search"):
        assert english not in text


def test_an_error_is_said_in_the_language_too(shared: Client) -> None:
    assert "Es gibt keine Kategorie „nope“." in page(shared, "/c/nope", "de")
    assert "einen ungültigen Wert" in page(shared, "/c/bollards?order=sideways", "de")


def test_numbers_are_counted_and_written_as_the_language_does() -> None:
    assert [language.counted(n, "image") for n in (0, 1, 2, 12345)] == [
        "0 images",
        "1 image",
        "2 images",
        "12,345 images",
    ]
    assert language.percent(0.684) == "68%"
    language.speak("de")
    assert [language.counted(n, "image") for n in (0, 1, 2, 12345)] == [
        "0 Bilder",
        "1 Bild",
        "2 Bilder",
        "12.345 Bilder",
    ]
    assert language.percent(0.684) == "68 %"


def test_what_a_catalogue_lacks_is_english() -> None:
    language.speak("de")
    assert language.t("A text of tomorrow, {name}", name="{x}") == "A text of tomorrow, {x}"


def test_names_stay_text_where_a_sentence_has_keys() -> None:
    shown = language.t("{e} names, {enter} goes on to the next, {help} shows every key",
                       e=language.keys("<b>"), enter="<i>", help="?")  # fmt: skip
    assert str(shown) == "<kbd>&lt;b&gt;</kbd> names, &lt;i&gt; goes on to the next, ? shows every key"


def test_the_words_of_a_language_are_a_file_of_the_page(shared: Client) -> None:
    address = re.search(r'src="(/static/[^"]+/words\.de\.js)"', page(shared, "/c/bollards", "de"))
    assert address
    answer = shared.get(f"{shared.url}{address[1]}")
    assert "immutable" in answer.headers["cache-control"]
    words = json.loads(answer.text.removeprefix("globalThis.WORDS=").strip().removesuffix(";"))
    assert words["Undo"] == "Rückgängig"
