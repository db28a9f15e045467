"""The axes in which vectors vary most, and that they never make two vectors look farther apart."""

import numpy as np

from pipeline.stages.principal_axes import principal_axes


def vectors() -> np.ndarray:
    rng = np.random.default_rng(3)
    return (rng.normal(size=(400, 6)) * [9, 1, 5, 0.1, 3, 0.5] + 2).astype(np.float32)


def test_the_first_axis_is_that_of_the_largest_variance():
    axes, mean = principal_axes(vectors(), 3)
    assert np.abs(axes).argmax(axis=0).tolist() == [0, 2, 4]
    assert np.allclose(mean, vectors().mean(axis=0), atol=1e-4)


def test_a_projection_never_makes_two_vectors_farther_apart():
    data = vectors()
    axes, _ = principal_axes(data.copy(), 3)
    assert np.allclose(axes.T @ axes, np.eye(3), atol=1e-5)
    whole = np.linalg.norm(data[:200] - data[200:], axis=1)
    projected = np.linalg.norm((data[:200] - data[200:]) @ axes, axis=1)
    assert (projected <= whole + 1e-4).all()
