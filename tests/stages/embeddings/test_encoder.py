"""The forward pass: a batch that memory does not hold is halved, and a model that returns nonsense is named."""

from queue import SimpleQueue

import numpy as np
import pytest

from pipeline.errors import EncoderError
from pipeline.stages.embeddings.encoder import ForwardPass
from tests.fakes import MeanColourEncoder


def batch(size: int) -> np.ndarray:
    return MeanColourEncoder().prepare(np.full((8, 8, 3), 90, dtype=np.uint8))[None].repeat(size, axis=0)


def test_the_size_that_memory_holds_is_kept_for_the_next_batch() -> None:
    def at_most_three(images: np.ndarray) -> None:
        if len(images) > 3:
            raise RuntimeError("std::bad_alloc")

    forward = ForwardPass(MeanColourEncoder(at_most_three), 8, SimpleQueue[str]())
    vectors, usable = forward.run(batch(8))
    assert (len(vectors), usable.all(), forward.limit) == (8, True, 2)
    assert forward.notices.qsize() == 2
    forward.run(batch(8))
    assert forward.notices.qsize() == 2


def test_vectors_of_another_length_than_the_model_says_are_an_error() -> None:
    class Longer(MeanColourEncoder):
        def encode(self, batch: np.ndarray) -> np.ndarray:
            return np.hstack([super().encode(batch)] * 2)

    with pytest.raises(EncoderError, match="does not fit its description"):
        ForwardPass(Longer(), 8, SimpleQueue[str]()).run(batch(3))
