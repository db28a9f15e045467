"""Images of families of kinds, for the tests of families and of tuning."""

import numpy as np


def unit(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float32)


def families_of_kinds(each: int = 15, spread: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    """Four families of five kinds, `each` images of a kind; `spread` is the length of their deviation from it."""
    rng = np.random.default_rng(0)
    middle = np.repeat(unit(rng.normal(size=(4, 64))), 5, axis=0)
    kinds = unit(middle + 0.5 * unit(rng.normal(size=(20, 64))))
    truth = np.repeat(np.arange(20), each)
    return unit(kinds[truth] + spread / 8 * rng.normal(size=(len(truth), 64))), truth
