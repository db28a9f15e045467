"""How surely the runs of Leiden keep each image together with its group.

What belongs here: the consensus of an image with its group, from the runs that vote. Not here: the runs and the vote
(`structure.py`), the share of edge weight inside the group (`outliers.py`).

Item consensus: Monti, Tamayo, Mesirov, Golub (2003), "Consensus clustering: a resampling-based method for class
discovery and visualization of gene expression microarray data".
"""

from collections.abc import Sequence

import numpy as np


def item_consensus(groups: np.ndarray, runs: Sequence[np.ndarray]) -> np.ndarray:
    """The mean share of the other members of an image's group that a run puts together with it, float64 [n].

    `groups` int [n], negative for none; each of `runs` int [n] from 0. 0 outside every group and for a group of one.
    """
    inside = np.flatnonzero(groups >= 0)
    others = np.bincount(groups[inside], minlength=1)[groups[inside]] - 1
    together = np.zeros(len(inside))
    for labels in runs:
        pairs = groups[inside].astype(np.int64) * len(groups) + labels[inside]
        _, pair, counts = np.unique(pairs, return_inverse=True, return_counts=True)
        together += counts[pair] - 1
    consensus = np.zeros(len(groups))
    consensus[inside] = together / np.maximum(others, 1) / max(len(runs), 1)
    return consensus
