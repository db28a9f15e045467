"""What `tuning` stores: its table, its facts and the names of its files.

What belongs here: the schema, the file names and the `Facts` that the report and the command read. Not here: the trials
(`trials.py`), the report (`page.py`).
"""

from dataclasses import dataclass

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


@dataclass(frozen=True)
class TrialRow:
    """One row of `TRIALS_SCHEMA`: what a setting gives.

    `unclustered` and `largest` are shares of the images. `ids` and `names` count the clusters and names of today; the
    setting would keep `ids_kept` and `names_kept` of them.
    """

    setting: str
    granularity: float
    current: bool
    best: bool
    clusters: int
    unclustered: float
    largest: float
    validity: float | None
    stability: float | None
    ids: int
    ids_kept: int
    names: int
    names_kept: int
    names_lost: list[str]


# one row per distinct picture, and per setting the group of each of these rows, −1 for none
PLACES_SCHEMA = pl.Schema({"content_hash": pl.String(), "images": pl.Int64()})
GROUPS_SCHEMA = pl.Schema({"setting": pl.String(), "groups": pl.List(pl.Int32())})
PAGE, PICTURE = "tuning.html", "tuning.svg"


class Facts(StageFacts):
    """`current` is the setting in force, `best` the setting that the figures favour, if any.

    `swept` is a digest of what the groups depend on, `decided` one of today's clusters and names.
    """

    images: int
    points: int | None = None
    notes: list[str] = Field(default_factory=list[str])
    current: str
    best: str | None = None
    swept: str = ""
    decided: str = ""
