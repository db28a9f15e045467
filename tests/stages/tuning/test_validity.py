"""The figure that tells how well a clustering separates."""

import pytest

from pipeline.stages.tuning.validity import silhouette
from tests.stages.labels.community.vectors import kinds


def test_the_silhouette_is_the_one_of_the_book() -> None:
    from sklearn.metrics import silhouette_score

    data, truth = kinds([30, 20, 10], width=1.2)
    assert silhouette(data, truth) == pytest.approx(silhouette_score(data, truth, metric="cosine"), abs=1e-4)
