"""One clustering of a library → every coarser and finer one; each cluster lies inside one of the next coarser level.

What belongs here: the tree over a library's clusters, and where a granularity cuts it. Not here: the clustering that
the tree is built around (`clusterer.py`), how a granularity is a resolution (`resolution.py`).

Clusters found afresh at every resolution need not contain those of a higher one, and may even be more. So only two
levels are found: the one at the resolution of `auto`, and inside its clusters the finest. Between and above them
clusters are merged, the densest pair first (Bonald, Charpentier, Galland, Hollocou, 2018, "Hierarchical graph
clustering using node pair sampling"). A pair is merged where that would raise the modularity at the resolution
that is asked for, so a level means the same whether it is found or merged; and levels nest, and more granular never
gives fewer clusters, because a lower resolution merges all that a higher one merges.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from pipeline.stages.labels.community.edges import within
from pipeline.stages.labels.community.resolution import inside_share, resolution_of
from pipeline.stages.labels.community.structure import absorbed, consensus, contracted
from pipeline.stages.labels.contract import NONE

FINEST = 1.0  # granularity of the leaves
SAME = 1e-6  # of granularity: what is nearer than this to a level is that level


@dataclass(frozen=True)
class Level:
    """One clustering: `granularity` 0 to 1, `labels` int [n], `NONE` for what is in no cluster."""

    granularity: float
    labels: np.ndarray


def level(
    graph: sparse.csr_matrix, levels: Sequence[Level], granularity: float, smallest: int, counted: np.ndarray, seed: int
) -> np.ndarray:
    """Labels int [n] at `granularity`, nested in the levels `found`, which nest in one another, coarsest first.

    No group is divided into groups of fewer than `smallest` of the images that `counted` bool [n] counts.
    """
    for existing in levels:
        if abs(existing.granularity - granularity) < SAME:
            return existing.labels
    above = [existing for existing in levels if existing.granularity < granularity]
    below = [existing for existing in levels if existing.granularity > granularity]
    whole = above[-1].labels if above else np.zeros(len(counted), dtype=np.int64)
    around = np.where(whole == NONE, whole.max() + 1, whole)  # what is in no group never meets what is in one
    inside = within(graph, around)
    # what was cut away is missing from every degree, so the same density is reached at a higher resolution
    share = max(inside_share(graph, around), 1e-12)
    parts = below[0].labels if below else _finest(inside, around, share, smallest, counted, seed)
    parts = np.where(parts == NONE, parts.max() + 1 + around, parts)
    return np.where(whole == NONE, NONE, merged_at(inside, parts, resolution_of(granularity) / share))


def _finest(
    inside: sparse.csr_matrix, around: np.ndarray, share: float, smallest: int, counted: np.ndarray, seed: int
) -> np.ndarray:
    pieces = consensus(inside, resolution_of(FINEST) / share, seed)
    parts = absorbed(inside, pieces, smallest, counted=counted)
    # a group in which nothing is large enough stays whole
    return np.where(parts == NONE, parts.max() + 1 + around, parts)


def merged_at(graph: sparse.csr_matrix, labels: np.ndarray, resolution: float) -> np.ndarray:
    """Labels int [n], numbered from 0, with every merger of the tree over the groups that pays at `resolution`."""
    labels = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    count = int(labels.max()) + 1
    if count < 2:
        return labels
    between = contracted(graph, labels)
    merges = _tree(between)
    pays = np.flatnonzero(merges[:, 2] * resolution <= 1)
    joined = count + np.concatenate([pays, pays])
    parts = np.concatenate([merges[pays, 0], merges[pays, 1]]).astype(np.int64)
    size = 2 * count - 1
    edges = sparse.coo_matrix((np.ones(len(parts)), (parts, joined)), shape=(size, size))
    top = sparse.csgraph.connected_components(edges, directed=False)[1][:count]
    return np.unique(top, return_inverse=True)[1].astype(np.int64)[labels]


def _tree(between: sparse.csr_matrix) -> np.ndarray:
    """Float64 [groups − 1, 4]: which two, and the inverse of the resolution below which they are one."""
    from sknetwork.hierarchy import Paris

    # a group without any edge has no degree to divide by
    own = np.arange(len(between.indptr) - 1)
    some = sparse.csr_matrix((np.full(len(own), 1e-9), (own, own)), shape=between.shape)
    model: Any = Paris(weights="degree", reorder=False)
    return np.asarray(model.fit_predict(sparse.csr_matrix(between + some)), dtype=np.float64)
