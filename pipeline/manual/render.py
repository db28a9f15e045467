"""A page of the documentation as HTML.

What belongs here: Markdown → HTML with anchors, and links that work below one address. Not here: the frame around a
page (`service/page/templates/help.html.j2`), which pages there are (`pages.py`).

The pages are ours, so the few HTML tags in them (`<kbd>`) are kept. Nothing that a person or a bucket wrote comes here.
"""

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from markdown_it import MarkdownIt
from markdown_it.token import Token

from pipeline.manual.pages import START, text_of

ROOT = "/help"
# what is wider than a phone scrolls by itself, also with the keyboard
FRAMES = (
    ("<table>", '<div class="table" tabindex="0" role="group" aria-label="Table"><table>'),
    ("</table>", "</table></div>"),
    ("<pre>", '<pre tabindex="0">'),
)


@dataclass(frozen=True)
class Section:
    """A heading (level 1 to 6, anchor) and the plain text below it, up to the next heading."""

    level: int
    anchor: str
    title: str
    text: str


@dataclass(frozen=True)
class Rendered:
    """A page: its HTML, and its sections in order."""

    html: str
    sections: tuple[Section, ...]


@cache
def render(name: str) -> Rendered:
    """The page with this name. Raises `UnknownNameError`."""
    parser = _parser()
    tokens = parser.parse(text_of(name))
    sections = _mark_headings(tokens)
    for token in tokens:
        if token.type in ("th_open", "td_open") and (style := token.attrs.pop("style", None)):
            token.attrSet("class", str(style).removeprefix("text-align:"))  # the content policy allows no style here
        for child in token.children or ():
            _lead_home(child, name)
    html: str = parser.renderer.render(tokens, parser.options, {})
    for plain, framed in FRAMES:
        html = html.replace(plain, framed)
    return Rendered(html, tuple(sections))


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def address(name: str) -> str:
    """Where the service shows a page."""
    return ROOT if name == START else f"{ROOT}/{name}"


def anchor_of(title: str) -> str:
    """The anchor of a heading, as the site makes it; GitHub's differs only where a sign stood between blanks."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\- ]", "", title.lower()).strip())


def _mark_headings(tokens: Sequence[Token]) -> list[Section]:
    """Give every heading its anchor. Returns the sections."""
    found: list[tuple[int, str, str, list[str]]] = []
    used: dict[str, int] = {}
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            title = _plain(tokens[number + 1])
            anchor = anchor_of(title)
            used[anchor] = used.get(anchor, 0) + 1
            anchor = anchor if used[anchor] == 1 else f"{anchor}_{used[anchor] - 1}"
            token.attrSet("id", anchor)
            found.append((int(token.tag[1]), anchor, title, []))
        elif found and token.type in ("inline", "fence", "code_block") and tokens[number - 1].type != "heading_open":
            found[-1][3].append(_plain(token))
    return [Section(level, anchor, title, "\n".join(texts)) for level, anchor, title, texts in found]


def _plain(token: Token) -> str:
    if token.children is None:
        return token.content
    return "".join(
        " " if child.type in ("softbreak", "hardbreak") else child.content
        for child in token.children
        if child.type != "html_inline"
    )


def _lead_home(token: Token, page: str) -> None:
    """Turn the relative address of a link or picture into one below `ROOT`."""
    kind = {"link_open": "href", "image": "src"}.get(token.type)
    if kind is None:
        return
    given = str(cast("Any", token.attrGet(kind)))
    path, hash_sign, anchor = given.partition("#")
    if "://" in given or not path:
        return
    whole = posixpath.normpath(posixpath.join(posixpath.dirname(page), path))
    goal = address(whole.removesuffix(".md")) if whole.endswith(".md") else f"{ROOT}/{whole}"
    token.attrSet(kind, goal + hash_sign + anchor)
