"""/help: the documentation, from the same pages as the site, with a search that needs no script.

What belongs here: the routes. Not here: the pages (`pipeline/manual/`), what tells of the API at /docs
(`documentation.py`).
"""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from pipeline.manual.pages import START, chapters, file_of, names, titles
from pipeline.manual.render import ROOT, address, render
from pipeline.manual.search import find
from pipeline.service.page.render import environment, static_version
from pipeline.service.problems import Problem

router = APIRouter()
# nothing beside the pages is shown as a page: an example in HTML is its text
TYPES = {".svg": "image/svg+xml", ".webp": "image/webp", ".png": "image/png"}
TEXT = "text/plain; charset=utf-8"


@router.get(ROOT)
def show_start(q: str = "") -> HTMLResponse:
    """The first page, or what a search for `q` found."""
    words = q.strip()[:200]
    return _page(None, words) if words else _page(START, "")


@router.get(ROOT + "/{name:path}")
def show_page(name: str) -> Response:
    """A page, or a file that pages show or name."""
    if name in names():
        return _page(name, "")
    file = file_of(name)
    if file is None or file.suffix == ".md":
        raise Problem(404, "unknown-page", f"The documentation has no page {name[:100]!r}. Open {ROOT}.")
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return Response(file.read_bytes(), media_type=TYPES.get(file.suffix, TEXT), headers=headers)


def _page(name: str | None, words: str) -> HTMLResponse:
    pages = list(titles())
    here = pages.index(name) if name in pages else -1
    shown = render(name) if name is not None else None
    text = environment().get_template("help.html.j2").render(
        static=f"/static/{static_version()}",
        title=shown.sections[0].title if shown else f"Search: {words}",
        body=shown.html if shown else "",
        sections=[section for section in shown.sections if section.level == 2] if shown else [],
        found=find(words) if words else None,
        words=words,
        here=name,
        chapters=[(c.title, [(title, address(one), one) for title, one in c.pages]) for c in chapters()],
        before=_neighbour(pages, here - 1) if here > 0 else None,
        after=_neighbour(pages, here + 1) if 0 <= here < len(pages) - 1 else None,
    )  # fmt: skip
    return HTMLResponse(text)


def _neighbour(pages: list[str], number: int) -> tuple[str, str]:
    return titles()[pages[number]], address(pages[number])
