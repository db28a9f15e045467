"""How well groups, and the vectors behind them, agree with what people decided.

What belongs here: the figures, from arrays. Not here: what people decided (`curation/evidence.py`), clustering
(`labels/clusterers.py`), the agreement of two clusterings (`trials.py`).

Pairs are judged twice. *Accuracy* asks the clusters: is the pair together exactly where it belongs together? It is the
mean of the shares of both kinds of pairs, so that neither kind outweighs the other, and it depends on how fine the
clustering is. *Ranking* asks the vectors alone: how often is a pair that belongs together more alike than one that does
not (area under the ROC curve; Fawcett, 2006)? One half is chance for both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.stages.tuning.trials import agreement


@dataclass(frozen=True)
class PairScore:
    """`accuracy` and `ranking` 0 to 1 of `same` pairs that belong together and `different` ones.

    With one kind only, `accuracy` is its share and `ranking` is None; both are None without pairs.
    """

    same: int
    different: int
    accuracy: float | None
    ranking: float | None


def named_agreement(groups: np.ndarray, decided: np.ndarray) -> float | None:
    """Adjusted mutual information of groups int [n] with people's clusters int [n], over the images with one (≥ 0).

    None with fewer than two of their clusters: then every grouping agrees.
    """
    inside = decided >= 0
    if len(np.unique(decided[inside])) < 2:
        return None
    return agreement(decided[inside], groups[inside])


def pair_score(
    hashes: Sequence[str], groups: np.ndarray, vectors: np.ndarray, pairs: Sequence[tuple[str, str, bool]]
) -> PairScore:
    """The figures of the pairs of which both images are among `hashes`.

    `groups` int [n], −1 for none; `vectors` float [n, d], L2-normalised.
    """
    row: Mapping[str, int] = {content: number for number, content in enumerate(hashes)}
    here = [(row[a], row[b], same) for a, b, same in pairs if a in row and b in row]
    first, second = (np.array([pair[side] for pair in here], dtype=np.int64) for side in (0, 1))
    same = np.array([pair[2] for pair in here], dtype=bool)
    counted = int(same.sum()), int((~same).sum())
    if not any(counted):
        return PairScore(*counted, None, None)
    together = (groups[first] == groups[second]) & (groups[first] >= 0)
    right = together == same
    accuracy = float(np.mean([right[kind].mean() for kind in (same, ~same) if kind.any()]))
    if not all(counted):
        return PairScore(*counted, accuracy, None)
    alike = np.einsum("nd,nd->n", vectors[first].astype(np.float32), vectors[second].astype(np.float32))
    return PairScore(*counted, accuracy, _ranking(alike, same))


def _ranking(alike: np.ndarray, same: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(same, alike))
