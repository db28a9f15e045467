"""Previous clusters → a graph in which they count: edges between different ones are weakened.

What belongs here: what a full clustering knows of the last one, and what that does to the graph. Not here: runs that
cluster nothing (`labels/incremental.py`), which cluster a group continues (`identities/matching.py`).

A library can often be clustered in several ways that are about as good, and a few new images decide between them. Of
two such the previous one should win, since people have named its clusters. An edge between two images that lay in
different clusters loses a part of its weight, for every run that votes and for the last one. Edges inside a cluster,
and those of images that are new or were unclustered, stay as they are: nothing holds together what falls apart, and
nothing tells a new kind where to go.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from pipeline.stages.labels.contract import NONE


@dataclass(frozen=True)
class History:
    """Row i of `groups` int [n] is the group that image i was in, `NONE` where it was in none or not there.

    `weight` 0 to 1: how much of an edge between two groups is taken; 1 keeps them apart for ever.
    """

    groups: np.ndarray
    weight: float

    @property
    def images(self) -> int:
        """How many images were in a group."""
        return int((self.groups != NONE).sum())


def recalled(graph: sparse.csr_matrix, history: History) -> sparse.csr_matrix:
    """The graph [n, n] with every edge between two groups of before weakened."""
    edges = sparse.coo_matrix(graph)
    source, target = history.groups[edges.row], history.groups[edges.col]
    apart = (source != NONE) & (target != NONE) & (source != target)
    weights = np.where(apart, (1 - history.weight) * edges.data, edges.data).astype(np.float32)
    weakened = sparse.csr_matrix((weights, (edges.row, edges.col)), shape=graph.shape)
    weakened.sort_indices()
    weakened.eliminate_zeros()
    return weakened
