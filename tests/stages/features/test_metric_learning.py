"""Ratings teach where they help, and change nothing where they do not."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pipeline.settings import ClusterParams
from pipeline.stages.features.metric_learning import RatedPair, learn_metric, map_from_bytes, ranking

PARAMS = ClusterParams()


def unit(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def library(n: int = 200, d: int = 48, nuisance: float = 3.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Four kinds; along five further directions images of one kind differ more than kinds do (the light, say)."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(4, size=n)
    directions = np.linalg.qr(rng.normal(size=(d, d)))[0]
    return unit(
        rng.normal(size=(4, d))[kind]
        + nuisance * rng.normal(size=(n, 5)) @ directions[:5]
        + 0.3 * rng.normal(size=(n, d))
    ), kind


def rated(kind: np.ndarray, count: int, seed: int = 1) -> list[RatedPair]:
    rng, pairs = np.random.default_rng(seed), list[RatedPair]()
    while len(pairs) < count:
        one, other = (int(row) for row in rng.choice(len(kind), 2, replace=False))
        same = bool(kind[one] == kind[other])
        if sum(pair.same == same for pair in pairs) < (count + 1) // 2:
            pairs.append(RatedPair(one, other, same))
    return pairs


def area(vectors: np.ndarray, kind: np.ndarray) -> float:
    above = np.triu_indices(len(kind), 1)
    return float(roc_auc_score((kind[:, None] == kind[None])[above], (vectors @ vectors.T)[above]))


def test_pairs_teach_what_does_not_matter() -> None:
    vectors, kind = library()
    learned = learn_metric(vectors, rated(kind, 60), PARAMS)
    assert learned.effective["used"]
    assert learned.effective["ranking_after"] > learned.effective["ranking_before"]
    mapped = learned.apply(vectors)
    np.testing.assert_allclose(np.linalg.norm(mapped, axis=1), 1, atol=1e-5)
    fresh, their_kind = vectors[100:], kind[100:]
    assert area(mapped[100:], their_kind) > area(fresh, their_kind) + 0.05


def test_what_is_right_already_is_left_alone() -> None:
    vectors, kind = library(nuisance=0.0)
    learned = learn_metric(vectors, rated(kind, 60), PARAMS)
    assert learned.identity
    assert learned.apply(vectors) is vectors
    assert "no better" in learned.effective["why"]


def test_ratings_that_say_nothing_teach_nothing() -> None:
    """Tossed coins: the guard keeps their map out, whichever way they fell."""
    vectors, _ = library(nuisance=0.5)
    used = []
    for seed in range(8):
        coins = np.random.default_rng(seed).integers(2, size=len(vectors))
        used.append(learn_metric(vectors, rated(coins, 60, seed), PARAMS).effective["used"])
    assert sum(used) <= 3


@pytest.mark.parametrize(("count", "same"), [(0, None), (19, None), (40, True), (40, False)])
def test_too_few_or_one_sided_ratings_change_nothing_and_say_why(count: int, same: bool | None) -> None:
    vectors, kind = library()
    pairs = [pair for pair in rated(kind, 200) if same is None or pair.same == same][:count]
    learned = learn_metric(vectors, pairs, PARAMS)
    assert learned.identity
    assert not learned.effective["used"]
    assert "learning starts with 20 pairs" in learned.effective["why"]


def test_the_same_ratings_teach_the_same_map_in_bytes_and_back() -> None:
    vectors, kind = library()
    one, other = (learn_metric(vectors, rated(kind, 60), PARAMS) for _ in range(2))
    assert one.to_bytes() == other.to_bytes()
    again = map_from_bytes(one.to_bytes())
    assert (again.apply(vectors) == one.apply(vectors)).all()


def test_a_query_is_mapped_like_the_index() -> None:
    vectors, kind = library()
    learned = learn_metric(vectors, rated(kind, 60), PARAMS)
    np.testing.assert_allclose(learned.apply(vectors[7:8]), learned.apply(vectors)[7:8], atol=1e-6)


def test_identical_pictures_and_contradictions_are_survived() -> None:
    vectors = np.tile(unit(np.ones((1, 8))), (40, 1))
    pairs = [RatedPair(row, row + 1, row % 2 == 0) for row in range(39)]
    assert learn_metric(vectors, pairs, PARAMS).identity


def test_ranking_is_the_area_under_the_curve() -> None:
    rng = np.random.default_rng(0)
    similarity, same = rng.normal(size=50).round(1), rng.random(50) < 0.4
    assert ranking(similarity, same) == pytest.approx(roc_auc_score(same, similarity))
