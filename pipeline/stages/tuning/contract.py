"""What `tuning` stores: its table, its facts and the names of its files.

What belongs here: the schema, the file names and the `Facts` that the report and the command read. Not here: the trials
(`trials.py`), the report (`page.py`).
"""

import polars as pl
from pydantic import Field

from pipeline.stages.contract import StageFacts

TRIALS_SCHEMA = pl.Schema(
    {
        "setting": pl.String(),
        "granularity": pl.Float64(),
        "current": pl.Boolean(),
        "best": pl.Boolean(),
        "clusters": pl.Int64(),
        "unclustered": pl.Float64(),
        "largest": pl.Float64(),
        "validity": pl.Float64(),
        "stability": pl.Float64(),
        "ids": pl.Int64(),
        "ids_kept": pl.Int64(),
        "names": pl.Int64(),
        "names_kept": pl.Int64(),
        "names_lost": pl.List(pl.String()),
    }
)
PAGE, PICTURE = "tuning.html", "tuning.svg"


class Facts(StageFacts):
    """`current` is the setting in force, `best` the setting that the figures favour, if any."""

    images: int
    points: int | None = None
    notes: list[str] = Field(default_factory=list[str])
    current: str
    best: str | None = None
