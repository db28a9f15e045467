"""Three settings side by side: the clusters of a coarser, the current and a finer one.

What belongs here: choosing the three, which cluster lies in which, which pictures show a cluster, and how many. Not
here: how it looks (page.html.j2), thumbnails (`steps/tune.py`).

A row has one cluster of the coarser setting and the clusters of the other settings that lie mostly in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.settings import RepresentativeParams
from pipeline.stages.representatives.ranking import represent
from pipeline.stages.tuning.trials import WORDS, Trial

FEWER, MORE = 0.75, 4 / 3  # number of clusters, relative to the current one, from which a setting is clearly different
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
    """`columns[c]` are the cards of setting c, largest first; `hidden[c]` counts cards that are left out; `same` if all
    settings have the same cluster."""

    columns: Sequence[Sequence[Card]]
    hidden: Sequence[int]
    same: bool = False


@dataclass(frozen=True)
class Sheets:
    """`trials` from coarse to fine, at most three; `rows` largest first; `hidden` counts rows that are left out."""

    trials: Sequence[Trial]
    rows: Sequence[Row]
    hidden: int


def side_by_side(trials: Sequence[Trial], current: Trial) -> list[Trial]:
    """A coarser setting, the one in force and a finer one, if there are any.

    The nearest with a clearly different number of clusters, else the nearest with any other number.
    """
    others = [trial for trial in trials if trial.setting not in WORDS and trial.clusters > 0]
    below = [trial for trial in others if trial.clusters < current.clusters]
    above = [trial for trial in others if trial.clusters > current.clusters]
    clear_below = [trial for trial in below if trial.clusters <= FEWER * current.clusters]
    clear_above = [trial for trial in above if trial.clusters >= MORE * current.clusters]
    coarser = max(clear_below or below, key=lambda trial: trial.clusters, default=None)
    finer = min(clear_above or above, key=lambda trial: trial.clusters, default=None)
    return [trial for trial in (coarser, current, finer) if trial is not None]


def sheets(trials: Sequence[Trial], embeddings: np.ndarray, copies: np.ndarray, names: list[str]) -> Sheets:
    """The rows for settings from coarse to fine. `embeddings` float32 [n, d]; `copies` int [n]: images of each point;
    `names[i]` breaks ties between equally typical points."""
    coarse = trials[0].groups
    placed = [_containing_groups(coarse, trial.groups, copies) for trial in trials]
    sizes = [_sizes(trial.groups, copies) for trial in trials]
    order = sorted(range(trials[0].clusters), key=lambda group: -sizes[0][group])
    if any((parents == UNCLUSTERED).any() for parents in placed):
        order.append(UNCLUSTERED)
    chosen = [[sorted(np.flatnonzero(parents == row).tolist(), key=lambda group, c=c: -sizes[c][group])
               for c, parents in enumerate(placed)] for row in order[:MOST_ROWS]]  # fmt: skip
    cards = sum(min(len(groups), MOST_CARDS) for row in chosen for groups in row)
    each = max(1, min(PICTURES, MOST_PICTURES // max(cards, 1)))
    rows: list[Row] = []
    for row in chosen:
        columns = [
            [Card(group, int(sizes[c][group]), typical_points(embeddings, trials[c].groups == group, names, each))
             for group in groups[:MOST_CARDS]]
            for c, groups in enumerate(row)
        ]  # fmt: skip
        alone = all(len(groups) == 1 for groups in row)
        members = [trial.groups == groups[0] for trial, groups in zip(trials, row, strict=True) if alone]
        same = len(members) > 1 and all(np.array_equal(mask, members[0]) for mask in members)
        rows.append(Row(columns, [max(0, len(groups) - MOST_CARDS) for groups in row], same))
    return Sheets(list(trials), rows, max(0, len(order) - MOST_ROWS))


def _containing_groups(coarse: np.ndarray, groups: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """Int [groups]: the group of `coarse` with most of each group's images, or `UNCLUSTERED`."""
    count, above = int(groups.max()) + 1, int(coarse.max()) + 1
    table = np.zeros((count, above + 1))
    inside = groups >= 0
    np.add.at(table, (groups[inside], coarse[inside] + 1), copies[inside])
    return table.argmax(axis=1) - 1


def _sizes(groups: np.ndarray, copies: np.ndarray) -> np.ndarray:
    return np.bincount(groups[groups >= 0], weights=copies[groups >= 0]).astype(int)


def typical_points(embeddings: np.ndarray, members: np.ndarray, names: list[str], count: int) -> list[int]:
    """Up to `count` of the rows that `members` (bool [n]) marks: the most typical of them, then spread."""
    rows = np.flatnonzero(members)[:LOOKED_AT]
    shown = represent(embeddings[rows], [names[row] for row in rows], RepresentativeParams(count=count))
    return [int(rows[row]) for row in shown.chosen]
