"""The tuning report: one self-contained HTML file with the curves, the figures and three settings side by side.

What belongs here: the content of the report. How it looks is in page.html.j2 and page.css; it has no script. Not here:
the figures (`trials.py`), the rows of clusters (`sheets.py`), thumbnails (`steps/tune.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.stages.published import html
from pipeline.stages.tuning.chart import charts
from pipeline.stages.tuning.sheets import Card, Sheets
from pipeline.stages.tuning.trials import Trial

PACKAGE = "pipeline.stages.tuning"
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
    style = html.asset(PACKAGE, "page.css")

    def title(trial: Trial, card: Card) -> dict[str, Any]:
        survival = trial.survival
        if survival is None:
            return {"text": "", "new": False, "id": ""}
        identity = survival.identities[card.group]
        return {"text": content.names.get(identity.cluster_id), "new": identity.fate == NEW, "id": identity.cluster_id}

    def picture(point: int) -> str | None:
        return html.data_uri(thumbnail(point))

    return html.template(PACKAGE).render(
        content=content,
        made=html.readable_time(content.made),
        sheets=content.sheets,
        charts=charts(content.trials),
        title=title,
        picture=picture,
        words=_words(content.sheets.trials),
        style=style,
        policy=html.content_policy(style),
    )


def _words(trials: Sequence[Trial]) -> list[str]:
    """The column titles: coarser, now, finer; all "Granularity" if no setting of the sweep is the current one."""
    now = next((number for number, trial in enumerate(trials) if trial.current), None)
    if now is None:
        return ["Granularity"] * len(trials)
    return ["Coarser" if number < now else "Finer" if number > now else "Now" for number in range(len(trials))]
