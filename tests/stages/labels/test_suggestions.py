"""What is left over gets a suggestion; its confidence follows how near and how undisputed the cluster is."""

import numpy as np
import pytest

from pipeline.stages.labels.suggestions import NONE, accept, suggest


def unit(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def library() -> tuple[np.ndarray, np.ndarray]:
    """Two clusters of 40; then one image like the first's members, one half-way between, one like nothing."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 32)) * 2
    members = np.repeat([a, b], 40, axis=0) + 0.5 * rng.normal(size=(80, 32))
    others = np.stack([a + 0.5 * rng.normal(size=32), (a + b) / 2 + 0.5 * rng.normal(size=32), rng.normal(size=32) * 2])
    return unit(np.vstack([members, others])), np.array([0] * 40 + [1] * 40 + [NONE] * 3, dtype=np.int32)


def test_the_confidence_falls_from_a_member_to_a_stranger(library: tuple[np.ndarray, np.ndarray]) -> None:
    found = suggest(*library)
    like, between, nothing = found.confidence
    assert found.rows.tolist() == [80, 81, 82]
    assert found.groups[0] == 0
    assert like > 0.7
    assert like > between > nothing
    assert nothing < 0.2
    assert ((found.confidence >= 0) & (found.confidence <= 1)).all()


def test_only_sure_suggestions_are_taken_and_the_rest_stays_as_it_was(library: tuple[np.ndarray, np.ndarray]) -> None:
    vectors, groups = library
    found = suggest(vectors, groups)
    probability = np.where(groups == NONE, 0, 0.9).astype(np.float32)
    joined, sure, taken = accept(groups, probability, found, 0.7)
    assert taken.tolist() == [True, False, False]
    assert joined.tolist() == [*groups[:80], 0, NONE, NONE]
    assert sure[80] == found.confidence[0]
    assert (sure[:80] == probability[:80]).all()


@pytest.mark.parametrize("groups", [[], [NONE], [NONE] * 4, [0, 0, 0], [0, 0, NONE], [0, NONE]])
def test_any_library_is_survived(groups: list[int]) -> None:
    vectors = unit(np.random.default_rng(0).normal(size=(len(groups), 4)).reshape(-1, 4))
    found = suggest(vectors, np.array(groups, dtype=np.int32))
    assert len(found.rows) == (groups.count(NONE) if 0 in groups else 0)


def test_copies_of_one_picture_divide_nothing_by_zero() -> None:
    vectors = np.tile(unit(np.ones((1, 4))), (6, 1))
    found = suggest(vectors, np.array([0, 0, 0, 1, 1, NONE], dtype=np.int32))
    assert np.isfinite(found.confidence).all()


def test_vectors_need_not_have_length_one() -> None:
    rng = np.random.default_rng(0)
    vectors = (np.repeat([[0.0, 0.0], [50.0, 0.0]], 20, axis=0) + rng.normal(size=(40, 2))).astype(np.float32)
    groups = np.repeat([0, 1], 20).astype(np.int32)
    groups[-1] = NONE
    assert suggest(vectors, groups).groups.tolist() == [1]
