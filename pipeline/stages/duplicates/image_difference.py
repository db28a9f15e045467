"""Two tiny pictures laid over one another: by how much they differ in the place where they differ most.

What belongs here: how far two pictures differ once brightness, contrast and cut are undone. Not here: the fit of the
cut (`registration.py`), which pairs are compared and what follows (`groups.py`), making tiny pictures
(`signatures.py`).

A perceptual hash and an embedding both forgive a change of colour in one place, which is all that tells two variants of
a drawing apart. A copy that was cut, brightened or recompressed has no such place once that is undone. Most copies are
not cut, and that is seen without a fit, for many pairs at once.
"""

import numpy as np

from pipeline.stages.duplicates.tiny_image import LEAST_GAIN, MOST_GAIN

AT_ONCE = 512


def largest_difference(one: np.ndarray, others: np.ndarray, enough: float = 0.0) -> np.ndarray:
    """Float32 [m]: the largest difference, 0 to 255, of any place and colour, after fitting `one` onto each other.

    `one` uint8 [16, 16, 3], `others` uint8 [m, 16, 16, 3]. Places without a counterpart after the cut do not count. A
    pair that differs by at most `enough` before the cut is fitted is not looked at further: most copies are not cut.
    """
    found = np.full(len(others), np.inf, dtype=np.float32)
    source = one.astype(np.float64)
    for start in range(0, len(others), AT_ONCE):
        target = others[start : start + AT_ONCE].astype(np.float64)
        part = found[start : start + AT_ONCE]
        part[:] = _uncut(source, target)
        hard = np.flatnonzero(part > enough)
        if len(hard):
            from pipeline.stages.duplicates.registration import fitted  # compiles itself: half a second

            part[hard] = fitted(source, target[hard])
    return found


def _uncut(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The largest differences, [m], where brightness and contrast alone are fitted: one of all colours, as one of its
    own for each would hide a change of colour."""
    axes = (1, 2, 3)
    centred = source - source.mean()
    mean = target.mean(axis=axes, keepdims=True)
    gain = (centred * (target - mean)).sum(axis=axes, keepdims=True) / max(float((centred**2).sum()), 1.0)
    gain = np.clip(gain, LEAST_GAIN, MOST_GAIN)
    rest = target - np.clip(gain * centred + mean, 0, 255)
    return np.abs(rest).max(axis=axes)
