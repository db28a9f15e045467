"""The inner loop of Louvain, compiled: single images move to the group that they gain most modularity in.

What belongs here: that loop, and a Louvain of scikit-network that runs it in the place of its own. Not here: what is
partitioned and why (`structure.py`).

scikit-network's loop keeps the groups around an image in a tree and holds Python's lock while it runs. This one keeps
them in an array and lets other threads run, and does the same arithmetic in the same order, so that the labels are the
same to the last one (`tests/stages/test_moves.py`).
"""

import functools
from typing import Any

import numpy as np

from pipeline.runtime.jit import compiled


def moves(
    labels: np.ndarray, indices: np.ndarray, indptr: np.ndarray, data: np.ndarray, out_weights: np.ndarray,
    in_weights: np.ndarray, out_cluster_weights: np.ndarray, in_cluster_weights: np.ndarray,
    cluster_weights: np.ndarray, self_loops: np.ndarray, resolution: np.float32, least: np.float32,
) -> tuple[np.ndarray, np.float32]:  # fmt: skip
    """Labels int64 [n] after passes over all nodes until one gains `least` modularity or less, and the gain of all.

    `indices`, `indptr` int, `data` float32: the adjacency in CSR form; the weights float32 [n] of nodes and of groups,
    `cluster_weights` all 0. The labels and the weights of groups are changed in place. Written for a compiler.
    """
    n = len(labels)
    near = np.empty(n, dtype=np.int64)
    seen_at = np.full(n, -1, dtype=np.int64)
    two = np.float32(2)
    increase: np.float32 = np.float32(0)
    while True:
        gained = np.float32(0)
        for i in range(n):
            label = labels[i]
            seen_at[label] = i
            count = 0
            for j in range(indptr[i], indptr[i + 1]):
                target = labels[indices[j]]
                cluster_weights[target] += data[j]
                if seen_at[target] != i:
                    seen_at[target] = i
                    near[count] = target
                    count += 1
            if count:
                out_weight, in_weight = out_weights[i], in_weights[i]
                leaving = two * (cluster_weights[label] - self_loops[i])
                leaving -= resolution * out_weight * (in_cluster_weights[label] - in_weight)
                leaving -= resolution * in_weight * (out_cluster_weights[label] - out_weight)
                best, to = np.float32(0), label
                for place in range(count):
                    target = near[place]
                    gain = two * cluster_weights[target]
                    gain -= resolution * out_weight * in_cluster_weights[target]
                    gain -= resolution * in_weight * out_cluster_weights[target]
                    gain -= leaving
                    # of equal gains the first label's, as where they are looked through in order
                    if gain > best or (gain == best and gain > 0 and target < to):
                        best, to = gain, target
                    cluster_weights[target] = 0
                if to != label:
                    gained += best
                    labels[i] = to
                    out_cluster_weights[label] -= out_weight
                    in_cluster_weights[label] -= in_weight
                    out_cluster_weights[to] += out_weight
                    in_cluster_weights[to] += in_weight
            cluster_weights[label] = 0
            # the next pass comes to this node with the same number: nothing may look seen then
            seen_at[label] = -1
            for place in range(count):
                seen_at[near[place]] = -1
        increase += gained
        if gained <= least:
            return labels, increase


@functools.cache
def quick_louvain() -> Any:
    """scikit-network's Louvain with the compiled loop."""
    from sknetwork.clustering import Louvain

    loop = compiled(moves)

    class QuickLouvain(Louvain):
        def _optimize(self, labels: Any, adjacency: Any, out_weights: Any, in_weights: Any) -> Any:
            leaving, entering = out_weights.astype(np.float32), in_weights.astype(np.float32)
            return loop(
                labels.astype(np.int64), adjacency.indices, adjacency.indptr, adjacency.data.astype(np.float32),
                leaving, entering, leaving.copy(), entering.copy(), np.zeros_like(leaving),
                adjacency.diagonal().astype(np.float32), np.float32(self.resolution),
                np.float32(self.tol_optimization),
            )  # fmt: skip

    return QuickLouvain
