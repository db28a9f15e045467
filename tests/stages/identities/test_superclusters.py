"""Families contain clusters strictly, are the same for every clusterer, and keep their ids."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from pipeline.settings import ClusterParams, IdentityParams
from pipeline.stages.identities.matching import Ledger
from pipeline.stages.identities.superclusters import NONE, families, match_families, nested
from pipeline.stages.labels.clusterers import CLUSTERERS, group
from tests.stages.identities.families import families_of_kinds, unit


@given(st.lists(st.integers(0, 8), max_size=30))
def test_a_group_lies_in_one_family_or_none_and_no_family_says_nothing(parents: list[int]) -> None:
    found = nested(np.array(parents, dtype=np.int32))
    assert len(found) == len(parents)
    held = found[found != NONE]
    sizes = np.bincount(held) if len(held) else np.zeros(0, dtype=int)
    assert (sizes >= 2).all(), "families are numbered without gaps and have two groups or more"
    assert not len(sizes) or sizes.max() < len(parents), "one family of all groups is no level"
    for family in range(len(sizes)):
        assert len({parents[group] for group in np.flatnonzero(found == family)}) == 1
    together = [parents[group] for group in np.flatnonzero(found == NONE)]
    assert len(sizes) == 0 or len(set(together)) == len(together), "who stands alone has a parent of their own"


@pytest.mark.parametrize("method", sorted(CLUSTERERS))
def test_every_clusterer_finds_the_same_families(method: str) -> None:
    data, truth = families_of_kinds()
    found = group(data, ClusterParams.model_validate({"method": method, "n_clusters": 20}))
    above = families(data, found.groups, 42)
    assert adjusted_rand_score(truth, found.groups) > 0.9
    assert adjusted_rand_score(truth // 5, above[found.groups]) > 0.9


def test_the_clusterers_own_parents_follow_its_groups_when_they_are_numbered() -> None:
    data, truth = families_of_kinds()
    found = group(data, ClusterParams(n_clusters=20))
    assert found.parents is not None
    assert adjusted_rand_score(truth // 5, nested(found.parents)[found.groups]) > 0.9


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_two_or_three_groups_have_no_families(count: int) -> None:
    groups = np.repeat(np.arange(count), 5)
    data = unit(np.random.default_rng(0).normal(size=(len(groups), 8))) if count else np.empty((0, 8), np.float32)
    assert (families(data, groups, 0) == NONE).all()
    assert len(families(data, groups, 0)) == count


def span(start: int, stop: int) -> frozenset[str]:
    return frozenset(f"h{number:03d}" for number in range(start, stop))


def test_a_family_that_gains_a_cluster_keeps_its_id_and_a_strange_one_gets_another() -> None:
    first, ledger = match_families([span(0, 20), span(50, 60)], Ledger(), IdentityParams(), category="bollards")
    second, later = match_families([span(50, 60), span(0, 30)], ledger, IdentityParams(), category="bollards")
    assert [name for name, _ in second] == [first[1][0], first[0][0]]
    assert second[1][1] == "grown"
    third, last = match_families([span(200, 220)], later, IdentityParams(), category="bollards")
    assert third[0][0] not in dict(first)
    assert set(last.dead) == set(dict(first))
    assert all(name.startswith("f-") for name in [*last.alive, *last.dead])
