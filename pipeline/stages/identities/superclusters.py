"""Groups → families (superclusters): a coarser level, in which each group lies in one family or in none.

What belongs here: which groups form a family, from their centroids, for every clusterer in the same way; and the
lasting ids of families. Not here: the groups (`labels/clusterers.py`), the graph over centroids
(`labels/community/clusterer.py`), matching with the previous run (`matching.py`).

A family has at least two groups, but not all of them: such a level would say nothing.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.settings import IdentityParams
from pipeline.stages.identities.matching import Ledger, match
from pipeline.stages.labels.community.clusterer import coarser
from pipeline.stages.labels.contract import NONE

LEAST_GROUPS = 4  # families of two or three groups in all would say nothing
PREFIX, CLUSTER_PREFIX = "f-", "c-"


def families(vectors: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """Int32 [groups]: the family of each group, `NONE` for a group in no family; see `nested`.

    `vectors` float32 [n, d] L2-normalised embeddings, `groups` int [n] numbered from 0, −1 for none.
    """
    count = int(groups.max()) + 1 if len(groups) else 0
    if count < LEAST_GROUPS:
        return np.full(count, NONE, dtype=np.int32)
    return nested(coarser(vectors, groups, seed))


def nested(parents: np.ndarray) -> np.ndarray:
    """Int32 [groups]: `parents` int [groups] renumbered from 0 by their first group.

    `NONE` for a parent with one group only, and for all groups if one parent has them all.
    """
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
    """The lasting id and fate of each family (a set of content hashes), and the ledger for the next run.

    Families are matched by the same function as clusters, with their own ledger, so a family that gains a cluster keeps
    its id. Ids of families begin with `PREFIX`.
    """
    matching = match(members, _with_prefix(ledger, PREFIX, CLUSTER_PREFIX), params, category=f"{category} families")
    identities = [
        (PREFIX + identity.cluster_id.removeprefix(CLUSTER_PREFIX), identity.fate) for identity in matching.identities
    ]
    return identities, _with_prefix(matching.ledger, CLUSTER_PREFIX, PREFIX)


def _with_prefix(ledger: Ledger, old: str, new: str) -> Ledger:
    def rename(clusters: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
        return {new + name.removeprefix(old): members for name, members in clusters.items()}

    return Ledger(rename(ledger.alive), rename(ledger.dead))
