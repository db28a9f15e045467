"""The largest local difference between two tiny pictures that are laid over one another.

What belongs here: the difference once brightness, contrast and cropping are undone. Not here: fitting the crop
(`registration.py`), which pairs are compared and what follows (`groups.py`), making tiny pictures (`signatures.py`).

A perceptual hash and an embedding both miss a change of colour in one place, which may be the only difference between
two variants of a drawing. A copy that was cropped, brightened or recompressed shows no such difference once that is
undone. Most copies are not cropped; for those no fit is needed, and many pairs are compared at once.
"""

import numpy as np

from pipeline.stages.duplicates.registration import fitted
from pipeline.stages.duplicates.tiny_image import LEAST_GAIN, MOST_GAIN

AT_ONCE = 128  # pairs; more no longer fit the processor's cache


def largest_difference(picture: np.ndarray, others: np.ndarray, enough: float = 0.0) -> np.ndarray:
    """Float32 [m]: the largest difference, 0 to 255, at any pixel and colour, after fitting `picture` onto each other.

    `picture` uint8 [16, 16, 3], `others` uint8 [m, 16, 16, 3]. Pixels without a counterpart after cropping do not
    count. The crop is fitted only for pairs that differ by more than `enough` without it: most copies are not cropped.
    """
    differences = np.full(len(others), np.inf, dtype=np.float32)
    source = picture.astype(np.float64)
    for start in range(0, len(others), AT_ONCE):
        target = others[start : start + AT_ONCE].astype(np.float64)
        part = differences[start : start + AT_ONCE]
        part[:] = _difference_without_crop(source, target)
        hard = np.flatnonzero(part > enough)
        if len(hard):
            part[hard] = fitted(source, target[hard])
    return differences


def _difference_without_crop(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The largest differences, [m], with only brightness and contrast fitted. All colours share them: one fit per
    colour would hide a change of colour."""
    axes = (1, 2, 3)
    centred = source - source.mean()
    mean = target.mean(axis=axes, keepdims=True)
    gain = (centred * (target - mean)).sum(axis=axes, keepdims=True) / max(float((centred**2).sum()), 1.0)
    gain = np.clip(gain, LEAST_GAIN, MOST_GAIN)
    rest = target - np.clip(gain * centred + mean, 0, 255)
    return np.abs(rest).max(axis=axes)
