"""Made-up vectors on the sphere: separate kinds, and one blob without kinds. For tests of clustering."""

from typing import Any

import numpy as np

from pipeline.settings import ClusterParams
from pipeline.stages.labels.community.clusterer import group_communities
from pipeline.stages.labels.community.prior_partition import History
from pipeline.stages.labels.grouping import Grouping
from pipeline.stages.neighbours.knn import Neighbours


def unit(values: np.ndarray) -> np.ndarray:
    return (values / np.maximum(np.linalg.norm(values, axis=-1, keepdims=True), 1e-12)).astype(np.float32)


def kinds(sizes: list[int], *, width: float = 0.6, d: int = 128, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Clusters on the sphere; `width` is the length of the deviation from a centre of length 1."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    centres = unit(rng.normal(size=(len(sizes), d)))
    points = centres[truth] + width / np.sqrt(d) * rng.normal(size=(len(truth), d))
    order = rng.permutation(len(truth))
    return unit(points[order]), truth[order]


def continuum(n: int, seed: int = 0) -> np.ndarray:
    """No kinds at all: one blob, as of 240 photographs of one thing."""
    rng = np.random.default_rng(seed)
    return unit(rng.normal(size=(1, 64)) + 0.5 * rng.normal(size=(n, 8)) @ rng.normal(size=(8, 64)) / 8)


def communities(
    data: np.ndarray, *, neighbours: Neighbours | None = None, history: History | None = None, **knobs: Any
) -> Grouping:
    """The groups of the community clusterer with the default settings but `knobs`, and no group below 5 images."""
    if isinstance(knobs.get("granularity"), float):  # settings take no exponents
        knobs["granularity"] = f"{knobs['granularity']:.20f}"
    params = ClusterParams(**{"min_cluster_size": 5, **knobs})
    return group_communities(data, params, neighbours=neighbours, history=history)
