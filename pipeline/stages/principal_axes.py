"""The leading principal axes of a sample of vectors, for searches that compare vectors in fewer dimensions.

What belongs here: the axes, for links that only compare vectors. Not here: dimension reduction before clustering and
for the map (`reduced/projection.py`), which fixes signs and returns positions.
"""

import numpy as np


def principal_axes(sample: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Axes float32 [d, count], orthonormal, largest variance first, and the mean float32 [d].

    `sample` float32 [n, d] is centred in place; d is at least `count`.
    """
    mean = sample.mean(axis=0)
    sample -= mean
    return np.linalg.eigh(sample.T @ sample)[1][:, : -count - 1 : -1], mean
