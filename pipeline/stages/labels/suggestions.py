"""Unclustered images → the cluster that each would join, and how surely.

What belongs here: the suggestion, its confidence, and taking those that are sure enough. Not here: what stays
unclustered in the first place (`labels/community/outliers.py`), the nearest centroid that is published beside an
unclustered image (`steps/identities.py`).
"""

from dataclasses import dataclass

import numpy as np

from pipeline.stages.labels.community.outliers import NEAREST
from pipeline.stages.labels.contract import NONE

NEIGHBOURS = 10  # clustered neighbours that vote
BLOCK_VALUES = 8_000_000
DENSITY_POWER = 2  # measured: docs/appendix/learning.md


@dataclass(frozen=True)
class Suggestions:
    """`rows` int64 [m]: the unclustered images; `groups` int32 [m]: the group that each would join; `confidence`
    float32 [m], 0 to 1: the chance that it is of that group's kind."""

    rows: np.ndarray
    groups: np.ndarray
    confidence: np.ndarray


def suggest(vectors: np.ndarray, groups: np.ndarray) -> Suggestions:
    """Suggest a group for each image without one, from the vectors that were clustered, float32 [n, d].

    The confidence is a product of two shares. How far the neighbours agree: the share of the image's nearest clustered
    images, the nearer counting more, that are in the group. And how near it is, as members are near one another: the
    distance to its nearest members that is usual in the group, over the image's own, at most 1, squared.
    """
    loose, inside = np.flatnonzero(groups == NONE), np.flatnonzero(groups != NONE)
    if not len(loose) or not len(inside):
        empty = np.empty(0, dtype=np.float32)
        return Suggestions(np.empty(0, dtype=np.int64), empty.astype(np.int32), empty)
    usual = _usual_distance(vectors, groups)
    member_groups = groups[inside]
    k = min(NEIGHBOURS, len(inside))
    chosen = np.empty(len(loose), dtype=np.int32)
    confidence = np.empty(len(loose), dtype=np.float32)
    for part in _blocks(len(loose), len(inside)):
        distance = _distances(vectors[loose[part]], vectors[inside])
        nearest = np.argsort(distance, axis=1, kind="stable")[:, :k]
        for row, columns in enumerate(nearest):
            near = distance[row, columns]
            weight = 1 / np.maximum(near, 1e-6)
            votes = np.bincount(member_groups[columns], weights=weight)
            group = int(votes.argmax())
            own = np.sort(distance[row, member_groups == group])[:NEAREST].mean()
            share = votes[group] / votes.sum()
            density = min(1.0, usual[group] / max(own, 1e-9))
            chosen[part.start + row] = group
            confidence[part.start + row] = share * density**DENSITY_POWER
    return Suggestions(loose, chosen, confidence)


def accept(
    groups: np.ndarray, probability: np.ndarray, suggestions: Suggestions, least: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Groups int32 [n] and probabilities float32 [n] with the suggestions of confidence `least` or more taken, the
    confidence as the probability, and which were taken, bool [m]."""
    taken = suggestions.confidence >= least
    joined, sure = groups.copy(), probability.astype(np.float32)
    joined[suggestions.rows[taken]] = suggestions.groups[taken]
    sure[suggestions.rows[taken]] = suggestions.confidence[taken]
    return joined, sure, taken


def _usual_distance(vectors: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Per group the median of its members' mean distance to their nearest other members, float64 [groups]."""
    usual = np.zeros(int(groups.max()) + 1)
    for group in range(len(usual)):
        members = np.flatnonzero(groups == group)
        if len(members) < 2:
            continue
        near = np.empty(len(members))
        for part in _blocks(len(members), len(members)):
            distance = _distances(vectors[members[part]], vectors[members])
            distance[np.arange(part.stop - part.start), np.arange(part.start, part.stop)] = np.inf
            near[part] = np.sort(distance, axis=1)[:, : min(NEAREST, len(members) - 1)].mean(axis=1)
        usual[group] = np.median(near)
    return usual


def _distances(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Half the squared distances, float64 [m, n]: for rows of length 1 the cosine distance; any vectors do."""
    lengths = np.einsum("nd,nd->n", some, some)[:, None] + np.einsum("nd,nd->n", others, others)[None]
    return np.round(np.maximum(lengths / 2 - some @ others.T, 0.0).astype(np.float64), 6)


def _blocks(rows: int, columns: int) -> list[slice]:
    step = max(1, BLOCK_VALUES // max(columns, 1))
    return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]
