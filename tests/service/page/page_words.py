"""Reading the page's own templates, scripts and constants: which texts they look up, and which they show as they are.

What belongs here: finding texts in the sources. Not here: what must hold of them (`test_language.py`).
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any

from pipeline.service.page import compare, copies, granularity, members, render, sentences, views, walls

PAGE = Path(str(resources.files("pipeline.service.page")))
NOT_PAGES = {"help.html.j2"}  # the documentation, which is written in English
COUNTED = ("image", "object")  # what `unit` may be
STATES = (
    "active", "hidden", "unusable", "retired", "clustered", "unclustered", "new", "excluded", "set aside", "undone",
    "waits", "replaced", "queued", "running", "succeeded", "failed", "cancelled", "candidate", "refused", "same",
    "broken", "missing", "too large", "not an image", "no object",
    "exact", "near", "similar", "folder", "folders", "country", "countries",
)  # fmt: skip
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
_WORD = re.compile(r"[A-Za-z]{2,}")
SHOWN_ATTRIBUTES = ("aria-label", "title", "placeholder", "alt")


def templates() -> dict[str, str]:
    found = sorted((PAGE / "templates").glob("*.j2"))
    return {path.name: path.read_text() for path in found if path.name not in NOT_PAGES}


def scripts() -> dict[str, str]:
    """The scripts without their comments."""
    found = {path.name: path.read_text() for path in sorted((PAGE / "static").glob("*.js"))}
    return {name: _without_comments(text) for name, text in found.items()}


def used() -> set[str]:
    """Every text that the page looks up."""
    texts = set(STATES)
    for source in templates().values():
        texts |= set(_arguments(source)) | {
            f"{{n}} {word}" for word in re.findall(r"""plural\(["']([^"']+)["']\)""", source)
        }
    for source in scripts().values():
        texts |= set(_arguments(source)) | {
            f"{{n}} {word}" for word in re.findall(r'\bmany\([^"]*?, "([a-z ]+)"\)', source)
        }
    for path in PAGE.glob("*.py"):
        if path.name != "language.py":
            texts |= set(_arguments(path.read_text()))
    return texts | set(_constants()) | {f"{{n}} {unit}" for unit in COUNTED}


def _constants() -> Iterator[str]:
    """Labels that Python keeps, and templates look up."""
    tables: list[dict[Any, str]] = [
        walls.WHICH, walls.ORDERS, views.STATUSES, views.SORTS, members.ORDERS, copies.LEVELS, compare.FATES,
        compare.NAMINGS, granularity.CHANGES,
    ]  # fmt: skip
    for table in tables:
        yield from table.values()
    yield from (*sentences.SAID, *sentences.NEWS, *sentences.CLAUSES.values())
    yield from (label for _, _, label in render.NAVIGATION)
    yield from (members.CORE, members.EDGE, members.PLACED, members.FILE_DATE, "By {group}")
    yield from ("Sharpness", "{share}%", *(name for name, _ in copies.PROPERTIES))
    for source in templates().values():
        yield from (label for label in re.findall(r'\("[a-z-]+", "([^"]{2,})", "[^"]*"\)', source))


def _arguments(source: str) -> Iterator[str]:
    """The literals in the first argument of each call of `t`, of which there are two in a condition."""
    for call in re.finditer(r"(?<![\w.])(?:language\.)?t\(", source):
        depth, at, quoted = 0, call.end(), False
        while at < len(source) and (quoted or depth or source[at] not in ",)"):
            character = source[at]
            if character == '"' and source[at - 1] != "\\":
                quoted = not quoted
            elif not quoted:
                depth += (character in "([{") - (character in ")]}")
            at += 1
        argument = re.sub(r"\w+(\.\w+)*\s*(===|==)\s*\"[^\"]*\"", "", source[call.end() : at])
        yield from (literal.replace('\\"', '"') for literal in _LITERAL.findall(argument) if _WORD.search(literal))


def _without_comments(text: str) -> str:
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return "\n".join(re.sub(r"(^|\s)//.*", "", line) for line in text.splitlines())


class _Texts(HTMLParser):
    """What a template shows outside of Jinja."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in ("code", "kbd", "svg")
        self.found += [value for name, value in attrs if name in SHOWN_ATTRIBUTES and value and _WORD.search(value)]

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in ("code", "kbd", "svg")

    def handle_data(self, data: str) -> None:
        if not self.silent and _WORD.search(data):
            self.found.append(data.strip())


def shown_as_is(template: str) -> list[str]:
    """Texts of a template that no catalogue has: in its markup, and as literals that Jinja shows."""
    parser = _Texts()
    parser.feed(_JINJA.sub("", template))
    shown = re.findall(r"\{\{(.*?)\}\}", template, re.DOTALL)
    alone = [re.fullmatch(r'\s*"([A-Z][^"]*|[a-z]+ [^"]*)"( if .*)?', one, re.DOTALL) for one in shown]
    return parser.found + [match[1] for match in alone if match]


def literals(script: str) -> list[str]:
    """Literals of a script that read like words for people and are not looked up."""
    known = set(_arguments(script))
    for text in known:
        script = script.replace(f'"{text}"', '""')
    flat = re.sub(r"\$\{[^{}]*\}", "", script)
    found = [*_LITERAL.findall(flat), *re.findall(r"`([^`\n]*)`", flat)]
    return [one for one in found if one not in known and _reads_as_words(re.sub(r"\$\{.*", "", one))]


def _reads_as_words(text: str) -> bool:
    if re.search(r"[/<>=&#\[\]_]|^[.-]|px|^data-|:not|sans-serif", text):
        return False
    return bool(re.search(r"[A-Za-z]{2,}[,.:;…]? [A-Za-z]{2,}", text) or re.fullmatch(r"[A-Z][a-z]{3,}[ …]*", text))
