"""The result of a clusterer: raw groups, numbered by size.

What belongs here: `Grouping`, which every clusterer returns, and how groups are numbered. Not here: the clusterers
(`clusterers.py`, `community/`), what is stored of a grouping (`contract.py`).
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.stages.labels.contract import NONE


@dataclass(frozen=True)
class Grouping:
    """Row i of each [n] array speaks of row i of the input.

    `groups` int32 [n], `NONE` where an image fits nowhere, numbered by size; `probability` float32 [n], the chance that
    the image is of its group's kind, 0 outside; `outlier_score` float32 [n], 0 to 1; `effective`: the parameters as
    they were really used; `parents` int32 [groups]: the group of the level above, where the clusterer knows of one.
    """

    groups: np.ndarray
    probability: np.ndarray
    outlier_score: np.ndarray
    effective: dict[str, Any] = field(default_factory=dict[str, Any])
    parents: np.ndarray | None = None


def no_groups(n: int, effective: dict[str, Any]) -> Grouping:
    """The grouping of n images of which none is in a group."""
    alone, zeros = np.full(n, NONE, dtype=np.int32), np.zeros(n, dtype=np.float32)
    note = {"note": f"{n} images make no group"}
    return Grouping(alone, zeros, zeros, {**effective, **note}, np.empty(0, dtype=np.int32))


def numbered_by_size(groups: np.ndarray) -> np.ndarray:
    """Int32 [n]: the same groups numbered by size, largest first, ties by their first image; `NONE` stays."""
    values, first, counts = np.unique(groups, return_index=True, return_counts=True)
    order = np.lexsort((first, -counts))
    order = order[values[order] != NONE]
    number = np.full(len(values), NONE, dtype=np.int32)
    number[order] = np.arange(len(order))
    return number[np.searchsorted(values, groups)]
