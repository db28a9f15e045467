"""The digest of a category: the same in any order and however it is split, another for any other content."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.manifest.digest import EMPTY_DIGEST, CategoryDigest, Tally

OBJECTS = st.lists(st.tuples(st.text(), st.integers(-1, 9), st.text()), max_size=20)


def digest(objects: list[tuple[str, int, str]], tally: Tally | None = None) -> CategoryDigest:
    tally = tally or Tally()
    for one in objects:
        tally.add(*one)
    return tally.result()


@given(OBJECTS, st.randoms(), st.integers(0, 20))
def test_objects_in_any_order_and_split_anywhere_have_one_digest(
    objects: list[tuple[str, int, str]], random: Any, cut: int
) -> None:
    shuffled = objects.copy()
    random.shuffle(shuffled)
    first = Tally()
    digest(shuffled[:cut], first)
    assert digest(shuffled[cut:], Tally(first.count, first.total)) == digest(objects)


@pytest.mark.parametrize("other", [("a", 1, "f"), ("a", 2, "e"), ("b", 1, "e")])
def test_another_key_size_or_etag_is_another_digest(other: tuple[str, int, str]) -> None:
    assert digest([("a", 1, "e")]) != digest([other])


def test_an_object_that_is_there_twice_is_counted_twice() -> None:
    once, twice = digest([("a", 1, "e")]), digest([("a", 1, "e")] * 2)
    assert (once.count, twice.count) == (1, 2)
    assert len({once.digest, twice.digest, EMPTY_DIGEST.digest}) == 3


def test_no_objects_have_the_empty_digest_of_sixteen_digits() -> None:
    assert digest([]) == EMPTY_DIGEST
    assert re.fullmatch("[0-9a-f]{16}", EMPTY_DIGEST.digest)
