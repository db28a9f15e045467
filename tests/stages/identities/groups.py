"""Groups of a few named images, and their matching with the clusters of before, for the tests of this folder."""

import numpy as np

from pipeline.settings import IdentityParams
from pipeline.stages.identities.matching import Ledger, Matching, match


def group(*numbers: int) -> frozenset[str]:
    return frozenset(f"h{number:04d}" for number in numbers)


def span(start: int, stop: int) -> frozenset[str]:
    return group(*range(start, stop))


def go(groups: list[frozenset[str]], ledger: Ledger | None = None) -> Matching:
    return match(groups, ledger or Ledger(), IdentityParams(), category="bollards")


def ids(matching: Matching) -> list[str]:
    return [identity.cluster_id for identity in matching.identities]


def vectors(*angles: float) -> np.ndarray:
    return np.array([[np.cos(angle), np.sin(angle)] for angle in angles], dtype=np.float32)
