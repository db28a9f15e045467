"""Embeddings → groups, found in the graph of neighbours without being told how many there are.

What belongs here: the `community` clusterer, from the embeddings to groups, probabilities and what was really used. Not
here: the graph (`neighbours/knn.py`), partitions of it (`structure.py`), how fine (`resolution.py`, `hierarchy.py`),
what stays unclustered (`outliers.py`), lasting ids (`identities/matching.py`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from pipeline.stages.labels.community.hierarchy import Level, level
from pipeline.stages.labels.community.outliers import ISOLATED, calibrated, membership, strangeness
from pipeline.stages.labels.community.prior_partition import History, recalled
from pipeline.stages.labels.community.resolution import (
    LEAST_DIVIDED,
    STEP,
    USUAL,
    WORTH,
    Granularity,
    automatic,
    granularity_of,
    resolution_of,
    silhouette,
)
from pipeline.stages.labels.community.structure import (
    NONE,
    absorbed,
    consensus,
    exactly,
    louvains,
    numbered_by_size,
    voters,
)
from pipeline.stages.neighbours.fuzzy_graph import fuzzy_graph
from pipeline.stages.neighbours.knn import Neighbours, nearest_neighbours

NEIGHBOURS = 15
PARENT_NEIGHBOURS = 5


@dataclass(frozen=True)
class CommunityGrouping:
    """Row i of each [n] array speaks of row i of the input.

    `groups` int32 [n], `NONE` where an image fits nowhere, numbered by size; `probability` float32 [n], the chance that
    the image is of its group's kind, 0 outside; `outlier_score` float32 [n], 0 to 1, from 0.5 on unclustered; `parents`
    int32 [groups]: the coarse group that holds each group; `effective`: the parameters as they were really used.
    """

    groups: np.ndarray
    probability: np.ndarray
    outlier_score: np.ndarray
    parents: np.ndarray
    effective: dict[str, Any]


def group_communities(
    vectors: np.ndarray,
    *,
    granularity: Granularity = "auto",
    n_clusters: int | None = None,
    min_cluster_size: int = 5,
    seed: int = 42,
    n_neighbors: int | None = None,
    noise_ratio: float = ISOLATED,
    neighbours: Neighbours | None = None,
    history: History | None = None,
) -> CommunityGrouping:
    """Group float32 [n, d] L2-normalised embeddings, any n.

    `n_clusters` overrides `granularity` and is met exactly where there are as many images. Groups below
    `min_cluster_size`, lowered for small libraries, are joined to the group they hang on most. `noise_ratio`: see
    `noise.isolation`; smaller leaves more unclustered. `neighbours` spares the search where they are known already.
    `history`: what the groups were before.

    The groups of different granularities nest, and leave the same images unclustered: those that `auto` leaves.
    """
    data = np.ascontiguousarray(vectors, dtype=np.float32)
    n = len(data)
    effective: dict[str, Any] = {"method": "community", "seed": seed}
    if n < 2:
        return _nothing(n, {**effective, "note": f"{n} images make no group"})
    neighbours = neighbours or nearest_neighbours(data, (n_neighbors or NEIGHBOURS) - 1)
    graph = fuzzy_graph(neighbours)
    known = history if history is not None and history.weight > 0 and history.known else None
    searched = graph if known is None else recalled(graph, known)
    smallest = max(2, min(min_cluster_size, int(np.sqrt(n) / 3)))
    if n_clusters is None:
        found = natural(data, searched, smallest, seed, known.resolution if known else None)
        strange = strangeness(data, neighbours, found.groups, isolated=noise_ratio)
        groups, resolution = found.at(searched, granularity, _without_noise(found.groups, strange.score, kept=0), seed)
        effective |= {"granularity": round(granularity_of(resolution), 4), "min_cluster_size": smallest}
        if found.resolution != resolution:
            effective["resolution_of_auto"] = round(found.resolution, 6)
    else:
        wanted = max(1, min(n_clusters, n))
        exact, resolution = exactly(searched, wanted, seed)
        strange = strangeness(data, neighbours, exact, isolated=noise_ratio)
        groups = _without_noise(exact, strange.score, kept=2)
        effective["n_clusters"] = wanted
    groups = numbered_by_size(groups)
    effective |= {
        "n_neighbors": neighbours.indices.shape[1] + 1, "resolution": round(resolution, 6), "voters": voters(n),
        "noise_ratio": strange.isolation_limit, **neighbours.search,
    }  # fmt: skip
    if known:
        effective |= {"memory": known.weight, "remembered": known.known}
    # a member that the exact number of clusters had to keep is no stranger to its cluster
    score = np.where(groups == NONE, np.maximum(strange.score, 0.5), np.minimum(strange.score, 0.499))
    probability = calibrated(membership(graph, groups), score)
    parents = coarser(data, groups, seed)
    return CommunityGrouping(groups, probability, score.astype(np.float32), parents, effective)


@dataclass(frozen=True)
class Natural:
    """What a library asks for: `levels`, coarsest first, of which the last is what `auto` gives, found at `resolution`.

    There is a coarser one where `auto` falls on a coarse resolution: its groups are kinds of library, some of which may
    hold kinds of their own. Those are divided; then they are what `coarse` gives.
    """

    levels: list[Level]
    resolution: float
    smallest: int

    @property
    def groups(self) -> np.ndarray:
        """Int [n]: what `auto` gives."""
        return self.levels[-1].labels

    def at(
        self, graph: sparse.csr_matrix, granularity: Granularity, kept: np.ndarray, seed: int
    ) -> tuple[np.ndarray, float]:
        """Labels int [n] and the resolution. `coarse` and `fine` lie one step on either side of what `auto` comes to;
        `kept` int [n]: the groups of `auto` without what stays unclustered."""
        usual = self.levels[-1].granularity
        value = {
            "auto": usual,
            "coarse": self.levels[0].granularity if len(self.levels) > 1 else max(0.0, usual - STEP),
            "fine": min(1.0, usual + STEP),
        }[granularity] if isinstance(granularity, str) else min(1.0, max(0.0, float(granularity)))  # fmt: skip
        labels = level(graph, self.levels, value, self.smallest, kept != NONE, seed)
        return np.where(kept == NONE, NONE, labels), resolution_of(value)


def natural(
    vectors: np.ndarray, graph: sparse.csr_matrix, smallest: int, seed: int, before: float | None = None
) -> Natural:
    """The partition that a library asks for; `before`: the resolution that it asked for the last time."""
    best = _automatic(vectors, graph, before or USUAL)
    labels = consensus(graph, best, seed)
    pieces = divided(vectors, graph, labels, seed) if best < USUAL else labels
    groups = absorbed(graph, pieces, smallest)
    if pieces.max() == labels.max():
        return Natural([Level(granularity_of(best), groups)], best, smallest)
    levels = [Level(granularity_of(best), _commonest(labels, groups)), Level(granularity_of(USUAL), groups)]
    return Natural(levels, best, smallest)


def _commonest(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Int [n]: for every member of a group the commonest of its members' `labels`, the smallest of several; `NONE`
    outside."""
    result = np.full(len(groups), NONE, dtype=np.int64)
    inside = np.flatnonzero(groups != NONE)
    if len(inside) == 0:
        return result
    pairs, counts = np.unique(np.stack([groups[inside], labels[inside]]), axis=1, return_counts=True)
    order = np.lexsort((pairs[1], -counts, pairs[0]))
    known, first = np.unique(pairs[0][order], return_index=True)
    result[inside] = pairs[1][order][first][np.searchsorted(known, groups[inside])]
    return result


def divided(vectors: np.ndarray, graph: sparse.csr_matrix, labels: np.ndarray, seed: int) -> np.ndarray:
    """Labels [n] where each group that clearly consists of several is cut, judged inside that group alone."""
    result = labels.copy()
    members_of = np.split(np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels))[:-1])
    place = np.full(len(labels), -1, dtype=np.int64)
    last = int(labels.max())
    for group, members in enumerate(members_of):
        if len(members) < LEAST_DIVIDED:
            continue
        part = _between(graph, members, place)
        pieces = consensus(part, _automatic(vectors[members], part), seed)
        if silhouette(vectors[members], pieces) >= WORTH:
            result[members] = np.where(pieces == 0, group, pieces + last)
            last += int(pieces.max())
    return result


def _between(graph: sparse.csr_matrix, members: np.ndarray, place: np.ndarray) -> sparse.csr_matrix:
    """The graph of `members` alone. `place` int [n] is −1 everywhere, and so again afterwards: one for all groups, as
    making it takes as long as the whole library is large."""
    whole: Any = graph  # scipy's stub does not know that this kind of matrix can be indexed
    rows = sparse.coo_matrix(whole[members])
    place[members] = np.arange(len(members))
    columns = place[rows.col]
    place[members] = -1
    kept = columns >= 0
    return sparse.csr_matrix((rows.data[kept], (rows.row[kept], columns[kept])), shape=(len(members), len(members)))


def _automatic(vectors: np.ndarray, graph: sparse.csr_matrix, start: float = USUAL) -> float:
    # tried with a seed of its own: another seed for the groups never changes how fine they are
    return automatic(vectors, graph, lambda resolutions: louvains(graph, resolutions, 0), start)


def coarser(vectors: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """Int32 [groups]: for each group the coarse one that holds it, by the groups' centroids.

    Not by the edges between groups: clear kinds have none, and would never come together.
    """
    inside = np.flatnonzero(groups >= 0)
    if len(inside) == 0:
        return np.empty(0, dtype=np.int32)
    ones = np.ones(len(inside), dtype=np.float32)
    member = sparse.csr_matrix((ones, (groups[inside], inside)), shape=(int(groups.max()) + 1, len(groups)))
    sums = np.asarray(member @ vectors, dtype=np.float32)
    centroids = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    between = fuzzy_graph(nearest_neighbours(centroids, PARENT_NEIGHBOURS))
    return numbered_by_size(consensus(between, USUAL, seed))


def _without_noise(groups: np.ndarray, score: np.ndarray, *, kept: int) -> np.ndarray:
    """`groups` with strangers set to `NONE`; each group keeps its `kept` least strange, and one image is no group."""
    result = np.where(score >= 0.5, NONE, groups)
    inside = np.flatnonzero(groups >= 0)
    if kept:
        order = inside[np.lexsort((score[inside], groups[inside]))]
        of = groups[order]
        safe = order[np.arange(len(order)) - np.searchsorted(of, of) < kept]
        result[safe] = groups[safe]
    elif len(inside):
        left = np.bincount(result[result >= 0], minlength=int(groups.max()) + 1)
        result[inside[left[groups[inside]] < 2]] = NONE
    return result


def _nothing(n: int, effective: dict[str, Any]) -> CommunityGrouping:
    return CommunityGrouping(
        np.full(n, NONE, dtype=np.int32), np.zeros(n, dtype=np.float32), np.ones(n, dtype=np.float32),
        np.empty(0, dtype=np.int32), effective,
    )  # fmt: skip
