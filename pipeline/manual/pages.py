"""Which pages the documentation has, in which order, and where their files are.

What belongs here: finding the folder of pages (of a checkout, or of an installed wheel, which carries it), the
navigation, reading a page or a file beside it. Not here: HTML (`render.py`), words (`search.py`), routes (`service/`).

The navigation is that of `zensical.toml`, from which the site is built: both show the same pages in the same order.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.errors import ImageClusterError, UnknownNameError

START = "index"
SITE = "zensical.toml"


class ManualMissingError(ImageClusterError):
    """The files of the documentation are not where they should be."""


@dataclass(frozen=True)
class Chapter:
    """A heading of the navigation with its pages: (title, name); a name is a path without `.md`, as `reference/cli`."""

    title: str
    pages: tuple[tuple[str, str], ...]


def folder() -> Path:
    """The folder of the pages: `docs/` of a checkout, else the copy in the wheel. Raises `ManualMissingError`."""
    return _home() / "docs"


def _home() -> Path:
    here = Path(__file__).parent
    for home in (here.parents[1], here):
        if (home / SITE).is_file() and (home / "docs" / f"{START}.md").is_file():
            return home
    message = (
        f"The documentation is not installed: there is no docs/{START}.md beside {SITE} in {here.parents[1]}. "
        "Install the wheel again, or read docs/ where the source is."
    )
    raise ManualMissingError(message)


@cache
def chapters() -> tuple[Chapter, ...]:
    """The navigation."""
    nav: list[dict[str, Any]] = tomllib.loads((_home() / SITE).read_text(encoding="utf-8"))["project"]["nav"]
    return tuple(
        Chapter(title, tuple((name, path.removesuffix(".md")) for page in pages for name, path in page.items()))
        for chapter in nav
        for title, pages in chapter.items()
    )


def titles() -> dict[str, str]:
    """Name → title of every page, in the order of the navigation."""
    return {name: title for chapter in chapters() for title, name in chapter.pages}


@cache
def names() -> tuple[str, ...]:
    """Every page: those of the navigation in its order, then those that only other pages lead to."""
    in_navigation = titles()
    others = (path.relative_to(folder()).with_suffix("").as_posix() for path in folder().rglob("*.md"))
    return (*in_navigation, *sorted(name for name in others if name not in in_navigation))


def text_of(name: str) -> str:
    """The Markdown of a page. Raises `UnknownNameError` with the names that there are."""
    if name not in names():
        known = ", ".join(titles())
        raise UnknownNameError(f"The documentation has no page {name[:100]!r}. Its pages are: {known}.")
    return (folder() / f"{name}.md").read_text(encoding="utf-8")


@cache
def files() -> dict[str, Path]:
    """Every file of the folder by its name, as `images/a.svg`; no link that leads out of it."""
    top = folder()
    found = (path for path in top.rglob("*") if path.is_file() and path.resolve().is_relative_to(top.resolve()))
    return {path.relative_to(top).as_posix(): path for path in found}


def file_of(name: str) -> Path | None:
    """A file that pages show or name; None if there is none. The name is looked up, so none leads out of the folder."""
    return files().get(name)
