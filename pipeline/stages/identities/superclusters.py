"""Groups → families: the coarser level, in which each group lies in exactly one family or in none.

What belongs here: which groups are close enough to be kinds of one kind, from their centroids, the same for every
clusterer; and the ids that families keep from run to run. Not here: the groups (`labels/clusterers.py`), the graph that
brings centroids together (`labels/community/clusterer.py`), how a group is recognised as the one that was there before
(`matching.py`).

A family has at least two groups, and not all of them: a level that says nothing is left out.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.settings import IdentityParams
from pipeline.stages.identities.matching import Ledger, match
from pipeline.stages.labels.community.clusterer import coarser
from pipeline.stages.labels.contract import NONE

LEAST_GROUPS = 4  # two or three groups in families would only be said to be alike or not
PREFIX, CLUSTER_PREFIX = "f-", "c-"


def families(vectors: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """Int32 [groups]: the family of each group, `NONE` where it stands alone; see `nested`.

    `vectors` float32 [n, d] L2-normalised embeddings, `groups` int [n] numbered from 0, −1 for none.
    """
    count = int(groups.max()) + 1 if len(groups) else 0
    if count < LEAST_GROUPS:
        return np.full(count, NONE, dtype=np.int32)
    return nested(coarser(vectors, groups, seed))


def nested(parents: np.ndarray) -> np.ndarray:
    """Int32 [groups]: `parents` int [groups] numbered from 0 in order of their first group, `NONE` for a parent of one
    group, and for all where one parent has every group."""
    values, inverse, counts = np.unique(parents, return_inverse=True, return_counts=True)
    result = np.full(len(parents), NONE, dtype=np.int32)
    if len(parents) < LEAST_GROUPS or len(values) < 2:
        return result
    number = 0
    for group, value in enumerate(inverse):
        if counts[value] > 1 and result[group] == NONE:
            result[inverse == value] = number
            number += 1
    return result


def match_families(
    members: Sequence[frozenset[str]], ledger: Ledger, params: IdentityParams, *, category: str
) -> tuple[list[tuple[str, str]], Ledger]:
    """The lasting id and fate of each family, from the content hashes in it, and the ledger for the next run.

    Families are matched by the very function that matches clusters, in a ledger of their own, so that one that gains a
    cluster stays the one it was. Their ids open with `PREFIX`.
    """
    found = match(members, _renamed(ledger, PREFIX, CLUSTER_PREFIX), params, category=f"{category} families")
    identities = [(PREFIX + one.cluster_id.removeprefix(CLUSTER_PREFIX), one.fate) for one in found.identities]
    return identities, _renamed(found.ledger, CLUSTER_PREFIX, PREFIX)


def _renamed(ledger: Ledger, old: str, new: str) -> Ledger:
    def rename(held: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
        return {new + name.removeprefix(old): members for name, members in held.items()}

    return Ledger(rename(ledger.alive), rename(ledger.dead))
