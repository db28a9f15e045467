"""The tuning report: one self-contained HTML file with the curves, the figures and three settings side by side.

What belongs here: the content of the report. How it looks is in page.html.j2 and page.css; it has no script. Not here:
the figures (`trials.py`), the rows of clusters (`sheets.py`), thumbnails (`steps/tune.py`).
"""

import base64
import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import TYPE_CHECKING, Any

from pipeline.stages.published.page import data_uri
from pipeline.stages.tuning.chart import charts
from pipeline.stages.tuning.sheets import Card, Sheets
from pipeline.stages.tuning.trials import Trial

if TYPE_CHECKING:
    from jinja2 import Template

NEW = "born"  # the fate of a cluster that no cluster of today continues


@dataclass(frozen=True)
class Content:
    """The content of a report on one category, `made` at an ISO 8601 time in UTC.

    `notes` say which figures are estimates; `names` are people's names by cluster id; `command` is the command that
    applies a setting, without the setting.
    """

    category: str
    made: str
    images: int
    method: str
    trials: Sequence[Trial]
    best: Trial | None
    sheets: Sheets
    names: Mapping[str, str]
    notes: Sequence[str]
    command: str


def render(content: Content, thumbnail: Callable[[int], bytes | None]) -> str:
    """The page. `thumbnail` returns the encoded picture of a point, or None; it is called once per picture shown."""
    style = _asset("page.css")
    policy = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    def title(trial: Trial, card: Card) -> dict[str, Any]:
        survival = trial.survival
        if survival is None:
            return {"text": "", "new": False, "id": ""}
        identity = survival.identities[card.group]
        return {"text": content.names.get(identity.cluster_id), "new": identity.fate == NEW, "id": identity.cluster_id}

    def picture(point: int) -> str | None:
        return data_uri(thumbnail(point))

    return _template().render(
        content=content,
        made=datetime.fromisoformat(content.made).strftime("%d %B %Y, %H:%M UTC").removeprefix("0"),
        sheets=content.sheets,
        charts=charts(content.trials),
        title=title,
        picture=picture,
        words=_words(content.sheets.trials),
        style=style,
        policy=f"default-src 'none'; img-src data:; style-src 'sha256-{policy}'; base-uri 'none'; form-action 'none'",
    )


def _words(trials: Sequence[Trial]) -> list[str]:
    """The column titles: coarser, now, finer; all "Granularity" if no setting of the sweep is the current one."""
    now = next((number for number, trial in enumerate(trials) if trial.current), None)
    if now is None:
        return ["Granularity"] * len(trials)
    return ["Coarser" if number < now else "Finer" if number > now else "Now" for number in range(len(trials))]


@functools.cache
def _asset(name: str) -> str:
    return resources.files("pipeline.stages.tuning").joinpath(name).read_text(encoding="utf-8")


@functools.cache
def _template() -> "Template":
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_asset("page.html.j2"))
