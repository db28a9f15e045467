"""The one knob granularity as a resolution: it rises with it, and the word auto is a number on it."""

import numpy as np
import pytest
from scipy import sparse

from pipeline.stages.labels.community.resolution import RANGE, USUAL, granularity_of, inside_share, resolution_of


def test_a_finer_granularity_never_means_a_coarser_resolution() -> None:
    values = np.linspace(0, 1, 21)
    resolutions = [resolution_of(value) for value in values]
    assert (np.diff(resolutions) > 0).all()
    assert np.allclose([granularity_of(r) for r in resolutions], values)


def test_the_middle_is_the_usual_resolution_and_the_ends_lie_a_range_away() -> None:
    assert [resolution_of(value) for value in (0, 0.5, 1)] == pytest.approx([USUAL / RANGE, USUAL, USUAL * RANGE])
    assert granularity_of(USUAL) == 0.5


@pytest.mark.parametrize(("outside", "end"), [(-3, 0), (7, 1)])
def test_a_granularity_beyond_the_ends_is_the_end(outside: float, end: float) -> None:
    assert resolution_of(outside) == resolution_of(end)


def test_the_share_inside_groups_is_of_edge_weight_and_whole_without_edges() -> None:
    graph = sparse.csr_matrix(np.array([[0, 3, 0], [3, 0, 1], [0, 1, 0]], dtype=np.float32))
    assert inside_share(graph, np.array([0, 0, 1])) == 0.75
    assert inside_share(graph, np.array([0, 0, 0])) == 1.0
    assert inside_share(graph, np.array([0, 1, 2])) == 0.0
    assert inside_share(sparse.csr_matrix((3, 3), dtype=np.float32), np.array([0, 1, 2])) == 1.0
