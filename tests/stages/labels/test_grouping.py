"""Groups are numbered by size, in one way for every clusterer."""

import numpy as np
import pytest

from pipeline.settings import ClusterParams
from pipeline.stages.labels.clusterers import CLUSTERERS, group
from pipeline.stages.labels.grouping import no_groups, numbered_by_size
from tests.stages.labels.community.vectors import kinds


def test_groups_are_numbered_by_size_and_ties_by_their_first_image() -> None:
    assert numbered_by_size(np.array([7, 5, 5, -1, 2, 2, 7])).tolist() == [0, 1, 1, -1, 2, 2, 0]


@pytest.mark.parametrize("method", sorted(CLUSTERERS))
def test_each_clusterer_numbers_its_groups_by_size(method: str) -> None:
    groups = group(kinds([50, 30, 10])[0], ClusterParams(method=method)).groups
    assert len(groups) == 90
    assert (numbered_by_size(groups) == groups).all()


@pytest.mark.parametrize("n", [0, 1, 5])
def test_where_there_is_no_group_every_image_is_outside_and_the_reason_is_told(n: int) -> None:
    found = no_groups(n, {"method": "any"})
    assert found.groups.tolist() == [-1] * n
    assert found.parents is not None
    assert not len(found.parents)
    assert found.effective == {"method": "any", "note": f"{n} images make no group"}
