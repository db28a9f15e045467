"""Near copies count as one image: they break nothing up, and they share a fate."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_mutual_info_score

from pipeline.stages.labels.community import near_copies
from pipeline.stages.labels.community.near_copies import find_looks
from pipeline.stages.labels.contract import NONE
from pipeline.stages.neighbours.knn import nearest_neighbours
from tests.stages.labels.community.vectors import communities, kinds, unit


def near(data: np.ndarray, times: int, *, change: float = 0.05, seed: int = 0) -> np.ndarray:
    """`times` near copies of each row, float32 [n * times, d]."""
    rng = np.random.default_rng(seed)
    return unit(np.repeat(data, times, axis=0) + change * unit(rng.normal(size=(len(data) * times, data.shape[1]))))


def library(width: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """300 images of ten kinds, none of which is a near copy of another."""
    return kinds([30] * 10, width=width)


def test_a_library_without_copies_gives_the_same_to_the_last_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    data, _ = library()
    one = communities(data)
    monkeypatch.setattr(near_copies, "LIMIT", 0.0)
    other = communities(data)
    for name in ("groups", "probability", "outlier_score", "parents"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()
    assert one.looks is None
    assert "near_copies" not in one.effective


@pytest.mark.parametrize("change", [0.0, 0.05, 0.15])
def test_near_copies_of_every_tenth_image_break_nothing_up(change: float) -> None:
    data, _ = library()
    some = np.arange(0, len(data), 10)
    found = communities(np.vstack([data, near(data[some], 9, change=change)]))
    before = communities(data).groups
    assert adjusted_mutual_info_score(before, found.groups[: len(data)]) >= 0.95
    assert found.groups.max() == before.max()
    assert found.effective["near_copies"] == 9 * len(some)


@pytest.mark.parametrize("change", [0.0, 0.05])
def test_all_copies_of_a_picture_share_its_fate(change: float) -> None:
    """Also those of a picture that has more copies than an image has neighbours, and of one that fits nowhere."""
    data, _ = library()
    stranger = unit(np.random.default_rng(5).normal(size=(1, data.shape[1])))
    found = communities(np.vstack([data, near(data[:1], 60, change=change), near(stranger, 3, change=change)]))
    for of in (np.r_[0, 300:360], np.arange(360, 363)):
        for values in (found.groups, found.probability, found.outlier_score):
            assert len(np.unique(values[of])) == 1
    assert found.looks is not None
    assert len(np.unique(found.looks)) == 301


def test_a_picture_that_fits_nowhere_is_a_cluster_once_it_has_enough_copies() -> None:
    data, _ = library()
    stranger = unit(np.random.default_rng(5).normal(size=(1, data.shape[1])))
    few = communities(np.vstack([data, near(stranger, 3)]))
    many = communities(np.vstack([data, near(stranger, 10)]))
    assert (few.groups[300:] == NONE).all()
    own = many.groups[300:]
    assert len(np.unique(own)) == 1
    assert (many.groups == own[0]).sum() == 10
    assert own[0] != NONE
    assert (many.probability[300:] == 1).all()


@pytest.mark.parametrize("count", [2, 5, 12, 19, 20, 60])
@pytest.mark.parametrize("change", [0.0, 0.05])
def test_kinds_of_ten_equal_images_are_found(count: int, change: float) -> None:
    centres = unit(np.random.default_rng(3).normal(size=(count, 512)))
    found = communities(near(centres, 10, change=change))
    assert adjusted_mutual_info_score(np.repeat(np.arange(count), 10), found.groups) == pytest.approx(1.0)
    assert len(found.parents) == count


@pytest.mark.parametrize("width", [0.15, 0.25, 0.35])
def test_few_narrow_kinds_far_apart_are_not_cut_into_their_looks(width: float) -> None:
    """Within such a kind most images are near copies, seen from the distance between kinds."""
    data, truth = kinds([80, 60, 40], width=width)
    found = communities(data)
    assert adjusted_mutual_info_score(truth, found.groups) >= 0.95


def test_copies_of_copies_are_no_copies() -> None:
    """Frames of a film, each near to the next: a look never grows beyond what is near to one image."""
    angle = np.linspace(0, np.pi / 2, 200)
    film = unit(np.stack([np.cos(angle), np.sin(angle)] + [np.zeros(200)] * 30, axis=1))
    others = unit(np.random.default_rng(0).normal(size=(100, 32)))
    data = np.vstack([film, others])
    looks = find_looks(data, nearest_neighbours(data, 14))
    assert 4 <= len(np.unique(looks.of[:200])) <= 20


def test_copies_of_a_single_image_are_one_cluster() -> None:
    found = communities(near(unit(np.ones((1, 64))), 30, change=0.0))
    assert (found.groups == 0).all()
    assert found.parents.tolist() == [0]


def test_more_clusters_than_looks_are_met_from_copies() -> None:
    data = near(library()[0][:30], 4)
    found = communities(data, n_clusters=40)
    assert len(np.unique(found.groups[found.groups != NONE])) == 40


def test_neighbours_of_a_look_are_other_looks() -> None:
    data, _ = library()
    piled = np.vstack([data, near(data[:40], 25)])
    looks = find_looks(piled, nearest_neighbours(piled, 14))
    indices, distances = looks.neighbours.indices, looks.neighbours.distances
    assert indices.shape == (300, 14)
    present = np.isfinite(distances)
    assert (indices != np.arange(300)[:, None])[present].all()
    assert (present.sum(axis=1) > 7).all()
    assert all(len(np.unique(row[there])) == there.sum() for row, there in zip(indices, present, strict=True))
    assert (np.diff(np.where(present, distances, 9.0), axis=1) >= 0).all()
    assert looks.copies.sum() == len(piled)
