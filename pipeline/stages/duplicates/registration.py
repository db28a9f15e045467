"""Image registration: align one tiny picture with others, and measure the largest remaining differences.

What belongs here: the fit, of many pairs at once. Not here: pairs that need no fit (`image_difference.py`).

A least-squares fit of crop, brightness and contrast: Lucas, Kanade (1981), "An Iterative Image Registration Technique
with an Application to Stereo Vision"; Cauchy weights reduce the influence of outlying pixels. Pictures are float64
[16, 16, 3]; coordinates run from −0.5 to 0.5 in both directions. A crop moves rows and columns apart from each other,
so bilinear interpolation is a product with a matrix on either side. Nothing has to be compiled.
"""

import numpy as np

from pipeline.stages.duplicates.tiny_image import LEAST_GAIN, MOST_GAIN, SIDE

ITERATIONS = 5
LARGEST_CUT = 0.12  # share of the width or height
STEP = 1e-2
DAMPING = 50.0
SPREAD = 1.4826  # the median of absolute deviations times this is a standard deviation
PLACES = (np.arange(SIDE) + 0.5) / SIDE - 0.5
COLOURS = 3


def fitted(source: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The largest differences, float64 [m], between `source` and each of `targets` [m, 16, 16, 3].

    Measured at the step of the fit with the smallest sum of squared differences.
    """
    count = len(targets)
    goal = targets.reshape(count, -1)
    cut = np.zeros((count, 4))  # widening and shift: x, y, x, y
    least, differences = np.full(count, np.inf), np.full(count, 255.0)
    for iteration in range(ITERATIONS + 1):
        moved, slopes, inside = look(source, cut)
        gain, offset = exposure(moved, goal, inside)
        rest = (goal - np.clip(gain * moved + offset, 0.0, 255.0)) * inside
        squares = np.einsum("mp,mp->m", rest, rest)
        better = squares < least
        least = np.where(better, squares, least)
        left = np.abs(rest)
        differences = np.where(better, left.max(axis=1), differences)
        if iteration < ITERATIONS:
            cut = improved(cut, gain[:, None] * slopes / (2 * STEP), rest, inside, left)
    return differences


def look(source: np.ndarray, cut: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The cropped pictures [m, 768]; their differences over two steps to the right and down [m, 2, 768]; and which
    pixels have a counterpart, 1.0 or 0.0, [m, 768]. `cut` is [m, 4]."""
    count = len(cut)
    x, y = PLACES * (1 + cut[:, :1]) + cut[:, 2:3], PLACES * (1 + cut[:, 1:2]) + cut[:, 3:]
    across, down = between(x), between(y)
    slope_x, slope_y = between(x + STEP) - between(x - STEP), between(y + STEP) - between(y - STEP)
    # columns first, which the pairs share a picture for; then rows
    columns = np.ascontiguousarray(source.transpose(1, 0, 2)).reshape(SIDE, -1)
    both = (np.concatenate([across, slope_x]).reshape(-1, SIDE) @ columns).reshape(2, count, SIDE, SIDE, COLOURS)
    narrowed, sloping = both.transpose(0, 1, 3, 2, 4).reshape(2, count, SIDE, SIDE * COLOURS)
    moved = (down @ narrowed).reshape(count, -1)
    slopes = np.stack([(down @ sloping).reshape(count, -1), (slope_y @ narrowed).reshape(count, -1)], axis=1)
    seen = (np.abs(y) <= 0.5)[:, :, None] & (np.abs(x) <= 0.5)[:, None, :]
    return moved, slopes, np.repeat(seen.reshape(count, -1), COLOURS, axis=1).astype(np.float64)


def between(places: np.ndarray) -> np.ndarray:
    """Bilinear weights [m, 16, 16] of the 16 pixels of a line for each of `places` [m, 16] on it."""
    position = np.clip((places + 0.5) * SIDE - 0.5, 0.0, SIDE - 1.001)
    return np.maximum(1.0 - np.abs(position[:, :, None] - np.arange(SIDE)), 0.0)


def exposure(moved: np.ndarray, goal: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gain and offset [m, 1], the same for all colours: a fit per colour would hide a change of colour."""
    pixels = inside.sum(axis=1)
    mean_moved = np.einsum("mp,mp->m", moved, inside) / pixels
    mean_goal = np.einsum("mp,mp->m", goal, inside) / pixels
    centred = (moved - mean_moved[:, None]) * inside
    power = np.einsum("mp,mp->m", centred, centred)
    common = np.einsum("mp,mp->m", centred, goal - mean_goal[:, None])
    gain = np.clip(common / np.maximum(power, 1.0), LEAST_GAIN, MOST_GAIN)
    return gain[:, None], (mean_goal - gain * mean_moved)[:, None]


def improved(cut: np.ndarray, slopes: np.ndarray, rest: np.ndarray, inside: np.ndarray, left: np.ndarray) -> np.ndarray:
    """The crops [m, 4] after one step of the fit; residuals `rest` [m, 768] weigh less the larger they are.

    `left` are their absolute values. Their scale is the median of these; pixels without a counterpart count as 0.
    """
    half = left.shape[1] // 2
    usual = SPREAD * np.partition(left, half, axis=1)[:, half : half + 1] + 1
    weight = inside / (1 + (rest / (3 * usual)) ** 2)
    x = np.tile(np.repeat(PLACES, COLOURS), SIDE)
    y = np.repeat(PLACES, SIDE * COLOURS)
    along = np.concatenate([slopes * np.stack([x, y]), slopes], axis=1)
    weighted = along * weight[:, None]
    normal = weighted @ along.transpose(0, 2, 1) + DAMPING * np.eye(4)
    step = np.linalg.solve(normal, weighted @ rest[:, :, None])[:, :, 0]
    return np.clip(cut + step, -LARGEST_CUT, LARGEST_CUT)
