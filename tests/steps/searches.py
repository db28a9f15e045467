"""Counting the searches for neighbours that steps make.

What belongs here: the counter. Not here: how many there should be (`test_reduced.py`, `test_tune.py`).
"""

import numpy as np
import pytest

from pipeline.stages.neighbours.knn import Neighbours
from pipeline.steps import neighbours as neighbours_step


def counted_searches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of vectors of each search from now on; results are kept from two images on."""
    monkeypatch.setattr(neighbours_step, "SEARCHED", 1)
    searched: list[int] = []
    search = neighbours_step.nearest_neighbours

    def counted(vectors: np.ndarray, k: int) -> Neighbours:
        searched.append(len(vectors))
        return search(vectors, k)

    monkeypatch.setattr(neighbours_step, "nearest_neighbours", counted)
    return searched
