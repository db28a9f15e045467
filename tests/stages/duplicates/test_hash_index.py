"""The index over perceptual hashes finds exactly the pairs that comparing all with all finds."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stages.duplicates import hash_index
from pipeline.stages.duplicates.hash_index import HashIndex


def by_comparing_all(codes: np.ndarray, queries: np.ndarray, most: int, after: int) -> list[list[int]]:
    near = np.bitwise_count(queries[:, None] ^ codes[None]) <= most
    return [(after + np.flatnonzero(row[after:])).tolist() for row in near]


def found(codes: np.ndarray, queries: np.ndarray, most: int, after: int) -> list[list[int]]:
    return [places.tolist() for places in HashIndex(codes, most).near(queries, after)[0]]


def drawn(seed: int, count: int, kinds: int, most: int) -> np.ndarray:
    """Hashes around some centres, at distances below, at and above `most`."""
    rng = np.random.default_rng(seed)
    centres = rng.integers(0, 2**64, kinds, dtype=np.uint64)[rng.integers(0, kinds, count)]
    flipped = rng.permuted(np.tile(np.arange(64), (count, 1)), axis=1) < rng.integers(0, most + 3, count)[:, None]
    bits = (flipped * (np.uint64(1) << np.arange(64, dtype=np.uint64))).sum(axis=1, dtype=np.uint64)
    return centres ^ bits


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32), count=st.integers(0, 120), kinds=st.integers(1, 40), most=st.integers(0, 14),
    after=st.integers(0, 60), indexed=st.booleans(), rare=st.booleans(), at_once=st.sampled_from([1, 7, 1 << 20]),
)  # fmt: skip
def test_the_pairs_are_those_of_comparing_all_with_all(
    seed: int, count: int, kinds: int, most: int, after: int, *, indexed: bool, rare: bool, at_once: int
) -> None:
    codes = drawn(seed, count, kinds, most)
    queries = np.concatenate([codes[::3], drawn(seed + 1, 5, kinds, most)])
    with pytest.MonkeyPatch.context() as patch:
        # however few the hashes are, the index is used, and never given up for a query
        patch.setattr(hash_index, "LOOKUP", 0 if indexed else 8)
        patch.setattr(hash_index, "FETCH", 0 if rare else 4)
        patch.setattr(hash_index, "AT_ONCE", at_once)
        assert found(codes, queries, most, after) == by_comparing_all(codes, queries, most, after)


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), max_size=30), st.integers(0, 32))
def test_any_hashes_at_any_distance(values: list[int], most: int) -> None:
    codes = np.array(values, dtype=np.uint64)
    assert found(codes, codes, most, 0) == by_comparing_all(codes, codes, most, 0)


@pytest.mark.parametrize("most", [0, 3, 10, 11])
def test_ten_thousand_hashes_of_which_many_are_one_picture(most: int) -> None:
    codes = drawn(7, 10_000, 3000, most)
    codes[::4] = codes[0]
    queries = codes[:300]
    places, compared = HashIndex(codes, most).near(queries, 100)
    assert [part.tolist() for part in places] == by_comparing_all(codes, queries, most, 100)
    assert compared < len(queries) * len(codes) / 3


def test_random_hashes_are_hardly_compared() -> None:
    codes = np.random.default_rng(3).integers(0, 2**64, 50_000, dtype=np.uint64)
    _, compared = HashIndex(codes, 10).near(codes[:256])
    assert compared < 256 * len(codes) / 100


def test_memory_is_bounded_where_five_thousand_share_one_hash() -> None:
    codes = np.random.default_rng(4).integers(0, 2**64, 30_000, dtype=np.uint64)
    codes[:5000] = codes[0]
    index = HashIndex(codes, 10)
    tracemalloc.start()
    places, _ = index.near(codes[:256])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [len(part) for part in places] == [5000] * 256
    assert peak < 200 << 20
