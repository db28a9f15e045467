"""Groups are found, numbered the same way every time, and noise stays noise."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from pipeline.errors import UnknownNameError
from pipeline.settings import ClusterParams
from pipeline.stages.labels.clusterers import CLUSTERERS, group
from pipeline.stages.labels.contract import NONE


def blobs(sizes: list[int], seed: int = 0, spread: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    centres = rng.normal(size=(len(sizes), 8)) * 3
    return (centres[truth] + spread * rng.normal(size=(len(truth), 8))).astype(np.float32), truth


@pytest.mark.parametrize("method", sorted(CLUSTERERS))
def test_separate_blobs_are_found_and_the_largest_is_group_zero(method: str) -> None:
    data, truth = blobs([10, 40, 20])
    data /= np.linalg.norm(data, axis=1, keepdims=True)
    found = group(data, ClusterParams(method=method, n_clusters=3))
    assert adjusted_rand_score(truth, found.groups) == 1.0
    assert (np.bincount(found.groups) == [40, 20, 10]).all()


@pytest.mark.parametrize("method", sorted(CLUSTERERS))
@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 7])
def test_any_number_of_images_is_grouped_without_failing(method: str, n: int) -> None:
    data, _ = blobs([n] if n else [])
    found = group(data.reshape(n, 8), ClusterParams(method=method))
    assert len(found.groups) == len(found.probability) == len(found.outlier_score) == n


@pytest.mark.parametrize("method", sorted(CLUSTERERS))
def test_probabilities_and_outlier_scores_lie_between_zero_and_one(method: str) -> None:
    data, _ = blobs([30, 30], spread=1.0)
    found = group(data, ClusterParams(method=method, n_clusters=2))
    for values in (found.probability, found.outlier_score):
        assert ((values >= 0) & (values <= 1)).all()


def test_a_far_away_image_is_unclustered() -> None:
    data, _ = blobs([30, 30])
    lonely = np.vstack([data, np.full((1, 8), 50.0, dtype=np.float32)])
    found = group(lonely, ClusterParams(method="hdbscan"))
    assert found.groups[-1] == NONE
    assert (found.groups[:-1] != NONE).all()


def test_the_smallest_group_is_clamped_to_a_small_library_and_told() -> None:
    data, truth = blobs([6, 6, 6])
    found = group(data, ClusterParams(method="hdbscan", min_cluster_size=50))
    assert found.effective["min_cluster_size"] == 4
    assert adjusted_rand_score(truth, found.groups) == 1.0


def test_identical_images_do_not_break_k_means() -> None:
    found = group(np.ones((9, 4), dtype=np.float32), ClusterParams(method="kmeans"))
    assert (found.groups == 0).all()
    assert found.effective["n_clusters"] == 1


def test_an_unknown_clusterer_is_refused_with_the_list() -> None:
    params = ClusterParams.model_construct(method="dbscan")
    with pytest.raises(UnknownNameError, match="hdbscan"):
        group(np.zeros((5, 2), dtype=np.float32), params)
