"""The leading principal axes of a sample of vectors, for searches that compare vectors in fewer dimensions.

What belongs here: the axes, for links that only compare vectors. Not here: dimension reduction before clustering and
for the map (`reduced/projection.py`), which fixes signs and returns positions.
"""

import numpy as np


def principal_axes(sample: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Axes float32 [d, count], orthonormal, largest variance first, and the mean float32 [d].

    `sample` float32 [n, d] is centred in place; d is at least `count`.
    """
    from scipy.linalg import eigh
    from threadpoolctl import threadpool_limits

    mean = sample.mean(axis=0)
    sample -= mean
    covariance = sample.T @ sample
    d = len(covariance)
    # only the axes that are wanted, and on one thread: two of them spend six times the CPU time waiting for each other
    with threadpool_limits(1, "blas"):
        axes = eigh(covariance, subset_by_index=[d - count, d - 1], overwrite_a=True)[1]
    return np.ascontiguousarray(axes[:, ::-1]), mean
