"""Three settings side by side: the clusters of a coarser, the current and a finer one.

What belongs here: which three, which cluster lies in which, which pictures show a cluster, and how many. Not here: how
it looks (page.html.j2), where thumbnails are (`steps/tune.py`).

A row holds one cluster of the coarser setting and what becomes of it: the clusters of the others that lie mostly in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.settings import RepresentativeParams
from pipeline.stages.representatives.ranking import represent
from pipeline.stages.tuning.trials import WORDS, Trial

FEWER, MORE = 0.75, 4 / 3  # clusters that make another setting worth looking at, relative to the one in force
MOST_ROWS = 24
MOST_CARDS = 12  # in one row, of one setting
MOST_PICTURES = 600  # in all: about 2 MB of page
PICTURES = 6  # of one cluster
LOOKED_AT = 400  # members of a cluster that its pictures are chosen from
UNCLUSTERED = -1


@dataclass(frozen=True)
class Card:
    """One cluster: its number, how many images it has, and the points that show it, the most typical first."""

    group: int
    images: int
    points: Sequence[int]


@dataclass(frozen=True)
class Row:
    """`columns[c]` are the cards of setting c, the largest first; `hidden[c]` counts those that found no place; `same`
    where all settings have the very same cluster."""

    columns: Sequence[Sequence[Card]]
    hidden: Sequence[int]
    same: bool = False


@dataclass(frozen=True)
class Sheets:
    """`trials` from coarse to fine, at most three; `rows` the largest first; `hidden` rows that found no place."""

    trials: Sequence[Trial]
    rows: Sequence[Row]
    hidden: int


def side_by_side(trials: Sequence[Trial], current: Trial) -> list[Trial]:
    """A coarser setting, the one in force and a finer one: the nearest with clearly another number of clusters, else
    with any other; two or one where there is none."""
    others = [trial for trial in trials if trial.setting not in WORDS and trial.clusters > 0]
    below = [trial for trial in others if trial.clusters < current.clusters]
    above = [trial for trial in others if trial.clusters > current.clusters]
    clear_below = [trial for trial in below if trial.clusters <= FEWER * current.clusters]
    clear_above = [trial for trial in above if trial.clusters >= MORE * current.clusters]
    coarser = max(clear_below or below, key=lambda trial: trial.clusters, default=None)
    finer = min(clear_above or above, key=lambda trial: trial.clusters, default=None)
    return [trial for trial in (coarser, current, finer) if trial is not None]


def sheets(trials: Sequence[Trial], embeddings: np.ndarray, copies: np.ndarray, names: list[str]) -> Sheets:
    """The rows for settings from coarse to fine. `embeddings` float32 [n, d], `copies` int [n] images of each point,
    `names[i]` decides between points that are equally typical."""
    coarse = trials[0].groups
    placed = [_within(coarse, trial.groups, copies) for trial in trials]
    sizes = [_sizes(trial.groups, copies) for trial in trials]
    order = sorted(range(trials[0].clusters), key=lambda group: -sizes[0][group])
    if any((held == UNCLUSTERED).any() for held in placed):
        order.append(UNCLUSTERED)
    chosen = [[sorted(np.flatnonzero(held == row).tolist(), key=lambda group, c=c: -sizes[c][group])
               for c, held in enumerate(placed)] for row in order[:MOST_ROWS]]  # fmt: skip
    cards = sum(min(len(groups), MOST_CARDS) for row in chosen for groups in row)
    each = max(1, min(PICTURES, MOST_PICTURES // max(cards, 1)))
    rows: list[Row] = []
    for row in chosen:
        columns = [[Card(group, int(sizes[c][group]), _points(embeddings, trials[c].groups == group, names, each))
                    for group in groups[:MOST_CARDS]] for c, groups in enumerate(row)]  # fmt: skip
        alone = all(len(groups) == 1 for groups in row)
        members = [trial.groups == groups[0] for trial, groups in zip(trials, row, strict=True) if alone]
        same = len(members) > 1 and all(np.array_equal(one, members[0]) for one in members)
        rows.append(Row(columns, [max(0, len(groups) - MOST_CARDS) for groups in row], same))
    return Sheets(list(trials), rows, max(0, len(order) - MOST_ROWS))


def _within(coarse: np.ndarray, groups: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """Int [groups]: the group of `coarse` that holds most of each group's images, `UNCLUSTERED` where none does."""
    count, above = int(groups.max()) + 1, int(coarse.max()) + 1
    table = np.zeros((count, above + 1))
    inside = groups >= 0
    np.add.at(table, (groups[inside], coarse[inside] + 1), copies[inside])
    return table.argmax(axis=1) - 1


def _sizes(groups: np.ndarray, copies: np.ndarray) -> np.ndarray:
    return np.bincount(groups[groups >= 0], weights=copies[groups >= 0]).astype(int)


def _points(embeddings: np.ndarray, members: np.ndarray, names: list[str], count: int) -> list[int]:
    rows = np.flatnonzero(members)[:LOOKED_AT]
    shown = represent(embeddings[rows], [names[row] for row in rows], RepresentativeParams(count=count))
    return [int(rows[row]) for row in shown.chosen]
