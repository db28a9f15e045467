"""The language of the page: which one a request gets, and its words.

What belongs here: reading the catalogues in `languages/`, choosing one, and looking words up. Not here: the templates
that use them (`render.py`), the scripts that use the same ones (`static/words.js`), the API, which speaks English.

A catalogue is a JSON object from the English text to the text of the language. A text may have `{places}`. A text that
depends on a number is an object with the forms `one` and `other`, and its key has `{n}` for the number. What a
catalogue lacks is shown in English.
"""

import json
import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from functools import cache
from importlib import resources

from fastapi import Request
from markupsafe import Markup, escape

from pipeline.stages.published.group_words import plural

Entry = str | dict[str, str]
FALLBACK = "en"
COOKIE = "language"
NAME, THOUSANDS = "@name", "@thousands"  # what the language calls itself, and what stands between thousands
SENTENCES = "@said"  # only in the file for scripts
_current: ContextVar[str] = ContextVar("language", default=FALLBACK)


@cache
def catalogues() -> dict[str, dict[str, Entry]]:
    """Code of each language → its catalogue, English first."""
    folder = resources.files("pipeline.service.page") / "languages"
    read = {file.name.removesuffix(".json"): json.loads(file.read_text(encoding="utf-8"))
            for file in folder.iterdir() if file.name.endswith(".json")}  # fmt: skip
    return dict(sorted(read.items(), key=lambda item: (item[0] != FALLBACK, item[0])))


def languages() -> dict[str, str]:
    """Code of each language → what it calls itself."""
    return {code: str(catalogue[NAME]) for code, catalogue in catalogues().items()}


def use(request: Request, setting: str) -> None:
    """Answer this request in the language of the page's menu, else of the settings, else of the browser."""
    wanted = [request.cookies.get(COOKIE, ""), setting, *_accepted(request.headers.get("accept-language", ""))]
    speak(next((code for code in wanted if code in catalogues()), FALLBACK))


def speak(code: str) -> None:
    """Answer in this language, which is one of `catalogues()`."""
    _current.set(code)


def language() -> str:
    """The code of the language of the request at hand."""
    return _current.get()


def _accepted(header: str) -> list[str]:
    """The languages of an Accept-Language header, the one with the most weight first, without their regions."""
    weights: list[tuple[float, str]] = []
    for part in header[:500].split(","):
        tag, _, rest = part.strip().partition(";")
        weight = re.fullmatch(r"\s*q=([01](?:\.\d{1,3})?)\s*", rest)
        weights.append((float(weight[1]) if weight else 1.0, tag.strip().lower().split("-")[0]))
    return [tag for weight, tag in sorted(weights, key=lambda item: -item[0]) if weight > 0]


def t(text: str, /, **values: object) -> str:
    """The text in the language of the request, with its places filled. Markup in a place stays markup."""
    entry = catalogues()[language()].get(text) or catalogues()[FALLBACK].get(text) or text
    if isinstance(entry, dict):
        entry = entry["one" if values.get("n") == 1 else "other"]
    shown = {name: number(value) if name == "n" and isinstance(value, int) else value for name, value in values.items()}
    if not any(isinstance(value, Markup) for value in shown.values()):
        return _filled(entry, {name: str(value) for name, value in shown.items()})
    return Markup(_filled(str(escape(entry)), {name: str(escape(value)) for name, value in shown.items()}))  # noqa: S704  # escaped


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda place: values.get(place[1], place[0]), text)


def number(value: float) -> str:
    """A number with the thousands apart."""
    return f"{value:,}".replace(",", str(catalogues()[language()][THOUSANDS]))


def percent(value: float) -> str:
    """A share as per cent."""
    return t("{share}%", share=f"{100 * value:.0f}")


def counted(count: int, word: str) -> str:
    """A number of something: `word` is what one of it is called in English.

    A word that no catalogue has is that of a page that speaks English only.
    """
    key = f"{{n}} {word}"
    if key in catalogues()[FALLBACK]:
        return t(key, n=count)
    return f"{number(count)} {word if count == 1 else plural(word)}"


def keys(*names: str) -> Markup:
    """Keys of the keyboard, as they are shown."""
    return Markup(" ").join(Markup("<kbd>{}</kbd>").format(name) for name in names)


def code(text: str) -> Markup:
    """Text that is typed as it stands."""
    return Markup("<code>{}</code>").format(text)


def script(code: str, sentences: Sequence[tuple[str, str]] = ()) -> bytes | None:
    """The catalogue of a language as the file that the page's scripts read; None if there is no such language.

    `sentences` are those of `said.py`, each with the expression that recognises it.
    """
    catalogue = catalogues().get(code)
    if catalogue is None:
        return None
    everything = {**catalogues()[FALLBACK], **catalogue, SENTENCES: sentences}
    words = json.dumps(everything, ensure_ascii=False, separators=(",", ":"))
    return f"globalThis.WORDS={words};\n".encode()
