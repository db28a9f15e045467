"""Groups → which images do not really belong: strangeness, measured in the space of the embeddings.

What belongs here: the score that decides what stays unclustered, and how surely a member belongs. Not here: the groups
themselves (`clusterer.py`). A graph of neighbours gives every image neighbours, however far they are, so groups made
from it swallow noise; distances do not.

Two questions are asked of every image, and failing either makes it unclustered:

- Is it nearer to its nearest neighbours than to any random image of the library? (`isolation`; 1 = no nearer.) What has
  no kind at all fails this, even where many such images were put into one group.
- Is it as near to its neighbours as its group's members are to theirs? (`remoteness`, in robust standard deviations.)
  What hangs on the rim of a tight group fails this. A relative of LOF (Breunig et al., 2000), with the group in the
  place of the neighbourhood.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.stages.labels.community.edges import inside
from pipeline.stages.neighbours.knn import Neighbours

if TYPE_CHECKING:
    from scipy import sparse

NEAREST = 3  # neighbours that count: as many as the smallest kinds have
ISOLATED = 0.75  # in 1,000 images; photographs: 95 in 100 below 0.7, random directions in 512 dimensions above 0.83
REMOTE = 3.5  # robust standard deviations, the usual limit for an outlier (Iglewicz, Hoaglin, 1993), of many images
LEAST_SPREAD = 0.1  # of the logarithm of a distance: below, groups are so even that a deviation means nothing
FEW = 20  # below, the nearest three are so much of the library that isolation says nothing
CALIBRATION = 1.5  # a share of 0.5 was right in 0.3 of cases on the benchmark, 0.7 in 0.55, 0.85 in 0.7
MOST_NOISE = 0.5  # beyond this share, "isolated" describes the library and no longer tells its images apart


@dataclass(frozen=True)
class Strangeness:
    """`score` float32 [n], 0 to 1, from 0.5 on an image belongs nowhere; `isolation_limit` as it was really used, None
    where it was not."""

    score: np.ndarray
    isolation_limit: float | None


def strangeness(
    vectors: np.ndarray, neighbours: Neighbours, groups: np.ndarray, *, isolated: float = ISOLATED
) -> Strangeness:
    """How little each of float32 [n, d] L2-normalised vectors belongs to its group in `groups` int [n], −1 for none."""
    n = len(vectors)
    if neighbours.indices.shape[1] == 0:
        return Strangeness(np.zeros(n, dtype=np.float32), None)
    near = neighbours.distances[:, :NEAREST].mean(axis=1).astype(np.float64)
    limit: float | None = isolation_limit(n, isolated)
    apart = isolation(vectors, near) / limit
    if n < FEW or (apart >= 1).mean() > MOST_NOISE:
        apart, limit = np.zeros(n), None
    score = np.maximum(apart, remoteness(near, groups) / remote_limit(groups)) / 2
    score[groups < 0] = 1.0
    return Strangeness(np.clip(score, 0.0, 1.0).astype(np.float32), limit)


def remote_limit(groups: np.ndarray) -> float:
    """The limit for groups int [n], −1 for none: `REMOTE` where the spread is known, more where few images tell it.

    As likely to be passed by a true member: the quantile of Student's t with as many degrees of freedom.
    """
    from scipy.special import ndtr, stdtrit

    return float(stdtrit(_freedom(groups), ndtr(REMOTE)))


def _freedom(groups: np.ndarray) -> int:
    """Images beyond one per group: each group's own median takes one away. At least 1."""
    members = groups[groups >= 0]
    return max(1, len(members) - len(np.unique(members)))


def isolation_limit(n: int, isolated: float = ISOLATED) -> float:
    """The limit for n images, from the one for 1,000: the nearest of n random images comes nearer like sqrt(log n)."""
    return 1 - (1 - isolated) * float(np.sqrt(np.log(max(n, 2)) / np.log(1000)))


def isolation(vectors: np.ndarray, near: np.ndarray) -> np.ndarray:
    """The distance to the nearest, `near` [n], over the mean distance to all others, [n]."""
    n = len(vectors)
    total = vectors.sum(axis=0, dtype=np.float64).astype(np.float32)
    to_all = (n - (vectors @ total).astype(np.float64)) / max(n - 1, 1)
    return np.where(to_all > 1e-6, near / np.maximum(to_all, 1e-6), 0.0)


def remoteness(near: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """How much larger each of `near` [n] is than the median of its group, in robust standard deviations of all."""
    # copies have distance 0; a thousandth of the usual distance keeps their logarithm from ruling the spread
    floor = max(float(np.median(near)) * 1e-3, 1e-9)
    logs = np.log(np.maximum(near, floor))
    centred = np.where(groups >= 0, logs - _medians(logs, groups), 0.0)
    deviations = np.abs(centred[groups >= 0])
    # each group is centred on its own median, which makes small groups look tighter than they are
    few = np.sqrt(len(deviations) / _freedom(groups))
    spread = 1.4826 * float(np.median(deviations)) * few if len(deviations) else 0.0
    return centred / max(spread, LEAST_SPREAD)


def _medians(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """For each of `values` [n] the median of its group's."""
    order = np.lexsort((values, groups))
    of = groups[order]
    begin, end = np.searchsorted(of, groups, side="left"), np.searchsorted(of, groups, side="right")
    middle = begin + end
    return (values[order[(middle - 1) // 2]] + values[order[middle // 2]]) / 2


def membership(graph: "sparse.csr_matrix", groups: np.ndarray) -> np.ndarray:
    """The share of each image's edge weight that leads into its own group, float64 [n]; 0 outside every group."""
    from scipy import sparse

    n = len(groups)
    coordinates = sparse.coo_matrix(graph)
    kept = inside(coordinates, groups) & (groups[coordinates.row] >= 0)
    own = np.bincount(coordinates.row[kept], weights=coordinates.data[kept], minlength=n)
    total = np.bincount(coordinates.row, weights=coordinates.data, minlength=n)
    return np.where(total > 0, own / np.maximum(total, 1e-12), 0.0)


def calibrated(share: np.ndarray, score: np.ndarray, consensus: np.ndarray) -> np.ndarray:
    """The chance that a member is of the same kind as most of its group, float32 [n].

    From its share of edge weight inside the group (`membership`), its outlier score and its item consensus
    (`stability.py`): where other runs would have made other groups, being in this one says little.
    """
    return (np.clip(share, 0.0, 1.0) ** CALIBRATION * consensus * (score < 0.5)).astype(np.float32)
