"""The word of a cluster, on vectors where the right one is known."""

import numpy as np
import pytest

from pipeline.stages.representatives.visual_words import LEAST, best_words, margins

RED, BLUE, PHOTO = 0, 1, 2


def unit(*rows: tuple[float, ...]) -> np.ndarray:
    vectors = np.array(rows, dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


CLUSTERS = unit((1, 0, 3, 0), (0, 1, 3, 0))  # a red and a blue kind: both are mostly "a photo"
WORDS = unit((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0))


def test_a_word_that_fits_every_cluster_is_nobodys_even_if_it_is_the_nearest() -> None:
    assert (CLUSTERS @ WORDS.T).argmax(axis=1).tolist() == [PHOTO, PHOTO]  # the bare cosine
    found = best_words(CLUSTERS, WORDS, scale=100)
    assert [pair and pair[0] for pair in found] == [RED, BLUE]


def test_the_score_is_the_margin_in_logits_of_the_model() -> None:
    scores = margins(CLUSTERS, WORDS, scale=10)
    assert scores[0, RED] == pytest.approx(10 / np.sqrt(10), rel=1e-5)
    assert scores[0, RED] == -scores[0, BLUE]
    assert scores[:, PHOTO] == pytest.approx([0, 0], abs=1e-5)
    assert best_words(CLUSTERS, WORDS, scale=LEAST) == [None, None]  # too little to say it


def test_a_single_cluster_and_an_empty_list_have_no_word() -> None:
    assert best_words(CLUSTERS[:1], WORDS, scale=100) == [None]
    assert best_words(CLUSTERS, WORDS[:0], scale=100) == [None, None]
    assert best_words(CLUSTERS[:0], WORDS, scale=100) == []
