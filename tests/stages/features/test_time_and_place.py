"""Time and place as vectors: right round the globe and round the clock, neutral where nothing is known."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from pipeline.settings import ClusterParams
from pipeline.stages.features.time_and_place import (
    EARTH_KM,
    Context,
    contrast_of,
    effective,
    filled,
    join,
    kernel_features,
    on_the_globe,
)
from pipeline.stages.labels.clusterers import group

NOWHERE = (float("nan"), float("nan"))


def unit(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def pictures(n: int, kinds: int = 3, d: int = 64, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % kinds
    return unit(rng.normal(size=(kinds, d))[kind] + 0.4 * rng.normal(size=(n, d))), kind


def context(n: int, hours: object = None, places: object = None) -> Context:
    return Context(
        np.full(n, np.nan) if hours is None else np.asarray(hours, dtype=float),
        np.full((n, 2), np.nan) if places is None else np.asarray(places, dtype=float),
    )


def joined_by(vectors: np.ndarray, known: Context, **knobs: object) -> np.ndarray:
    params = ClusterParams.model_validate(knobs)
    return join(vectors, filled(vectors, known), params, contrast_of(vectors))


def by_place(one: tuple[float, float], other: tuple[float, float], kilometres: float = 10.0) -> float:
    a, b = kernel_features(on_the_globe(np.array([one, other], dtype=float)) * (EARTH_KM / kilometres))
    return float(a @ b)


@pytest.mark.parametrize(
    ("one", "other", "kilometres"),
    [
        ((0, 179.99), (0, -179.99), 2.22),  # across the antimeridian
        ((90, 0), (90, 137), 0.0),  # the pole has every longitude
        ((89.99, 0), (89.99, 180), 2.22),  # across the pole
        ((-90, -20), (-90, 160), 0.0),
        ((48.8566, 2.3522), (52.52, 13.405), 877.5),  # Paris, Berlin
        ((0, 0), (0, 180), np.pi * EARTH_KM),
    ],
)
def test_likeness_by_place_follows_the_great_circle(
    one: tuple[float, float], other: tuple[float, float], kilometres: float
) -> None:
    assert by_place(one, other) == pytest.approx(np.exp(-((kilometres / 10) ** 2) / 2), abs=0.15)


def test_the_kernel_errs_little_at_any_distance() -> None:
    """Root mean square over a day to ten years, and all round the globe: what the constants were chosen by."""
    far = np.geomspace(0.01, 10_000, 20_000)[:, None]
    found = kernel_features(far) @ kernel_features(np.zeros((1, 1)))[0]
    assert np.sqrt(np.mean((found - np.exp(-(far[:, 0] ** 2) / 2)) ** 2)) < 0.047
    rng = np.random.default_rng(0)
    globe = unit(rng.normal(size=(4000, 3))).astype(float) * (EARTH_KM / 10)
    features = kernel_features(globe)
    assert np.sqrt(np.mean((features[1:] @ features[0]) ** 2)) < 0.047


def test_weights_of_zero_hand_the_very_same_vectors_back() -> None:
    vectors, _ = pictures(10)
    known = context(10, hours=np.arange(10), places=[(1, 2)] * 10)
    assert joined_by(vectors, known) is vectors


def test_rows_have_length_one_and_the_work_is_told() -> None:
    vectors, _ = pictures(30)
    hours = np.where(np.arange(30) < 4, np.nan, 500.0)
    knobs = {"weights": {"time": 2, "place": 0.5}, "time_hours": 6}
    known = context(30, hours=hours, places=[NOWHERE] * 29 + [(1.0, 2.0)])
    np.testing.assert_allclose(np.linalg.norm(joined_by(vectors, known, **knobs), axis=1), 1, atol=1e-5)
    told = effective(known, ClusterParams.model_validate(knobs), 0.3)
    assert told["weights"] == {"visual": 1.0, "time": 2.0, "place": 0.5}
    assert (told["without_time"], told["without_place"]) == (4, 29)
    assert (told["time_hours"], told["place_km"], told["contrast"]) == (6, 10, 0.3)


def test_a_library_may_come_in_parts() -> None:
    vectors, _ = pictures(20)
    known = filled(vectors, context(20, hours=[*range(19), np.nan]))
    params = ClusterParams.model_validate({"weights": {"time": 1, "place": 1}})
    whole = join(vectors, known, params, 0.5)
    part = join(vectors[5:9], Context(known.hours[5:9], known.places[5:9]), params, 0.5)
    np.testing.assert_allclose(part, whole[5:9], atol=1e-7)


def test_a_library_without_any_time_keeps_its_pictures_distances() -> None:
    vectors, _ = pictures(20)
    joined = joined_by(vectors, context(20), weights={"time": 1})
    np.testing.assert_allclose(joined @ joined.T, vectors @ vectors.T, atol=1e-6)


def test_another_time_sets_two_pictures_apart_as_much_as_another_picture_does() -> None:
    vectors, kind = pictures(200, kinds=4)
    late = np.arange(200) // 4 % 2 == 1
    joined = joined_by(vectors, context(200, hours=np.where(late, 5000.0, 0.0)), weights={"time": 1})
    similarity = joined @ joined.T
    alike, together = kind[:, None] == kind[None], late[:, None] == late[None]
    here, there = similarity[alike & together].mean(), similarity[alike & ~together].mean()
    other = similarity[~alike & together].mean()
    assert 0.5 < (here - there) / (here - other) < 1.5


def test_a_missing_time_leaves_the_choice_to_the_picture() -> None:
    """It is nearest to those that it looks like, and not knowing makes images neither nearer nor farther."""
    vectors, kind = pictures(300)
    late = np.arange(300) // 3 % 2 == 1
    missing = np.arange(300) % 10 == 0
    hours = np.where(missing, np.nan, np.where(late, 5000.0, 0.0))
    joined = joined_by(vectors, context(300, hours=hours), weights={"time": 1})
    similarity = joined @ joined.T
    np.fill_diagonal(similarity, -1)
    nearest = np.argsort(-similarity, axis=1)[:, :5]
    assert (kind[nearest[missing]] == kind[missing][:, None]).all()
    alike = kind[:, None] == kind[None]
    np.fill_diagonal(alike, False)
    among = similarity[missing][:, missing][alike[missing][:, missing]].mean()
    to_known = similarity[missing][:, ~missing][alike[missing][:, ~missing]].mean()
    knowing = similarity[~missing][:, ~missing][alike[~missing][:, ~missing]].mean()
    assert among == pytest.approx(to_known, abs=0.05)
    assert to_known == pytest.approx(knowing, abs=0.02)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_any_number_of_images_is_joined(n: int) -> None:
    vectors, _ = pictures(n)
    joined = joined_by(vectors, context(n, hours=np.arange(n)), weights={"time": 1})
    assert len(joined) == n
    assert np.isfinite(joined).all()


@pytest.mark.parametrize("method", ["community", "hdbscan", "kmeans"])
def test_vectors_of_any_encoder_are_clustered_by_the_same_code(method: str) -> None:
    """DINOv2's 384 numbers, CLIP's 512, SigLIP's 768: the same pictures at the same distances give the same groups."""
    vectors, kind = pictures(90, d=64)
    hours = np.where(np.arange(90) // 3 % 2 == 1, 5000.0, 0.0)
    knobs = {"weights": {"time": 1}, "method": method, "n_clusters": 6}
    found = []
    for dimension in (384, 512, 768):
        turn = np.linalg.qr(np.random.default_rng(dimension).normal(size=(dimension, 64)))[0].T
        wide = (vectors @ turn).astype(np.float32)
        assert contrast_of(wide) == pytest.approx(contrast_of(vectors), abs=1e-3)
        joined = joined_by(wide, context(90, hours=hours), **knobs)
        found.append(group(joined, ClusterParams.model_validate(knobs)).groups)
    for groups in found:
        assert adjusted_rand_score(kind * 2 + (hours > 0), groups) == 1.0
