"""The most typical image stands for a cluster, the others are spread, and the choice is always the same."""

import numpy as np

from pipeline.settings import RepresentativeParams
from pipeline.stages.representatives.ranking import nearest_centroids, represent


def unit(data: np.ndarray) -> np.ndarray:
    return (data / np.linalg.norm(data, axis=1, keepdims=True)).astype(np.float32)


def cloud(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return unit(np.array([1.0, 0, 0, 0]) + 0.2 * rng.normal(size=(n, 4)))


def test_the_representative_is_nearest_to_the_centroid() -> None:
    data = cloud(20)
    found = represent(data, [f"i{n:02d}" for n in range(20)], RepresentativeParams())
    assert found.chosen[0] == int((data @ found.centroid).argmax()) == found.order[0]
    assert len(set(found.chosen)) == 6


def test_no_outlier_stands_for_a_cluster() -> None:
    data = np.vstack([cloud(20), unit(np.array([[0.2, 1.0, 0, 0]]))])
    found = represent(data, [f"i{n:02d}" for n in range(21)], RepresentativeParams(count=5))
    assert 20 not in found.chosen
    assert found.order[-1] == 20


def test_ties_are_broken_by_name_whatever_the_order_of_the_rows() -> None:
    data = np.repeat(cloud(1), 6, axis=0)
    names = ["f", "b", "d", "a", "e", "c"]
    found = represent(data, names, RepresentativeParams(count=3))
    assert [names[row] for row in found.order] == sorted(names)
    assert [names[row] for row in found.chosen] == ["a", "b", "c"]


def test_a_cluster_of_one_is_represented_by_itself() -> None:
    found = represent(cloud(1), ["only"], RepresentativeParams())
    assert found.chosen == [0]
    assert abs(found.cohesion - 1.0) < 1e-3


def test_the_nearest_centroid_and_its_distance_are_those_of_the_cosine() -> None:
    centroids = unit(np.array([[1.0, 0, 0], [0, 1.0, 0]]))
    best, distance = nearest_centroids(unit(np.array([[0.1, 0.9, 0], [1.0, 0, 0]])), centroids)
    assert best.tolist() == [1, 0]
    assert abs(distance[1]) < 1e-6
