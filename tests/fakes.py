"""Small working implementations of the protocols, for tests that need one and not a particular one.

What belongs here: fakes that do the real job in little. Not here: mocks, and servers (`tests/servers.py`).
"""

from collections.abc import Callable

import numpy as np


class MeanColourEncoder:
    """An encoder that needs no model: the mean colour of each quarter, as a vector of 12 of length 1. Instant.

    `encoded` counts the images that went through the forward pass, `batches` their sizes; `before` is called with each
    batch and may raise.
    """

    name = "fake:mean_colour"
    dimension = 12
    fingerprint = "c010c010c010c010"
    device = "CPU (fake)"

    def __init__(self, before: Callable[[np.ndarray], None] | None = None) -> None:
        self.before = before
        self.batches: list[int] = []

    @property
    def encoded(self) -> int:
        return sum(self.batches)

    def prepare(self, pixels: np.ndarray) -> np.ndarray:
        """Uint8 [h, w, 3] → uint8 [3, 16, 16], the nearest pixels."""
        rows = np.arange(16) * pixels.shape[0] // 16
        columns = np.arange(16) * pixels.shape[1] // 16
        return np.ascontiguousarray(pixels[rows][:, columns].transpose(2, 0, 1))

    def encode(self, batch: np.ndarray) -> np.ndarray:
        """Uint8 [n, 3, 16, 16] → float32 [n, 12]."""
        if self.before is not None:
            self.before(batch)
        self.batches.append(len(batch))
        quarters = batch.reshape(len(batch), 3, 2, 8, 2, 8).mean((3, 5)).reshape(len(batch), 12)
        vectors = quarters / 255 - 0.5 + 1e-3  # both sides of zero, as real features are; never all zero
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
