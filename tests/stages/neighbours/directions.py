"""Random directions in space, for the tests of this folder."""

import numpy as np


def directions(n: int, d: int = 16, seed: int = 0) -> np.ndarray:
    data = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    return data / np.maximum(np.linalg.norm(data, axis=1, keepdims=True), 1e-12)
