"""One query out of several: an image and words, without other words.

What belongs here: adding up vectors. Not here: their origin (`service/search.py`, `steps/search.py`), ratings
(`index.py`).
"""

from collections.abc import Sequence

import numpy as np


def composed(wanted: Sequence[np.ndarray], unwanted: Sequence[np.ndarray]) -> np.ndarray | None:
    """The sum of the `wanted` vectors minus the mean of the `unwanted` ones, float32 [d], of length 1.

    All are L2-normalised float [d] of one space; there is at least one wanted. Each wanted one weighs the same. None if
    nothing is left, as for a word without itself.
    """
    total = np.sum([np.asarray(vector, dtype=np.float32) for vector in wanted], axis=0)
    if len(unwanted):
        total = total - np.mean([np.asarray(vector, dtype=np.float32) for vector in unwanted], axis=0)
    length = float(np.linalg.norm(total))
    return (total / length).astype(np.float32) if length > 1e-6 else None
