"""Further libraries made from a labelled one: what a user's library may be and a collected set is not.

What belongs here: how they are drawn. Not here: the sets that they are drawn from (`datasets.py`).
"""

from collections.abc import Iterable, Iterator

import numpy as np

from tests.benchmarks.quality.datasets import DataSet

UNBALANCED = 20  # times the images of any other kind that the largest kind has
COPIES = 10  # of every tenth image
NOISE = 0.05  # length of the change of a near copy; its cosine distance is 0.001
FEWEST_KINDS = 3


def derived(sets: Iterable[DataSet], seed: int = 0) -> Iterator[DataSet]:
    """Each set, then five made from it; two libraries in one are a set and the last one of as many dimensions."""
    before: DataSet | None = None
    for data in sets:
        rng = np.random.default_rng(seed)
        n = len(data.vectors)
        yield data
        yield _part(data, "shuffled", rng.permutation(n))
        yield _part(data, "half", np.sort(rng.permutation(n)[: n // 2]))
        if data.kinds >= FEWEST_KINDS:
            yield unbalanced(data, rng)
        yield near_copies(data, rng)
        if before is not None and before.vectors.shape[1] == data.vectors.shape[1]:
            yield together(before, data)
        before = data


def unbalanced(data: DataSet, rng: np.random.Generator) -> DataSet:
    """The largest kind whole, and of every other kind a twentieth of that, but at least two images."""
    sizes = np.bincount(data.truth[data.truth >= 0])
    limit = max(2, int(sizes.max()) // UNBALANCED)
    rows = [np.flatnonzero(data.truth == sizes.argmax())]
    others = np.delete(np.arange(len(sizes)), sizes.argmax())
    rows += [rng.permutation(np.flatnonzero(data.truth == kind))[:limit] for kind in others]
    return _part(data, f"one kind x{UNBALANCED}", np.sort(np.concatenate(rows)))


def near_copies(data: DataSet, rng: np.random.Generator) -> DataSet:
    """All images, and of every tenth `COPIES` − 1 near copies."""
    rows = np.repeat(np.arange(0, len(data.vectors), 10), COPIES - 1)
    change = rng.standard_normal((len(rows), data.vectors.shape[1]), dtype=np.float32)
    change *= NOISE / np.linalg.norm(change, axis=1, keepdims=True)
    copies = data.vectors[rows] + change
    copies /= np.linalg.norm(copies, axis=1, keepdims=True)
    truth = np.concatenate([data.truth, data.truth[rows]])
    return DataSet(f"{data.name}: near copies", np.concatenate([data.vectors, copies]), truth)


def together(one: DataSet, other: DataSet) -> DataSet:
    """Both libraries as one, with the kinds of both."""
    shifted = np.where(other.truth >= 0, other.truth + one.truth.max() + 1, -1)
    vectors = np.concatenate([one.vectors, other.vectors])
    return DataSet(f"{one.name} + {other.name}", vectors, np.concatenate([one.truth, shifted]))


def _part(data: DataSet, what: str, rows: np.ndarray) -> DataSet:
    truth = data.truth[rows]
    kinds = np.unique(truth[truth >= 0], return_inverse=True)[1]
    numbered = np.full(len(truth), -1)
    numbered[truth >= 0] = kinds
    return DataSet(f"{data.name}: {what}", data.vectors[rows], numbered)
