"""The tuning report: one file without script in which no name is markup."""

import re
from collections.abc import Callable

import numpy as np

from pipeline.stages.tuning.page import Content, render
from pipeline.stages.tuning.sheets import Sheets, sheets, side_by_side
from pipeline.stages.tuning.trials import Cloud, Trial, best
from tests.stages.identities.families import families_of_kinds
from tests.stages.tuning.trying import trial


def page(trials: list[Trial], shown: Sheets, thumbnail: Callable[[int], bytes | None] = lambda _: None) -> str:
    content = Content(
        category="<b>bollards", made="2026-11-21T03:00:00Z", images=160, method="community", trials=trials,
        best=best(trials), sheets=shown, names={}, notes=["Measured on a part."], command="image-cluster tune x",
    )  # fmt: skip
    return render(content, thumbnail)


def of_four(trials: list[Trial]) -> Sheets:
    return sheets(trials, families_of_kinds(2)[0][:4], np.ones(4, dtype=np.int64), list("abcd"))


def test_the_report_escapes_names_and_says_what_is_estimated(trials: list[Trial], cloud: Cloud) -> None:
    shown = side_by_side(trials, next(one for one in trials if one.current))
    html = page(trials, sheets(shown, cloud.embeddings, cloud.copies, [str(row) for row in range(len(cloud.vectors))]))
    assert "<b>bollards" not in html
    assert "21 November 2026, 03:00 UTC" in html
    assert "Measured on a part." in html
    assert "no thumbnail" in html
    assert not re.search(r"<script|https?://(?!www\.w3\.org)", html)


def test_the_columns_are_coarser_now_and_finer_and_without_a_setting_in_force_only_granularity() -> None:
    coarse, now, fine = trial([0] * 4, "0.1"), trial([0, 0, 1, 1], "0.5", current=True), trial([0, 1, 2, 3], "0.9")
    html = page([coarse, now, fine], of_four([coarse, now, fine]))
    assert all(f">{word}" in html for word in ("Coarser", "Now", "Finer"))
    html = page([coarse, fine], of_four([coarse, fine]))
    assert not any(f">{word}" in html for word in ("Coarser", "Now", "Finer"))


def test_each_picture_that_is_shown_is_asked_for_once() -> None:
    asked: list[int] = []

    def thumbnail(point: int) -> bytes:
        asked.append(point)
        return b"\x89PNG\r\n\x1a\n"

    now = trial([0, 0, 1, 1], "0.5", current=True)
    html = page([now], of_four([now]), thumbnail)
    assert sorted(asked) == [0, 1, 2, 3]
    assert html.count("data:image/png") == 4
