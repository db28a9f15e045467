"""How a grouping is scored against the true kinds.

What belongs here: the figures of one row of the table, and the reliability of probabilities. Images of true noise count
for noise recall and precision only; elsewhere every image with a kind counts, and all unclustered ones together are one
group, as in most publications: leaving images out never raises a score.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scores:
    """One row. Shares are 0 to 1; `noise_recall`, `noise_precision` None where there is no true noise.

    True noise: what belongs to no kind, or is the only one of its kind.
    """

    clusters: int
    unclustered: float
    ari: float
    ami: float
    v_measure: float
    pair_precision: float
    pair_recall: float
    largest: float
    noise_recall: float | None
    noise_precision: float | None


def score(truth: np.ndarray, found: np.ndarray) -> Scores:
    """Compare `found` int [n], −1 for unclustered, with `truth` int [n], −1 for true noise."""
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, v_measure_score

    kind = truth >= 0
    right, given = truth[kind], found[kind]
    clustered = found[found >= 0]
    precision, recall = _pairs(right, given)
    alone = true_noise(truth)
    out = found < 0
    return Scores(
        clusters=len(np.unique(clustered)),
        unclustered=float(out.mean()),
        ari=float(adjusted_rand_score(right, given)),
        ami=float(adjusted_mutual_info_score(right, given)),
        v_measure=float(v_measure_score(right, given)),
        pair_precision=precision,
        pair_recall=recall,
        largest=float(np.bincount(clustered).max() / len(found)) if len(clustered) else 0.0,
        noise_recall=float(out[alone].mean()) if alone.any() else None,
        noise_precision=float(alone[out].mean()) if alone.any() and out.any() else None,
    )


def true_noise(truth: np.ndarray) -> np.ndarray:
    """Bool [n]: images without a kind, and those that are the only one of theirs."""
    alone = truth < 0
    if (~alone).any():
        alone = alone | (np.bincount(truth[truth >= 0])[np.maximum(truth, 0)] == 1)
    return alone


def _pairs(right: np.ndarray, given: np.ndarray) -> tuple[float, float]:
    """Precision and recall of "these two are of one kind", over pairs; unclustered images are paired with nothing."""
    inside = given >= 0
    table = np.zeros((int(right.max()) + 1, int(max(given.max(), 0)) + 1))
    np.add.at(table, (right[inside], given[inside]), 1)
    both = float((table * (table - 1)).sum())
    together = float((table.sum(axis=0) * (table.sum(axis=0) - 1)).sum())
    kinds = np.bincount(right).astype(float)
    true = float((kinds * (kinds - 1)).sum())
    return (both / together if together else 1.0), (both / true if true else 1.0)


def reliability(truth: np.ndarray, groups: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Float [m] said, bool [m] right: for each member its probability, and whether its group's commonest other kind is
    its own (the member itself does not vote)."""
    said: list[float] = []
    right: list[bool] = []
    for group in np.unique(groups[groups >= 0]):
        members = np.flatnonzero(groups == group)
        kinds, counts = np.unique(truth[members], return_counts=True)
        for member in members:
            others = counts - (kinds == truth[member])
            said.append(float(probability[member]))
            right.append(bool(truth[member] >= 0 and kinds[int(others.argmax())] == truth[member] and others.max() > 0))
    return np.array(said), np.array(right, dtype=bool)
