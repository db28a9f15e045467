"""A search for duplicates that remembers the last one finds what a search from scratch finds, and looks at less."""

import numpy as np
import polars as pl
import pytest

from pipeline.settings import DuplicateParams
from pipeline.stages.duplicates import candidate_pairs
from pipeline.stages.duplicates.candidate_pairs import Compared
from pipeline.stages.duplicates.contract import SIGNATURES_SCHEMA
from pipeline.stages.duplicates.groups import DuplicateGroups, by_quality, find_duplicates

KINDS = 12
POOL = 240


class Library:
    """A pool of contents of a few kinds: near copies, look-alikes and strangers; and a night's choice of them."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        kind = rng.integers(0, KINDS, POOL)
        centres = rng.normal(size=(KINDS, 24))
        vectors = centres[kind] + rng.choice([0.02, 0.25, 1.5], POOL)[:, None] * rng.normal(size=(POOL, 24))
        self.vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
        codes = rng.integers(0, 2**64, KINDS, dtype=np.uint64)[kind]
        flips = np.uint64(1) << rng.integers(0, 64, (6, POOL)).astype(np.uint64)
        pictures = rng.integers(0, 256, (KINDS, 16, 16, 3))[kind]
        pictures[rng.random(POOL) < 0.3, 3:8, 3:8] = 0  # a place that differs: near by hash, and no copy
        names = [f"{number:04d}" for number in range(POOL)]
        self.images = pl.DataFrame({
            "image_id": names, "key": names, "content_hash": names, "size": rng.integers(1, 9, POOL) * 100,
            "width": 10, "height": rng.integers(5, 9, POOL),
        })  # fmt: skip
        self.signatures = pl.DataFrame({
            "content_hash": names, "phash": codes ^ np.bitwise_xor.reduce(flips),
            "contrast": np.where(rng.random(POOL) < 0.1, 1.0, 50.0), "sharpness": rng.integers(0, 3, POOL),
            "tiny": [picture.astype(np.uint8).tobytes() for picture in pictures],
        }, schema=SIGNATURES_SCHEMA)  # fmt: skip

    def search(self, chosen: np.ndarray, known: Compared | None, apart: list[tuple[str, str]]) -> DuplicateGroups:
        images = self.images[np.sort(chosen).tolist()]
        contents = by_quality(images, self.signatures)
        vectors = self.vectors[[int(name) for name in contents["content_hash"]]]
        return find_duplicates(images, contents, vectors, DuplicateParams(), apart, known)


@pytest.mark.parametrize("seed", range(6))
def test_twenty_nights_of_coming_and_going_find_what_a_search_from_scratch_finds(seed: int) -> None:
    library, rng = Library(seed), np.random.default_rng(seed)
    there = rng.permutation(POOL)[:160]
    known: Compared | None = None
    levels: set[str] = set()
    for night in range(20):
        apart = [(f"{one:04d}", f"{other:04d}") for one, other in rng.choice(there, (night % 3, 2), replace=False)]
        found, fresh = library.search(there, known, apart), library.search(there, None, apart)
        assert found.table.equals(fresh.table)
        assert found.facts == fresh.facts
        levels |= set(found.table["level"])
        known = found.compared
        away = np.setdiff1d(np.arange(POOL), there)
        there = np.concatenate([rng.permutation(there)[rng.integers(0, 9) :], rng.permutation(away)[: rng.integers(9)]])
    assert levels == {"near", "similar"}


def test_a_night_with_nothing_new_looks_at_no_pair(library: Library) -> None:
    there = np.arange(200)
    first = library.search(there, None, [])
    second = library.search(there, first.compared, [])
    assert first.searched > 200 * 199 / 2
    assert second.searched == 0
    assert second.compared.pairs.sort("level", "content_hash", "other").equals(
        first.compared.pairs.sort("level", "content_hash", "other")
    )


def test_what_is_looked_at_grows_with_what_is_new(library: Library) -> None:
    first = library.search(np.arange(200), None, [])
    second = library.search(np.arange(202), first.compared, [])
    # the two new ones with everything, on both levels
    assert second.searched <= 2 * 2 * 202


def test_where_much_is_new_everything_is_looked_at_as_if_nothing_were_known(library: Library) -> None:
    first = library.search(np.arange(100), None, [])
    assert (
        library.search(np.arange(200), first.compared, []).searched == library.search(np.arange(200), None, []).searched
    )


@pytest.fixture(scope="module")
def library() -> Library:
    return Library(1)


@pytest.mark.parametrize("worth", [0, 10_000])
def test_few_contents_are_compared_without_principal_directions_and_the_same_is_found(
    library: Library, monkeypatch: pytest.MonkeyPatch, worth: int
) -> None:
    usual = library.search(np.arange(200), None, [])
    monkeypatch.setattr(candidate_pairs, "WORTH", worth)
    found = library.search(np.arange(200), None, [])
    assert found.table.equals(usual.table)
    assert found.facts == usual.facts
