"""One map for every number of images: the same twice, and it stays as the library grows."""

import subprocess
import sys

import numpy as np
import pytest

from pipeline.stages.neighbours.knn import Neighbours, nearest_neighbours
from pipeline.stages.reduced.map_layout import FEW, NEIGHBOURS, TREE, layout, principal_plane

LARGE = pytest.param(TREE + 1, marks=pytest.mark.slow)


def blobs(n: int, d: int = 32, kinds: int = 4, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(kinds, d))
    data = centres[np.arange(n) % kinds] + 0.2 * rng.normal(size=(n, d))
    return (data / np.linalg.norm(data, axis=1, keepdims=True)).astype(np.float32)


def radius(positions: np.ndarray) -> float:
    """The radius within which 95 % of a map lie."""
    return float(np.percentile(np.linalg.norm(positions - positions.mean(axis=0), axis=1), 95))


def shift(after: np.ndarray, before: np.ndarray) -> float:
    """How far an image moves, in radii of the map: the median."""
    return float(np.median(np.linalg.norm(after - before, axis=1))) / radius(before)


def unknown(n: int, known: np.ndarray) -> np.ndarray:
    """The positions of n images, of which the first are `known`."""
    return np.vstack([known, np.full((n - len(known), 2), np.nan)])


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, FEW - 1, FEW, FEW + 1, 100])
def test_any_number_of_images_has_a_map(n: int) -> None:
    positions = layout(blobs(n))
    assert positions.shape == (n, 2)
    assert positions.dtype == np.float32
    assert np.isfinite(positions).all()


@pytest.mark.parametrize("n", [FEW - 1, 60, LARGE])
def test_copies_of_one_picture_have_a_map(n: int) -> None:
    assert np.isfinite(layout(np.repeat(blobs(1), n, axis=0))).all()
    assert np.isfinite(layout(np.vstack([np.repeat(blobs(1), n // 2, axis=0), blobs(n - n // 2)]))).all()


@pytest.mark.parametrize("n", [120, LARGE])
def test_the_map_separates_the_kinds_and_is_the_same_twice(n: int) -> None:
    data = blobs(n)
    first, second = layout(data), layout(data)
    assert np.array_equal(first, second)
    centres = np.stack([first[kind::4].mean(axis=0) for kind in range(4)])
    nearest = np.linalg.norm(first[:, None] - centres[None], axis=2).argmin(axis=1)
    assert (nearest == np.arange(n) % 4).mean() > 0.95


@pytest.mark.slow
def test_the_method_does_not_change_with_the_size() -> None:
    """The tree and the grid approximate the same forces: one image more gives the same map."""
    data = blobs(TREE + 1, kinds=12)
    before = layout(data[:TREE])
    after = layout(data, unknown(TREE + 1, before), again=True)
    assert shift(after[:TREE], before) < 0.05


def test_few_new_images_move_nobody_on_the_map() -> None:
    data = blobs(100)
    before = layout(data[:90])
    after = layout(data, unknown(100, before))
    assert np.array_equal(after[:90], before)
    assert np.isfinite(after[90:]).all()


def test_a_new_image_lands_beside_its_look_alikes() -> None:
    data = blobs(100)
    placed = layout(data, unknown(100, np.array([[kind * 10.0, 0.0] for kind in np.arange(96) % 4])))
    assert np.allclose(placed[96:, 0], [0, 10, 20, 30], atol=1e-3)


def test_a_map_of_few_images_is_turned_back_onto_the_old_one() -> None:
    data = blobs(FEW - 1)
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    before = layout(data[:15]) @ turn * 3 + 5
    assert shift(layout(data, unknown(FEW - 1, before))[:15], before) < 0.2


@pytest.mark.parametrize(("before", "after"), [(100, 160), (600, 1200)])
def test_known_places_are_kept_when_many_images_are_new(before: int, after: int) -> None:
    data = blobs(after, kinds=12)
    known = layout(data[:before])
    said: list[str] = []
    grown = layout(data, unknown(after, known), on_notice=said.append)
    assert shift(grown[:before], known) < 0.15
    assert f"{after - before} of {after}" in said[0]


def test_a_map_that_another_method_made_is_where_the_new_one_starts() -> None:
    """Whatever its scale: the maps of older versions spanned 10 to 200."""
    data = blobs(400, kinds=12)
    known = layout(data)
    for scale in (0.1, 10):
        old = known * scale + np.random.default_rng(0).normal(scale=0.05 * scale * radius(known), size=known.shape)
        again = layout(data, old.astype(np.float32), again=True)
        assert not np.array_equal(again, old)
        assert shift(again, old) < 0.15


def test_neighbours_that_are_known_are_not_searched_for_again() -> None:
    data = blobs(300)
    asked: list[int] = []

    def known() -> Neighbours:
        asked.append(1)
        return nearest_neighbours(data, NEIGHBOURS + 3)

    assert np.array_equal(layout(data, neighbours=known), layout(data))
    assert asked == [1]
    before = layout(data)
    layout(data, before, neighbours=known)
    assert asked == [1], "nothing is searched where nothing is laid out"


def test_the_plane_does_not_depend_on_the_sign_of_a_component() -> None:
    plane = principal_plane(blobs(200))
    assert (plane[np.abs(plane).argmax(axis=0), [0, 1]] > 0).all()
    assert plane[:, 0].std() > plane[:, 1].std()
    assert principal_plane(np.ones((3, 1), dtype=np.float32)).shape == (3, 2)


def test_a_map_compiles_nothing() -> None:
    code = (
        "import sys, numpy as np; from pipeline.stages.reduced.map_layout import layout;"
        "layout(np.random.default_rng(0).normal(size=(60, 8)).astype('f4'));"
        "print([name for name in ('numba', 'umap', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
