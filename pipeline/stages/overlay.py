"""Two tiny pictures laid over one another: by how much they differ in the place where they differ most.

What belongs here: fitting one onto the other and measuring what is left. Not here: which pairs are compared and what
follows (`duplicates.py`), making tiny pictures (`signatures.py`).

A perceptual hash and an embedding both forgive a change of colour in one place, which is all that tells two variants of
a drawing apart. A copy that was cut, brightened or recompressed has no such place once that is undone. The fit is a
least-squares one of cut, brightness and contrast: Lucas, Kanade (1981), "An Iterative Image Registration Technique with
an Application to Stereo Vision"; outlying pixels weigh less, by Cauchy's function.
"""

import numpy as np

SIDE = 16  # pixels each way of a tiny picture
ITERATIONS = 5
LARGEST_CUT = 0.12  # share of the width or height
GAIN = (0.6, 1.7)  # contrast of the one against the other
STEP = 1e-2
DAMPING = 50.0
SPREAD = 1.4826  # the median of absolute deviations times this is a standard deviation
AT_ONCE = 512

_Y, _X = (((np.mgrid[0:SIDE, 0:SIDE] + 0.5) / SIDE) - 0.5).astype(np.float32)  # places in the picture, −0.5 to 0.5


def largest_difference(one: np.ndarray, others: np.ndarray, enough: float = 0.0) -> np.ndarray:
    """Float32 [m]: the largest difference, 0 to 255, of any place and colour, after fitting `one` onto each other.

    `one` uint8 [16, 16, 3], `others` uint8 [m, 16, 16, 3]. Places without a counterpart after the cut do not count. A
    pair that differs by at most `enough` before the cut is fitted is not looked at further: most copies are not cut.
    """
    found = np.full(len(others), np.inf, dtype=np.float32)
    for start in range(0, len(others), AT_ONCE):
        part = others[start : start + AT_ONCE]
        found[start : start + AT_ONCE] = _differences(one, part, 0)
        hard = np.flatnonzero(found[start : start + AT_ONCE] > enough)
        if len(hard):
            found[start + hard] = _differences(one, part[hard], ITERATIONS)
    return found


def _differences(one: np.ndarray, others: np.ndarray, iterations: int) -> np.ndarray:
    target = others.astype(np.float32)
    source = one.astype(np.float32)
    cut = np.zeros((len(target), 4), dtype=np.float32)  # widening and shift: x, y, x, y
    best = np.full(len(target), np.inf, dtype=np.float32)
    largest = np.full(len(target), 255.0, dtype=np.float32)
    for iteration in range(iterations + 1):
        x = _X * (1 + cut[:, 0, None, None]) + cut[:, 2, None, None]
        y = _Y * (1 + cut[:, 1, None, None]) + cut[:, 3, None, None]
        inside = ((np.abs(x) <= 0.5) & (np.abs(y) <= 0.5)).astype(np.float32)[..., None]
        moved = _sample(source, x, y)
        gain, offset = _exposure(moved, target, inside)
        rest = (target - np.clip(gain * moved + offset, 0, 255)) * inside
        score = np.sqrt((rest**2).mean(axis=(1, 2, 3)))
        better = score < best
        best[better], largest[better] = score[better], np.abs(rest).max(axis=(1, 2, 3))[better]
        if iteration == iterations:
            break
        along_x = gain * (_sample(source, x + STEP, y) - _sample(source, x - STEP, y)) / (2 * STEP) * inside
        along_y = gain * (_sample(source, x, y + STEP) - _sample(source, x, y - STEP)) / (2 * STEP) * inside
        slopes = np.stack([along_x * _X[..., None], along_y * _Y[..., None], along_x, along_y], axis=-1)
        slopes, flat = slopes.reshape(len(target), -1, 4), rest.reshape(len(target), -1)
        usual = SPREAD * np.median(np.abs(flat), axis=1, keepdims=True) + 1
        weighed = slopes * (1 / (1 + (flat / (3 * usual)) ** 2))[..., None]
        normal = np.einsum("mni,mnj->mij", weighed, slopes) + DAMPING * np.eye(4, dtype=np.float32)
        step = np.linalg.solve(normal, np.einsum("mni,mn->mi", weighed, flat)[..., None])[..., 0]
        cut = np.clip(cut + step, -LARGEST_CUT, LARGEST_CUT)
    return largest


def _exposure(moved: np.ndarray, target: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gain and offset, [m, 1, 1, 1] each, one of all colours: a colour of its own would hide a change of colour."""
    axes = (1, 2, 3)
    weight = 3 * inside.sum(axis=axes, keepdims=True)
    mean_moved = (moved * inside).sum(axis=axes, keepdims=True) / weight
    mean_target = (target * inside).sum(axis=axes, keepdims=True) / weight
    centred = (moved - mean_moved) * inside
    power = (centred**2).sum(axis=axes, keepdims=True)
    gain = (centred * (target - mean_target)).sum(axis=axes, keepdims=True) / np.maximum(power, 1.0)
    gain = np.clip(gain, *GAIN)
    return gain, mean_target - gain * mean_moved


def _sample(picture: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Float32 [m, 16, 16, 3]: the picture at places x, y [m, 16, 16], between its pixels by bilinear weights."""
    column = np.clip((x + 0.5) * SIDE - 0.5, 0, SIDE - 1.001)
    row = np.clip((y + 0.5) * SIDE - 0.5, 0, SIDE - 1.001)
    left, top = column.astype(np.int32), row.astype(np.int32)
    right, below = (column - left)[..., None], (row - top)[..., None]
    upper = picture[top, left] * (1 - right) + picture[top, left + 1] * right
    lower = picture[top + 1, left] * (1 - right) + picture[top + 1, left + 1] * right
    return upper * (1 - below) + lower * below
