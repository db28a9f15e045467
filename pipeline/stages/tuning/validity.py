"""The silhouette: how well a clustering separates, without true labels.

What belongs here: the silhouette for the tuning report. Not here: the sweep (`trials.py`). No clusterer uses it: on
libraries with a few groups that lie far apart it favours those, however large one of them gets.
"""

import numpy as np

BLOCK_VALUES = 8_000_000
JUDGED = 20_000  # images whose silhouettes are averaged; the standard error of their mean is below 0.005


def silhouette(vectors: np.ndarray, labels: np.ndarray) -> float:
    """The mean silhouette by cosine distance, −1 to 1, of `JUDGED` images evenly spread over the rows, or of all.

    Compares with all members of all groups, in time linear in n: a mean of dot products is a dot product with a mean.
    An image alone in its group counts 0; −1 for a single group.
    """
    from scipy import sparse

    sizes = np.bincount(labels).astype(np.float64)
    if len(sizes) < 2:
        return -1.0
    n = len(labels)
    member = sparse.csr_matrix((np.ones(n, dtype=np.float32), (labels, np.arange(n))), shape=(len(sizes), n))
    sums = np.asarray(member @ vectors, dtype=np.float32)
    total = 0.0
    judged = np.arange(n) if n <= JUDGED else np.linspace(0, n - 1, JUDGED).astype(np.int64)
    step = max(1, BLOCK_VALUES // len(sizes))
    for start in range(0, len(judged), step):
        rows = judged[start : start + step]
        dots = (vectors[rows] @ sums.T).astype(np.float64)
        own, size = dots[np.arange(len(rows)), labels[rows]], sizes[labels[rows]]
        within = np.maximum(1 - (own - 1) / np.maximum(size - 1, 1), 0.0)
        distances = 1 - dots / sizes
        distances[np.arange(len(rows)), labels[rows]] = np.inf
        beyond = np.maximum(distances.min(axis=1), 0.0)
        larger = np.maximum(within, beyond)
        total += float(np.where((size > 1) & (larger > 1e-9), (beyond - within) / np.maximum(larger, 1e-9), 0.0).sum())
    return total / len(judged)
