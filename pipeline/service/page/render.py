"""Templates and static files of the curation page.

What belongs here: the template environment, what every page shows around its content, and serving the files in
`static/`. Not here: any page (`views.py`, `more_views.py`).

Templates escape everything: names, tags and keys are text. Scripts and styles are files, so that the content policy
needs no exception. A file's address contains a digest of all of them, so browsers can cache it for ever and still see
an upgrade at once.
"""

import hashlib
import mimetypes
from collections.abc import Callable, Coroutine, Sequence
from functools import cache
from importlib import resources
from typing import Any, cast

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined

from pipeline.adapters.encoders.text import TEXT_FAMILIES
from pipeline.errors import ImageClusterError
from pipeline.service.boxes import boxes_waiting
from pipeline.service.context import Service
from pipeline.service.page import language
from pipeline.service.page.said import called, for_scripts, said
from pipeline.service.problems import Problem, status_of
from pipeline.stages.published.document import country_code
from pipeline.stages.published.group_words import group_word, plural
from pipeline.steps.encoder_choice import for_search
from pipeline.steps.library_view.snapshot import Snapshot

router = APIRouter()
FOR_EVER = "private, max-age=31536000, immutable"
TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
NAVIGATION = (
    ("clusters", "", "Clusters"), ("find", "/find", "Find"), ("map", "/map", "Map"),
    ("unclustered", "/unclustered", "Unclustered"), ("rejected", "/rejected", "Set aside"),
    ("duplicates", "/duplicates", "Duplicates"), ("runs", "/runs", "Runs"),
)  # fmt: skip


@cache
def static_files() -> dict[str, bytes]:
    """Name → content of every file of `static/`, and of the words of every language, read once."""
    folder = resources.files("pipeline.service.page") / "static"
    files = {
        file.name: file.read_bytes() for file in folder.iterdir() if file.is_file() and not file.name.startswith(".")
    }
    words = {f"words.{code}.js": language.script(code, for_scripts()) for code in language.catalogues()}
    return files | {name: data for name, data in words.items() if data is not None}


@cache
def static_version() -> str:
    """A digest of all static files."""
    total = hashlib.blake2b(digest_size=6)
    for name, data in sorted(static_files().items()):
        total.update(f"{name}\0{len(data)}\0".encode() + data)
    return total.hexdigest()


@router.get("/static/{version}/{name}")
def static_file(version: str, name: str) -> Response:
    """One of the files. Older versions get it too, so that an open page keeps working."""
    data = static_files().get(name)
    if data is None:
        raise Problem(404, "unknown-file", f"The page has no file {name[:100]!r}. Reload the page.")
    suffix = f".{name.rpartition('.')[2]}"
    kind = TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    caching = FOR_EVER if version == static_version() else "no-cache"
    return Response(data, media_type=kind, headers={"Cache-Control": caching})


@router.get("/favicon.ico")
def favicon() -> Response:
    """The icon, for browsers that ask for it here."""
    return static_file(static_version(), "icon.svg")


@cache
def environment() -> Environment:
    """The template environment. Everything is escaped; a misspelt name is an error."""
    made = Environment(
        loader=PackageLoader("pipeline.service.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = {"number": language.number, "percent": language.percent, "code": country_code,
               "plural": language.counted, "moment": _moment, "said": said, "called": called}  # fmt: skip
    made.filters.update(cast("Any", filters))
    words = {"t": language.t, "kbd": language.keys, "code": language.code, "language": language.language,
             "languages": language.languages}  # fmt: skip
    made.globals.update(cast("Any", words))
    return made


def _moment(text: object) -> str:
    """A time to the minute, for people."""
    return str(text).replace("T", " ").replace("Z", "")[:16]


def show(service: Service, snapshot: Snapshot | None, here: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page: the template `here`.html.j2 with `values` and the values that every page needs."""
    states = {name: len(rows) for name, rows in snapshot.rows_by_state.items()} if snapshot else {}
    counts = {
        "clusters": len(snapshot.rows_by_cluster) if snapshot else 0,
        "unclustered": states.get("unclustered", 0),
        "rejected": states.get("rejected", 0) + states.get("excluded", 0),
    }
    text = environment().get_template(f"{here}.html.j2").render(
        here=values.pop("tab", here),
        script=here if f"{here}.js" in static_files() else "common",
        category=snapshot.base.category if snapshot else None,
        slug=snapshot.slug if snapshot else None,
        categories=service.library.slugs(),
        navigation=NAVIGATION,
        counts=counts,
        version=snapshot.version if snapshot else "",
        read_only=service.options.read_only,
        last_event=_last_event(service, snapshot),
        group_label=(label := group_label(service, snapshot)),
        group_labels=plural(label),
        unit="object" if snapshot and snapshot.base.is_of_objects else "image",
        boxes_waiting=boxes_waiting(service, snapshot) if snapshot else None,
        reads_text=_spec(service, snapshot).partition(":")[0] in TEXT_FAMILIES,
        static=f"/static/{static_version()}",
        **values,
    )  # fmt: skip
    return HTMLResponse(text, status)


def _spec(service: Service, snapshot: Snapshot | None) -> str:
    """The encoder that searches by words would use."""
    return for_search(service.project, [snapshot.slug] if snapshot else []).settings.encoder.spec


def _last_event(service: Service, snapshot: Snapshot | None) -> int:
    """The last decision that the page shows: its script asks for later ones."""
    if snapshot is None or service.curation is None:
        return 0
    return snapshot.curated.events if snapshot.curated else service.curation.log.last(snapshot.slug)


def snapshot_of(service: Service, slug: str) -> Snapshot:
    """The snapshot of a category by its slug. Raises `Missing`."""
    if slug not in service.library.slugs():
        raise Missing(language.t("There is no category “{name}”.", name=slug[:100]))
    return service.library.get(slug)


def group_label(service: Service, snapshot: Snapshot | None) -> str:
    """What a group of this category is called: as in the settings, else country if all are ISO codes, else folder."""
    if snapshot is None:
        return "folder"
    labels = service.project.settings.source.group_label
    return group_word(snapshot.rows_by_group, snapshot.slug, snapshot.base.category, labels)


def groups_of(snapshot: Snapshot) -> list[tuple[str, int]]:
    """Groups with the number of their images, by name."""
    return sorted((group, len(rows)) for group, rows in snapshot.rows_by_group.items())


def thumbnails_of(snapshot: Snapshot, image_ids: Sequence[str]) -> list[str]:
    """Content hashes of those images that have one."""
    hashes = snapshot.frame["content_hash"]
    chosen = (hashes[snapshot.base.row_of[name]] for name in image_ids if name in snapshot.base.row_of)
    return [value for value in chosen if value is not None]


class Missing(Problem):
    """There is no such page."""

    def __init__(self, text: str) -> None:
        super().__init__(404, "unknown-page", text)


class WordsRoute(APIRoute):
    """A route that answers in the language of the page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, after the language is chosen."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            language.use(request, request.app.state.service.project.settings.service.language)
            return await handle(request)

        return handled


class PageRoute(WordsRoute):
    """A route whose errors are pages too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with errors shown to people."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError:
                text, status = language.t("This address contains an invalid value. Go back and choose again."), 422
            except ImageClusterError as error:
                text, status = said(str(error)), error.status if isinstance(error, Problem) else status_of(error)
            return await run_in_threadpool(
                lambda: show(request.app.state.service, None, "error", status=status, text=text, tab="")
            )

        return handled
