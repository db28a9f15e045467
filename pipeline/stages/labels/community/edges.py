"""Which edges of a graph lie inside a group.

What belongs here: the one mask of such edges, and the graph that it leaves. Not here: how groups are found
(`structure.py`).
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy import sparse


def inside(edges: "sparse.coo_matrix", groups: np.ndarray) -> np.ndarray:
    """Bool [edges]: whether both ends of an edge are in the same one of `groups` int [n]."""
    return groups[edges.row] == groups[edges.col]


def within(graph: "sparse.csr_matrix", groups: np.ndarray) -> "sparse.csr_matrix":
    """The graph without the edges between groups."""
    from scipy import sparse

    edges = sparse.coo_matrix(graph)
    kept = inside(edges, groups)
    return sparse.csr_matrix((edges.data[kept], (edges.row[kept], edges.col[kept])), shape=graph.shape)
