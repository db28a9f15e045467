"""Groups × clusters → which group continues which cluster: overlaps of members, and the best assignment.

What belongs here: counting, the Jaccard index (Jaccard 1901), the assignment. Not here: ids, fates, and groups that
continue no cluster (`matching.py`).

The assignment that maximises the summed overlap (Kuhn 1955, "The Hungarian method for the assignment problem"; here
scipy's modified Jonker-Volgenant) can give away the id of a cluster that is still mostly together: with overlaps of
0.5 for A-1, 0.4 for B-1 and 0.25 for A-2, the sum is larger with B-1 and A-2. So pairs of `SURE` or more are assigned
first. They never compete, because groups are disjoint and so are clusters: two overlaps above one half cannot meet in
one row or column. The only exception is overlaps of exactly 0.5. The remaining pairs are assigned together.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy import sparse

SURE = 0.5  # overlap from which a group continues a cluster whatever the other overlaps are
TIE = 1e-9  # weight of the similarity relative to the overlap: it only breaks ties


@dataclass(frozen=True)
class Overlaps:
    """Row g belongs to group g, column c to the cluster `names[c]`; `common` int [g, c] counts images in both.

    `group_sizes` int [g] and `cluster_sizes` int [c] enter the Jaccard index; `whole` are the sizes with every member
    counted.
    """

    names: list[str]
    common: "sparse.csr_matrix"
    group_sizes: np.ndarray
    cluster_sizes: np.ndarray
    whole: tuple[np.ndarray, np.ndarray]

    def jaccard(self) -> "sparse.coo_matrix":
        """The Jaccard index of every pair with a common member, float64 [g, c]."""
        from scipy import sparse

        pairs = sparse.coo_matrix(self.common)
        union = self.group_sizes[pairs.row] + self.cluster_sizes[pairs.col] - pairs.data
        return sparse.coo_matrix((pairs.data / union, (pairs.row, pairs.col)), shape=pairs.shape)

    def plain(self) -> np.ndarray:
        """The Jaccard index over all members, for the same pairs in the same order."""
        from scipy import sparse

        pairs = sparse.coo_matrix(self.common)
        return pairs.data / (self.whole[0][pairs.row] + self.whole[1][pairs.col] - pairs.data)


def seen_in_both(groups: Sequence[frozenset[str]], clusters: Mapping[str, frozenset[str]]) -> Overlaps:
    """Overlaps counted over the images that are clustered in both runs.

    Images that were added, deleted or left unclustered do not count, so growth does not look like change. For every
    pair this index is at least the plain one.
    """
    common, names = _count_common(groups, clusters)
    seen = np.asarray(common.sum(axis=1)).ravel(), np.asarray(common.sum(axis=0)).ravel()
    return Overlaps(names, common, *seen, _sizes(groups, clusters, names))


def seen_ever(
    groups: Sequence[frozenset[str]], clusters: Mapping[str, frozenset[str]], clustered_before: Collection[str]
) -> Overlaps:
    """Overlaps with clusters of earlier runs. All members of a cluster count; those of a group count if they are in
    `clustered_before`."""
    common, names = _count_common(groups, clusters)
    group_sizes = np.array([sum(value in clustered_before for value in members) for members in groups], dtype=np.int64)
    whole = _sizes(groups, clusters, names)
    return Overlaps(names, common, group_sizes, whole[1], whole)


def _sizes(
    groups: Sequence[frozenset[str]], clusters: Mapping[str, frozenset[str]], names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.array([len(members) for members in groups], dtype=np.int64),
        np.array([len(clusters[name]) for name in names], dtype=np.int64),
    )


def assign(
    overlaps: Overlaps,
    least: float,
    *,
    preferred: Collection[str] = frozenset(),
    similarity: np.ndarray | None = None,
) -> dict[int, int]:
    """Row → column of the best assignment, without pairs whose overlap is below `least`.

    Pairs of `SURE` or more are assigned first. Ties go to the `preferred` clusters, then to the higher Jaccard index
    over all members, then to the higher `similarity` float [g, c].
    """
    pairs = overlaps.jaccard()
    assignment: dict[int, int] = {}
    entries: list[tuple[float, bool, float, float, int, int]] = []
    columns = (pairs.row.tolist(), pairs.col.tolist(), pairs.data.tolist(), overlaps.plain().tolist())
    for row, column, value, plain in zip(*columns, strict=True):
        if value >= least:
            alike = 0.0 if similarity is None else float(similarity[row, column])
            entries.append((-value, overlaps.names[column] not in preferred, -plain, -alike, row, column))
    taken: set[int] = set()
    for value, _, _, _, row, column in sorted(entries):
        if -value >= SURE and row not in assignment and column not in taken:
            assignment[row] = column
            taken.add(column)
    rest = [(row, column, -value, -alike) for value, _, _, alike, row, column in entries
            if row not in assignment and column not in taken]  # fmt: skip
    return assignment | _best_sum(rest)


def _best_sum(entries: list[tuple[int, int, float, float]]) -> dict[int, int]:
    """The assignment with the largest sum. Each connected component is solved alone: one table would grow as n²."""
    if not entries:
        return {}
    from scipy.optimize import linear_sum_assignment

    rows, at_row = np.unique([entry[0] for entry in entries], return_inverse=True)
    columns, at_column = np.unique([entry[1] for entry in entries], return_inverse=True)
    size = len(rows) + len(columns)
    from scipy import sparse

    edges = sparse.coo_matrix((np.ones(len(entries)), (at_row, at_column + len(rows))), shape=(size, size))
    part = sparse.csgraph.connected_components(edges, directed=False)[1]
    assignment: dict[int, int] = {}
    for number in np.unique(part):
        inside = [index for index in range(len(entries)) if part[at_row[index]] == number]
        own_rows, row_of = np.unique(at_row[inside], return_inverse=True)
        own_columns, column_of = np.unique(at_column[inside], return_inverse=True)
        weight = np.zeros((len(own_rows), len(own_columns)))
        weight[row_of, column_of] = [entries[index][2] + TIE * (1 + entries[index][3]) for index in inside]
        for row, column in zip(*linear_sum_assignment(weight, maximize=True), strict=True):
            if weight[row, column] > 0:
                assignment[int(rows[own_rows[row]])] = int(columns[own_columns[column]])
    return assignment


def _count_common(
    groups: Sequence[frozenset[str]], clusters: Mapping[str, frozenset[str]]
) -> tuple["sparse.csr_matrix", list[str]]:
    names = sorted(clusters)
    owners: dict[str, list[int]] = {}
    for column, name in enumerate(names):
        for value in clusters[name]:
            owners.setdefault(value, []).append(column)
    rows: list[int] = []
    columns: list[int] = []
    for row, members in enumerate(groups):
        for value in members:
            owner_columns = owners.get(value, ())
            rows.extend([row] * len(owner_columns))
            columns.extend(owner_columns)
    from scipy import sparse

    counted = sparse.coo_matrix((np.ones(len(rows), dtype=np.int64), (rows, columns)), shape=(len(groups), len(names)))
    return sparse.csr_matrix(counted), names
