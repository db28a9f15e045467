"""Sums and differences of queries, on vectors where the right order is known."""

import numpy as np
import pytest

from pipeline.stages.similarity.composition import composed

POST, RED, SNOW = np.eye(3, dtype=np.float32)
PICTURES = {"red post": POST + RED, "post": POST, "red post in snow": POST + RED + SNOW, "snow": SNOW}


def ranked(query: np.ndarray | None) -> list[str]:
    assert query is not None
    return sorted(PICTURES, key=lambda name: -float(query @ PICTURES[name] / np.linalg.norm(PICTURES[name])))


def test_like_this_but_red_finds_the_red_one_first() -> None:
    assert ranked(composed([POST, RED], []))[0] == "red post"
    assert ranked(composed([POST], []))[0] == "post"


def test_what_is_not_wanted_comes_last() -> None:
    assert ranked(composed([POST, RED], [SNOW])) == ["red post", "post", "red post in snow", "snow"]


def test_the_query_has_length_one_and_a_word_without_itself_is_none() -> None:
    query = composed([POST, RED], [SNOW, POST])
    assert query is not None
    assert float(np.linalg.norm(query)) == pytest.approx(1)
    assert composed([POST], [POST]) is None
