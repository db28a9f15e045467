"""Metric learning: rated pairs → a linear map under which images that belong together lie closer.

What belongs here: learning the map, the validation that discards a harmful one, applying it, its bytes. Not here: where
ratings come from (`steps/pairs.py`), clustering (`labels/clusterers.py`), search (`similarity/index.py`).

The map shrinks directions in which images of one kind differ but kinds do not. Let S be the covariance of the
differences of pairs rated the same, and D that of pairs rated different. Within the span of the former,
S - AGAINST · D is decomposed into eigenvectors; each axis with a positive eigenvalue e is scaled by
(1 + STRENGTH · e / mean eigenvalue of S)^-1/2, all other directions stay. So with fewer pairs the map is closer to the
identity. Relevant component analysis is related (Bar-Hillel et al., 2005, "Learning a Mahalanobis Metric from
Equivalence Constraints"); it whitens by S alone. The reasons for this choice: docs/appendix/learning.md.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from pipeline.settings import ClusterParams

STRENGTH = 2.0
AGAINST = 0.3  # weight of the pairs rated different; with 1, less is learned (docs/appendix/learning.md)
FOLDS = 5
REPEATS = 4  # of the cross-validation, each with other folds
LEAST_OF_A_KIND = 5  # pairs rated the same, and pairs rated different; with fewer, a ranking is meaningless
GAIN = 0.01  # least gain in the ranking of held-out pairs
SURE = 1.5  # the gain must also exceed this many of its standard errors over the folds: random ratings seldom pass
SEED = 0


class RatedPair(NamedTuple):
    """Rows of two images, and whether a person rated them as the same kind."""

    a: int
    b: int
    same: bool


@dataclass(frozen=True)
class LearnedMap:
    """`axes` float32 [r, d] of length 1, at right angles; `factors` float32 [r], above 0 and up to 1, one per axis.

    r = 0 is the identity. `effective`: the number of pairs, their ranking before and after, and the reason if the map
    is the identity.
    """

    axes: np.ndarray
    factors: np.ndarray
    effective: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def identity(self) -> bool:
        """Whether the map changes nothing."""
        return len(self.factors) == 0

    def apply(self, vectors: np.ndarray) -> np.ndarray:
        """L2-normalised float32 [n, d] rows → the same shape; the input itself if the map is the identity.

        Used for the vectors of a search index and for its queries.
        """
        if self.identity:
            return vectors
        mapped = vectors + ((vectors @ self.axes.T) * (self.factors - 1)) @ self.axes
        return (mapped / np.maximum(np.linalg.norm(mapped, axis=1, keepdims=True), 1e-12)).astype(np.float32)

    def to_bytes(self) -> bytes:
        """The map as an .npz file, without `effective`."""
        file = io.BytesIO()
        np.savez(file, axes=self.axes, factors=self.factors)
        return file.getvalue()


def map_from_bytes(data: bytes) -> LearnedMap:
    """The map that `LearnedMap.to_bytes` stored."""
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        return LearnedMap(stored["axes"], stored["factors"])


def learn_metric(vectors: np.ndarray, pairs: Sequence[RatedPair], params: ClusterParams) -> LearnedMap:
    """Learn from `pairs` of rows of L2-normalised float32 [n, d] vectors.

    Returns the identity unless there are `params.least_pairs` pairs, `LEAST_OF_A_KIND` of both kinds, and the map ranks
    held-out pairs better: the area under the ROC curve must grow by at least `GAIN` and `SURE` standard errors. Whole
    images are held out, so no map is tested on an image that it was trained on.
    """
    d = vectors.shape[1] if vectors.ndim == 2 else 0
    nothing = (np.empty((0, d), dtype=np.float32), np.empty(0, dtype=np.float32))
    same = sum(pair.same for pair in pairs)
    effective: dict[str, Any] = {"pairs": len(pairs), "same": same, "different": len(pairs) - same}
    fewest = min(same, len(pairs) - same)
    if len(pairs) < params.least_pairs or fewest < LEAST_OF_A_KIND:
        wanted = f"{params.least_pairs} pairs, {LEAST_OF_A_KIND} of them the same and {LEAST_OF_A_KIND} different"
        return LearnedMap(*nothing, {**effective, "used": False, "why": f"learning starts with {wanted}"})
    used = sorted({row for pair in pairs for row in pair[:2]})
    at = {row: index for index, row in enumerate(used)}
    rated = vectors[used].astype(np.float32)
    local = [RatedPair(at[pair.a], at[pair.b], pair.same) for pair in pairs]
    before, after, error = _held_out_ranking(rated, local)
    least = max(GAIN, SURE * error)
    effective |= {"ranking_before": round(before, 4), "ranking_after": round(after, 4), "least_gain": round(least, 4)}
    if after < before + least:
        why = "held-out pairs are ranked no better with it, or too little better for it to be no chance"
        return LearnedMap(*nothing, {**effective, "used": False, "why": why})
    axes, factors = _fit(rated, local)
    return LearnedMap(axes, factors, {**effective, "used": True, "axes": len(factors), "strength": STRENGTH})


def ranking(similarity: np.ndarray, same: np.ndarray) -> float:
    """The area under the ROC curve: the chance that a pair rated the same is more similar than one rated different.

    `similarity` float [m], `same` bool [m] with both values present. Ties count half.
    """
    from scipy.stats import rankdata

    ranks = rankdata(np.round(similarity, 6))
    inside, outside = int(same.sum()), int((~same).sum())
    return (float(ranks[same].sum()) - inside * (inside + 1) / 2) / (inside * outside)


def _fit(vectors: np.ndarray, pairs: Sequence[RatedPair]) -> tuple[np.ndarray, np.ndarray]:
    """Axes float32 [r, d] and their factors float32 [r] < 1."""
    alike = _differences(vectors, [pair for pair in pairs if pair.same])
    unlike = _differences(vectors, [pair for pair in pairs if not pair.same])
    _, lengths, basis = np.linalg.svd(alike, full_matrices=False)
    kept = lengths > max(float(lengths[0]), 1e-9) * 1e-6 if len(lengths) else np.zeros(0, dtype=bool)
    basis, spread = basis[kept], lengths[kept] ** 2 / max(len(alike), 1)
    if not len(spread):
        return np.empty((0, vectors.shape[1]), dtype=np.float32), np.empty(0, dtype=np.float32)
    apart = unlike @ basis.T
    excess, turn = np.linalg.eigh(np.diag(spread) - AGAINST * (apart.T @ apart) / max(len(unlike), 1))
    shrunk = excess > 0
    factors = (1 + STRENGTH * excess[shrunk] / spread.mean()) ** -0.5
    return (turn[:, shrunk].T @ basis).astype(np.float32), factors.astype(np.float32)


def _differences(vectors: np.ndarray, pairs: Sequence[RatedPair]) -> np.ndarray:
    rows = np.array([pair[:2] for pair in pairs], dtype=np.int64).reshape(-1, 2)
    return vectors[rows[:, 0]].astype(np.float64) - vectors[rows[:, 1]]


def _held_out_ranking(vectors: np.ndarray, pairs: Sequence[RatedPair]) -> tuple[float, float, float]:
    """`ranking` of the pairs by the plain vectors, and by maps learned without either image of the pair; and the
    standard error of the difference over the folds."""
    rows = np.array([pair[:2] for pair in pairs])
    same = np.array([pair.same for pair in pairs])
    rng = np.random.default_rng(SEED)
    rankings: list[tuple[float, float]] = []
    for _ in range(REPEATS):
        fold = rng.permutation(len(vectors)) % FOLDS
        for number in range(FOLDS):
            out: np.ndarray = (fold[rows] == number).any(axis=1)
            taught = [pair for pair, left_out in zip(pairs, out, strict=True) if not left_out]
            if len(set(same[out])) < 2 or not any(pair.same for pair in taught):
                continue
            spaces = (vectors, LearnedMap(*_fit(vectors, taught)).apply(vectors))
            ranked = [_pair_similarities(space, rows[out]) for space in spaces]
            rankings.append((ranking(ranked[0], same[out]), ranking(ranked[1], same[out])))
    if len(rankings) < FOLDS:
        return 0.5, 0.5, 1.0
    before, after = np.array(rankings).T
    # the repeats test the same pairs again, so only the folds of one repeat count as independent
    return float(before.mean()), float(after.mean()), float((after - before).std(ddof=1) / np.sqrt(FOLDS))


def _pair_similarities(vectors: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", vectors[rows[:, 0]], vectors[rows[:, 1]])
