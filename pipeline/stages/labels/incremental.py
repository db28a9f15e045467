"""New images → the groups that are there, without clustering again; and when clustering again is due.

What belongs here: the decision between a full and an incremental run, and the rule by which an image joins a group or
stays unclustered. Not here: finding groups (`clusterers.py`), lasting ids (`identities/matching.py`), reading and
storing (`steps/incremental.py`).

An image goes to the group of its nearest clustered image if it passes three tests. The first two are those of
`labels/community/outliers.py`, with figures taken at the full clustering: it is as near to that group as the group's
own members are to each other (limit `REMOTE`; a full run uses `remote_limit`, which is larger where images are few),
and nearer than to any random image. Third: its nearest images are clustered ones, and not other newcomers. Newcomers
that lie together stay unclustered until the next full clustering.

Images placed earlier do not attract others, so clusters do not drift. Tried on four libraries, the single nearest
agreed with a full clustering more often than a vote of 5 to 25. Of an unseen kind added twelve images at a time, 73 %
stayed unclustered (bollards), 6 % without test 3. Test 3 rejects 1 % of known-kind images when 20 % are new, none at
5 %.

A placed image is as sure of its group as its nearest members of that group are, in the mean of their probabilities, so
that its probability is of the same scale as after a full clustering (figures: docs/decisions/0002).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from pipeline.settings import ClusterParams
from pipeline.stages.labels.community.outliers import (
    LEAST_SPREAD,
    MOST_NOISE,
    NEAREST,
    REMOTE,
    isolation_limit,
)
from pipeline.stages.labels.contract import NONE, Base

VOTERS = 5  # nearest members that say how surely an image belongs
FELLOWS = 4  # newcomers among these, from which on an image belongs with them: a kind that no clustering knows yet
SAMPLE = 64  # members of a group whose distances tell its range; more change the median by nothing
FEWEST = 2  # members with which a group stays; below, there is nothing left that could look alike
TIE = 2e-6  # of a distance: what is as near, after rounding
CLOSEST = 1e-6  # copies have distance 0, and its logarithm is not a number


@dataclass(frozen=True)
class Decision:
    """Whether to cluster in full; `reason` is one word, `why` a sentence with its figures."""

    full: bool
    reason: str
    why: str
    added: int = 0
    removed: int = 0

    @property
    def mode(self) -> str:
        """What reports call it."""
        return "full" if self.full else "incremental"


def decide(base: Base | None, added: int, removed: int, params: ClusterParams, *, made_of: str, now: str) -> Decision:
    """Whether `added` and `removed` images since the last full clustering ask for another one.

    A first run or changed settings always do, even with `recluster: never`.
    """
    if base is None:
        return Decision(True, "first", "These images are clustered for the first time.")
    if not base.images:
        return Decision(True, "first", "There was no image at the last clustering.", added, removed)
    if not added and removed >= base.images:
        return Decision(True, "emptied", f"All {base.images:,} images are gone.", added, removed)
    if base.made_of != made_of:
        return Decision(True, "settings", "The encoder or a setting of the clustering changed.", added, removed)
    share = (added + removed) / max(base.images, 1)
    changes = (f"{added:,} pictures came and {removed:,} went since all {base.images:,} were clustered on "
               f"{base.at[:10]} ({share:.1%}; copies count once)")  # fmt: skip
    age = abs(datetime.fromisoformat(now) - datetime.fromisoformat(base.at))  # a clock may have been set back
    if params.recluster == "always":
        full, reason, why = True, "asked", f"It was asked for. {changes}."
    elif params.recluster == "never":
        full, reason, why = False, "never", f"{changes}; labels.recluster says never."
    elif share > params.recluster_share:
        full, reason, why = True, "share", f"{changes}, more than {params.recluster_share:.0%}."
    elif params.recluster_days is not None and added + removed and age >= timedelta(days=params.recluster_days):
        full, reason, why = True, "schedule", f"{changes}; labels.recluster_days is {params.recluster_days}."
    else:
        full, reason, why = False, "few", f"{changes}."
    return Decision(full, reason, why, added, removed)


@dataclass(frozen=True)
class Ranges:
    """How near members of each group are to each other: `near` maps a group to the median logarithm of the mean
    distance to the nearest members, `spread` is the robust standard deviation of all around their medians.

    `centre` float32 [d] is the mean of all `images`; `isolation` the limit (`outliers.isolation_limit`), None where it
    says nothing of this library.
    """

    near: dict[int, float]
    spread: float
    centre: np.ndarray
    images: int
    isolation: float | None


def ranges(vectors: np.ndarray, groups: np.ndarray) -> Ranges:
    """The ranges of `groups` int [n] in L2-normalised float32 [n, d]. Costs n × `SAMPLE` comparisons."""
    n = len(vectors)
    centre = vectors.mean(axis=0, dtype=np.float64).astype(np.float32) if n else np.zeros(vectors.shape[1], np.float32)
    limit = isolation_limit(n)
    medians: dict[int, float] = {}
    deviations: list[np.ndarray] = []
    isolated = 0.0
    for group in np.unique(groups[groups != NONE]):
        members = vectors[groups == group]
        sampled = members[:: max(1, len(members) // SAMPLE)]
        logs = np.log(_nearest_mean(sampled @ members.T, oneself=True))
        medians[int(group)] = float(np.median(logs))
        deviations.append(np.abs(logs - medians[int(group)]))
        isolated += float((np.exp(logs) / np.maximum(1 - sampled @ centre, CLOSEST) >= limit).mean()) * len(members)
    spread = 1.4826 * float(np.median(np.concatenate(deviations))) if deviations else 0.0
    informative = n > 0 and isolated <= MOST_NOISE * max((groups != NONE).sum(), 1)
    return Ranges(medians, max(spread, LEAST_SPREAD), centre, n, limit if informative else None)


def _nearest_mean(similarity: np.ndarray, *, oneself: bool = False) -> np.ndarray:
    """The mean distance to the `NEAREST` of each row, float64 [m]; `oneself` leaves out the most similar."""
    distances = _smallest(1.0 - similarity, NEAREST + int(oneself))[:, int(oneself) :]
    return np.maximum(distances.mean(axis=1, dtype=np.float64) if distances.shape[1] else np.ones(len(distances)),
                      CLOSEST)  # fmt: skip


class Members(NamedTuple):
    """The members of one group: `vectors` L2-normalised float32 [k, d], and the `probability` [k] of each."""

    group: int
    vectors: np.ndarray
    probability: np.ndarray


@dataclass
class _Nearest:
    """The nearest members of each new image seen so far, float or int [m, k].

    `of_group`: the mean distance to the `NEAREST` of a group, float64 [m], for the images whose nearest member may be
    in it; NaN for others.
    """

    distances: np.ndarray
    groups: np.ndarray
    probability: np.ndarray
    of_group: dict[int, np.ndarray] = field(default_factory=dict[int, np.ndarray])
    compared: int = 0


@dataclass(frozen=True)
class Placement:
    """Row i speaks of new image i: `groups` int32, `NONE` if an outlier, among newcomers, or its cluster has no
    ranges; `probability` and `outlier_score` float32 as in `labels`; `compared`: pairs of vectors compared."""

    groups: np.ndarray
    probability: np.ndarray
    outlier_score: np.ndarray
    compared: int


def place(
    vectors: np.ndarray,
    members: Iterable[Members],
    fitted: Ranges,
    newcomers: np.ndarray | None = None,
) -> Placement:
    """Place L2-normalised float32 [m, d] among `members`, one group at a time.

    `newcomers` float32 [q, d] are the other images that came since the full clustering, wherever they are now. Memory
    holds one group. Cost is m × (the number of members + m + q).
    """
    seen = _look(vectors, members)
    others = vectors if newcomers is None else np.concatenate([vectors, newcomers])
    m = len(vectors)
    groups = seen.groups[:, 0] if seen.groups.shape[1] else np.full(m, NONE)
    near = np.array([seen.of_group[g][row] if g != NONE else 2.0 for row, g in enumerate(groups.tolist())])
    medians = np.array([fitted.near.get(g, np.inf) for g in groups.tolist()])
    remote = (np.log(np.maximum(near, CLOSEST)) - medians) / fitted.spread / REMOTE
    apart = np.zeros(m)
    if fitted.isolation is not None and seen.distances.size:
        closest = seen.distances[:, :NEAREST].mean(axis=1)
        apart = closest / np.maximum(1 - vectors @ fitted.centre, CLOSEST) / fitted.isolation
    # a group that the full clustering knew nothing of has no range: nobody is placed there
    has_range = np.isfinite(medians)
    together = _fellows(vectors, others, seen.distances) >= FELLOWS
    score = np.where(has_range & ~together, np.clip(np.maximum(remote, apart) / 2, 0.0, 1.0), 1.0)
    taken = np.where(score < 0.5, groups, NONE).astype(np.int32)
    probability = np.where(taken != NONE, _of_own_group(seen, groups), 0.0)
    return Placement(taken, probability.astype(np.float32), score.astype(np.float32), seen.compared + m * len(others))


def _of_own_group(seen: _Nearest, groups: np.ndarray) -> np.ndarray:
    """The mean probability of those of the nearest members of each image that are in its group, float64 [m]."""
    own = seen.groups == groups[:, None]
    return np.where(own, seen.probability, 0.0).sum(axis=1) / np.maximum(own.sum(axis=1), 1)


def _fellows(vectors: np.ndarray, others: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """How many of the `VOTERS` nearest of each image are newcomers, int [m], where `distances` [m, k] are those of the
    nearest members; the first m `others` are the images themselves."""
    apart = 1.0 - vectors @ others.T
    apart[np.arange(len(vectors)), np.arange(len(vectors))] = np.inf
    nearest = np.sort(apart, axis=1)[:, :VOTERS]
    limit = np.sort(np.concatenate([nearest, distances], axis=1), axis=1)[:, :VOTERS]
    return (nearest <= limit[:, -1:]).sum(axis=1) if limit.shape[1] else np.zeros(len(vectors), dtype=np.int64)


def _look(vectors: np.ndarray, members: Iterable[Members]) -> _Nearest:
    m = len(vectors)
    seen = _Nearest(np.full((m, VOTERS), np.inf), np.full((m, VOTERS), NONE, dtype=np.int64), np.zeros((m, VOTERS)))
    for group, member_vectors, probability in members:
        if not len(member_vectors):
            continue
        similarity = vectors @ member_vectors.T
        seen.compared += similarity.size
        # most groups are far from most images: only where one may be among the nearest is it looked at more closely
        rows = np.flatnonzero(1.0 - similarity.max(axis=1) <= seen.distances[:, -1] + TIE)
        if not len(rows):
            continue
        close = similarity[rows]
        seen.of_group[group] = np.full(m, np.nan)
        seen.of_group[group][rows] = _nearest_mean(close)
        nearest = _first(1.0 - close, VOTERS)
        own = np.take_along_axis(1.0 - close, nearest, axis=1)
        distances = np.concatenate([seen.distances[rows], own], axis=1)
        owners = np.concatenate([seen.groups[rows], np.full(nearest.shape, group)], axis=1)
        sure = np.concatenate([seen.probability[rows], probability[nearest]], axis=1)
        # rounded: the last bits of a dot product depend on the machine; ties go to the smaller group number
        order = np.lexsort((owners, np.round(distances, 6)), axis=1)[:, :VOTERS]
        seen.distances[rows] = np.take_along_axis(distances, order, axis=1)
        seen.groups[rows] = np.take_along_axis(owners, order, axis=1)
        seen.probability[rows] = np.take_along_axis(sure, order, axis=1)
    columns = min(VOTERS, seen.compared // max(m, 1))
    return _Nearest(
        seen.distances[:, :columns], seen.groups[:, :columns], seen.probability[:, :columns], seen.of_group,
        seen.compared,
    )  # fmt: skip


def _smallest(distances: np.ndarray, count: int) -> np.ndarray:
    """The `count` smallest of each row, in order; sorting whole rows takes ten times as long."""
    part = np.partition(distances, count - 1, axis=1)[:, :count] if distances.shape[1] > count else distances
    return np.sort(part, axis=1)


def _first(distances: np.ndarray, count: int) -> np.ndarray:
    """The columns of the `count` smallest of each row of float [m, k], of equal ones the first; int [m, at most count],
    in no order."""
    m, k = distances.shape
    if k <= count:
        return np.broadcast_to(np.arange(k), (m, k))
    keys = np.rint(distances.astype(np.float64) * 1e6).astype(np.int64) * k + np.arange(k)
    return np.argpartition(keys, count - 1, axis=1)[:, :count]
