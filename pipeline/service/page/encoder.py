"""The page *Another encoder*: two encoders side by side on a category's own images and decisions, and choosing one.

What belongs here: this page. Not here: comparing (`steps/encoder_comparison.py`), choosing (the script posts it to
`routes/encoder.py`).
"""

from collections.abc import Iterator

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from pipeline.service.context import Shared
from pipeline.service.page.granularity import CHANGES
from pipeline.service.page.language import number, t
from pipeline.service.page.render import PageRoute, show, snapshot_of
from pipeline.service.page.said import said
from pipeline.service.routes.encoder import encoder_rows
from pipeline.service.runs import OPEN
from pipeline.steps.encoder_choice import encoder_choice
from pipeline.steps.encoder_comparison import Comparison, Side, decided_since, stored_comparison
from pipeline.steps.library_view.history import describe

router = APIRouter(route_class=PageRoute, default_response_class=HTMLResponse)


@router.get("/c/{slug}/encoder")
def encoder(service: Shared, slug: str) -> HTMLResponse:
    """The encoder in force, the others that are here, and the last comparison."""
    snapshot, project = snapshot_of(service, slug), service.project
    now = encoder_choice(project, slug)
    found = stored_comparison(project, slug)
    running = [run for run in service.runs.last(100, OPEN) if run["slug"] == slug and run["kind"] != "vectors"]
    compared = set() if found is None else {side.spec for side in found.sides}
    sides = [] if found is None else sorted(found.sides, key=lambda side: side.spec != now.spec)
    return show(
        service, snapshot, "encoder", tab="clusters", now=now, changes=CHANGES, found=found, sides=sides,
        choices=[row for row in encoder_rows(service, slug) if row.spec != (now.embedded or now.spec)],
        compared=compared, rows=list(_figures(sides, without=found is not None and found.without_decisions)),
        verdict="" if found is None else _verdict(found),
        stale=found is not None and decided_since(project, slug, found),
        running=running[0]["id"] if running else "", decided=said(describe(now.event)) if now.event else "",
        is_clustered=snapshot.base.is_clustered,
    )  # fmt: skip


def _verdict(found: Comparison) -> str:
    """Which of both agrees better, in a sentence."""
    if found.better is None:
        if found.without_decisions:
            return t("Nobody has decided anything here yet. Neither agrees clearly better with the clusters of today.")
        return t("Neither agrees clearly better with what people decided here.")
    if found.without_decisions:
        return t("Nobody has decided anything here yet. {encoder} agrees better with the clusters of today.",
                 encoder=found.better)  # fmt: skip
    return t("{encoder} agrees better with what people decided here.", encoder=found.better)


def _figures(sides: list[Side], *, without: bool) -> Iterator[tuple[str, str, list[str]]]:
    """A label, an explanation, and the figure of each side; a row that has none for either is left out."""
    if not sides:
        return
    what = t("Agrees with the clusters of today") if without else t("Agrees with people's clusters")
    yield what, t("1: the same, 0: as by chance"), [_share(side.agreement) for side in sides]
    for name, label in (
        ("ratings", t("Rated pairs that it keeps")),
        ("corrections", t("Corrected pairs that it keeps")),
    ):
        pairs = [getattr(side, name) for side in sides]
        if pairs[0].same + pairs[0].different:
            count = t("of {count}", count=number(pairs[0].same + pairs[0].different))
            yield label, count, [_share(pair.accuracy) for pair in pairs]
    if any(side.names for side in sides):
        yield t("Names that stay"), "", [_part(side.names_kept, side.names) for side in sides]
    yield t("Clusters that keep their id"), "", [_part(side.ids_kept, side.ids) for side in sides]
    yield t("Clusters of the sample"), "", [number(side.clusters) for side in sides]
    yield t("Unclustered"), "", [f"{side.unclustered:.0%}" for side in sides]
    yield t("Images to embed"), "", [number(side.to_embed) for side in sides]
    yield t("Time of the change"), t("for embedding; clustering comes on top"), [_time(side) for side in sides]


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _part(some: int, every: int) -> str:
    return t("{count} of {total}", count=number(some), total=number(every))


def _time(side: Side) -> str:
    if not side.to_embed:
        return t("none: all is embedded")
    if side.seconds is None:
        return t("not known yet")
    if side.seconds < 120:
        return t("{seconds} s", seconds=number(round(side.seconds)))
    return t("{minutes} min", minutes=number(round(side.seconds / 60)))
