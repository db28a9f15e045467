"""What fits nowhere is found in the original space, and what fits is left alone."""

import numpy as np
import pytest

from pipeline.stages.labels.community.outliers import (
    REMOTE,
    isolation,
    membership,
    remote_limit,
    remoteness,
    strangeness,
)
from pipeline.stages.labels.contract import NONE
from pipeline.stages.neighbours.fuzzy_graph import fuzzy_graph
from pipeline.stages.neighbours.knn import nearest_neighbours
from tests.benchmarks.quality.datasets import sphere_mixture
from tests.stages.labels.community.vectors import communities


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n", [300, 2000])
def test_a_fifth_of_true_noise_is_found(n: int, seed: int) -> None:
    data, truth = sphere_mixture(n, seed=seed)
    out = communities(data).groups == NONE
    assert out[truth < 0].mean() >= 0.9
    assert (truth < 0)[out].mean() >= 0.8


@pytest.mark.parametrize("seed", range(3))
def test_where_every_image_has_a_kind_few_are_left_out(seed: int) -> None:
    data, _ = sphere_mixture(1000, noise=0.0, seed=seed)
    assert (communities(data).groups == NONE).mean() <= 0.05


def test_an_image_far_from_a_tight_group_is_unclustered() -> None:
    data, _ = sphere_mixture(200, noise=0.0, seed=1)
    stranger = np.random.default_rng(5).normal(size=(1, 512))
    found = communities(np.vstack([data, stranger / np.linalg.norm(stranger)]).astype(np.float32))
    assert found.groups[-1] == NONE
    assert found.outlier_score[-1] >= 0.5
    assert found.probability[-1] == 0


def test_the_score_says_who_is_unclustered() -> None:
    data, _ = sphere_mixture(500)
    found = communities(data)
    assert ((found.outlier_score >= 0.5) == (found.groups == NONE)).all()
    assert ((found.probability > 0) == (found.groups != NONE)).all()


def test_random_directions_are_no_nearer_to_each_other_than_to_all() -> None:
    data, truth = sphere_mixture(2000)
    apart = isolation(data, nearest_neighbours(data, 3).distances.mean(axis=1))
    assert apart[truth < 0].min() > 0.8
    assert np.quantile(apart[truth >= 0], 0.99) < 0.75  # a kind of one or two members is noise in all but name


def test_a_group_of_copies_does_not_make_its_neighbours_strange() -> None:
    near = np.array([0.0] * 10 + [0.2] * 10)
    groups = np.repeat([0, 1], 10)
    assert np.abs(remoteness(near, groups)).max() == 0


def test_a_library_of_noise_alone_is_still_grouped_and_says_so() -> None:
    data, _ = sphere_mixture(300, noise=1.0)
    neighbours = nearest_neighbours(data, 14)
    found = strangeness(data, neighbours, np.zeros(300, dtype=np.int64))
    assert found.isolation_limit is None
    assert (found.score < 0.5).mean() > 0.9


def test_membership_is_the_share_of_weight_inside_the_group() -> None:
    data, _ = sphere_mixture(100, noise=0.0)
    graph = fuzzy_graph(nearest_neighbours(data, 5))
    assert np.allclose(membership(graph, np.zeros(100, dtype=np.int64)), 1)
    assert (membership(graph, np.full(100, NONE)) == 0).all()


def test_a_spread_that_few_images_tell_calls_fewer_of_them_strangers() -> None:
    limits = [remote_limit(np.repeat(np.arange(6), size)) for size in (2, 6, 50, 5000)]
    assert limits == sorted(limits, reverse=True)
    assert limits[1] > 1.1 * REMOTE
    assert limits[-1] == pytest.approx(REMOTE, rel=1e-3)


@pytest.mark.parametrize("size", [4, 8, 200])
def test_as_few_members_of_one_kind_are_called_remote_in_small_groups_as_in_large_ones(size: int) -> None:
    rng = np.random.default_rng(0)
    called: list[float] = []
    for _ in range(400 if size < 100 else 20):
        groups = np.repeat(np.arange(5), size)
        near = np.exp(rng.normal(0, 0.3, len(groups)))
        called.append(float((remoteness(near, groups) > remote_limit(groups)).mean()))
    assert np.mean(called) < 0.005
