"""Recognising English sentences of the product, and saying them in the language of the request.

What belongs here: the expression of a sentence, and filling its places in another language. Not here: the sentences
(`sentences.py`), the catalogues (`language.py`). The scripts recognise the same ones: `static/words.js`.

Reviews and headlines are stored as text, and the API and the event stream speak English. So a sentence is recognised by
its words, and what no sentence here has made stays English. The name of a place says what may stand in it: `PLACES`.
"""

import re
from collections.abc import Callable
from functools import cache

from pipeline.service.page.language import FALLBACK, counted, language, number, t
from pipeline.service.page.sentences import ANYTHING, CLAUSES, NEWS, PLACES, SAID
from pipeline.stages.published import news

_CLAUSE = re.compile(r"(\d[\d,]*) (?:(image|object|cluster)s? )?(.+)")


def said(text: str) -> str:
    """An English sentence in the language of the request; itself if it is none of `SAID` and `NEWS`."""
    for sentence, pattern in _patterns((*SAID, *NEWS)):
        found = pattern.fullmatch(text)
        if found:
            return t(sentence, **{name: _in_place(name, value) for name, value in found.groupdict().items()})
    return text


def called(category: str) -> str:
    """A category as a sentence names it: in the quotes of the language if it reads like a word of the sentence."""
    return t("“{text}”", text=category) if news.called(category) != category else category


def _in_place(name: str, value: str) -> str:
    if name in ("images", "groups"):
        count, word = value.split()
        return counted(int(count.replace(",", "")), word.removesuffix("s"))
    shown: dict[str, Callable[[str], str]] = {
        "status": t, "what": said, "reason": _reason, "news": _news, "set_aside": lambda one: t(one.replace("_", " ")),
        "category": lambda one: called(one[1:-1]) if one[:1] == "“" else one,
    }  # fmt: skip
    return shown.get(name, str)(value)


def _reason(value: str) -> str:
    """A reason inside of a sentence may have lost its full stop."""
    with_stop = said(f"{value}.")
    return with_stop.removesuffix(".") if with_stop != f"{value}." else said(value)


def _news(text: str) -> str:
    """What happened: groups of clauses apart by semicolons, each a number and what became of as many."""
    if language() == FALLBACK:
        return text
    return "; ".join(", ".join(map(_clause, re.split(r", | and ", group))) for group in text.split("; "))


def _clause(text: str) -> str:
    found = _CLAUSE.fullmatch(text)
    if not found or found[3] not in CLAUSES:
        return text
    count = int(found[1].replace(",", ""))
    return t(CLAUSES[found[3]], what=counted(count, found[2]) if found[2] else number(count))


def for_scripts() -> list[tuple[str, str]]:
    """Each sentence with its expression, as scripts write it, in the order in which they are tried."""
    return [(text, pattern.pattern.replace("(?P<", "(?<")) for text, pattern in _patterns(SAID)]


@cache
def _patterns(sentences: tuple[str, ...]) -> list[tuple[str, re.Pattern[str]]]:
    """Each sentence with what recognises it: those with more fixed words first, since a place may hold anything."""
    ordered = sorted(sentences, key=lambda text: -len(re.sub(r"\{\w+\}", "", text)))
    return [(text, re.compile(_pattern_of(text), re.DOTALL)) for text in ordered]


def _pattern_of(sentence: str) -> str:
    parts = re.split(r"\{(\w+)\}", sentence)
    fixed = [re.sub(r"([().?])", r"\\\1", part) for part in parts[::2]]
    places = [f"(?P<{name}>{PLACES.get(name, ANYTHING)})" for name in parts[1::2]]
    return "".join(one for pair in zip(fixed, [*places, ""], strict=True) for one in pair)
