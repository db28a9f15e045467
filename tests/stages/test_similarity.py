"""Similarity search is exact, and a member finds itself first."""

import numpy as np

from pipeline.stages.similarity import build, load, search


def test_a_member_finds_itself_first_with_score_one() -> None:
    rng = np.random.default_rng(0)
    data = rng.normal(size=(300, 48)).astype(np.float32)
    data /= np.linalg.norm(data, axis=1, keepdims=True)
    index = load(build(data.astype(np.float16)))
    for row in (0, 17, 299):
        hits = search(index, data[row], 5)
        assert hits[0].row == row
        assert abs(hits[0].score - 1.0) < 2e-3
        exact = np.argsort(-(data @ data[row]))[:5]
        assert [hit.row for hit in hits] == exact.tolist()


def test_more_results_than_images_are_not_invented() -> None:
    index = load(build(np.eye(3, dtype=np.float32)))
    assert [hit.row for hit in search(index, np.array([0, 1, 0.5]), 50)] == [1, 2, 0]
