"""Image registration: align one tiny picture with another, and measure the largest remaining difference.

What belongs here: the fit, in loops that numba compiles. Array operations took eight times as long, which was most of
a first run on a library of bursts. Not here: pairs that need no fit (`image_difference.py`, which imports this module
only for pairs that do).

A least-squares fit of crop, brightness and contrast: Lucas, Kanade (1981), "An Iterative Image Registration Technique
with an Application to Stereo Vision"; Cauchy weights reduce the influence of outlying pixels. Pictures are float64
[16, 16, 3]; coordinates run from −0.5 to 0.5 in both directions. The median and the equations are written out because
numpy's take ten times as long to compile.
"""

import numpy as np

from pipeline.runtime.jit import compiled
from pipeline.stages.duplicates.tiny_image import LEAST_GAIN, MOST_GAIN, SIDE

ITERATIONS = 5
LARGEST_CUT = 0.12  # share of the width or height
STEP = 1e-2
DAMPING = 50.0
SPREAD = 1.4826  # the median of absolute deviations times this is a standard deviation


@compiled
def fitted(source: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The largest differences, float64 [m], between `source` and each of `targets` [m, 16, 16, 3].

    Measured at the step of the fit with the smallest sum of squared differences.
    """
    differences = np.empty(len(targets))
    moved, rest = np.empty((SIDE, SIDE, 3)), np.empty((SIDE, SIDE, 3))
    slopes, inside = np.empty((SIDE, SIDE, 3, 2)), np.empty((SIDE, SIDE), dtype=np.bool_)
    cut = np.empty(4)  # widening and shift: x, y, x, y
    for number in range(len(targets)):
        target = targets[number]
        cut[:] = 0.0
        least, differences[number] = np.inf, 255.0
        for iteration in range(ITERATIONS + 1):
            look(source, cut, moved, slopes, inside)
            gain, offset = exposure(moved, target, inside)
            squares, largest = compare(moved, target, inside, gain, offset, rest)
            if squares < least:
                least, differences[number] = squares, largest
            if iteration < ITERATIONS:
                usual = SPREAD * middle(np.abs(rest).ravel()) + 1
                improve(cut, gain * slopes / (2 * STEP), rest, inside, 3 * usual)
    return differences


@compiled
def look(source: np.ndarray, cut: np.ndarray, moved: np.ndarray, slopes: np.ndarray, inside: np.ndarray) -> None:
    """Fill in three arrays: the cropped picture `moved`; its differences over two steps to the right and down, `slopes`
    [16, 16, 3, 2]; and which pixels have a counterpart, `inside` bool [16, 16]."""
    for i in range(SIDE):
        for j in range(SIDE):
            x = ((j + 0.5) / SIDE - 0.5) * (1 + cut[0]) + cut[2]
            y = ((i + 0.5) / SIDE - 0.5) * (1 + cut[1]) + cut[3]
            inside[i, j] = abs(x) <= 0.5 and abs(y) <= 0.5
            for colour in range(3):
                moved[i, j, colour] = sample(source, x, y, colour)
                slopes[i, j, colour, 0] = sample(source, x + STEP, y, colour) - sample(source, x - STEP, y, colour)
                slopes[i, j, colour, 1] = sample(source, x, y + STEP, colour) - sample(source, x, y - STEP, colour)


@compiled
def sample(picture: np.ndarray, x: float, y: float, colour: int) -> float:
    """The picture between its pixels, by bilinear weights."""
    column = min(max((x + 0.5) * SIDE - 0.5, 0.0), SIDE - 1.001)
    row = min(max((y + 0.5) * SIDE - 0.5, 0.0), SIDE - 1.001)
    left, top = int(column), int(row)
    right, below = column - left, row - top
    upper = picture[top, left, colour] * (1 - right) + picture[top, left + 1, colour] * right
    lower = picture[top + 1, left, colour] * (1 - right) + picture[top + 1, left + 1, colour] * right
    return upper * (1 - below) + lower * below


@compiled
def exposure(moved: np.ndarray, target: np.ndarray, inside: np.ndarray) -> tuple[float, float]:
    """Gain and offset, the same for all colours: a fit per colour would hide a change of colour."""
    count, sum_moved, sum_target = 0, 0.0, 0.0
    for i in range(SIDE):
        for j in range(SIDE):
            if inside[i, j]:
                count += 3
                for colour in range(3):
                    sum_moved += moved[i, j, colour]
                    sum_target += target[i, j, colour]
    mean_moved, mean_target = sum_moved / count, sum_target / count
    power, common = 0.0, 0.0
    for i in range(SIDE):
        for j in range(SIDE):
            if inside[i, j]:
                for colour in range(3):
                    centred = moved[i, j, colour] - mean_moved
                    power += centred * centred
                    common += centred * (target[i, j, colour] - mean_target)
    gain = min(max(common / max(power, 1.0), LEAST_GAIN), MOST_GAIN)
    return gain, mean_target - gain * mean_moved


@compiled
def compare(
    moved: np.ndarray, target: np.ndarray, inside: np.ndarray, gain: float, offset: float, rest: np.ndarray
) -> tuple[float, float]:
    """Fill in the residuals `rest`, 0 where there is no counterpart. Returns their sum of squares and the largest."""
    squares, largest = 0.0, 0.0
    for i in range(SIDE):
        for j in range(SIDE):
            for colour in range(3):
                left = 0.0
                if inside[i, j]:
                    left = target[i, j, colour] - min(max(gain * moved[i, j, colour] + offset, 0.0), 255.0)
                rest[i, j, colour] = left
                squares += left * left
                largest = max(largest, abs(left))
    return squares, largest


@compiled
def middle(values: np.ndarray) -> float:
    """The upper median of float64 [n]; reorders the array. Hoare (1961), "Algorithm 65: find"."""
    low, high, wanted = 0, len(values) - 1, len(values) // 2
    while low < high:
        pivot, up, down = values[(low + high) // 2], low, high
        while up <= down:
            while values[up] < pivot:
                up += 1
            while values[down] > pivot:
                down -= 1
            if up <= down:
                values[up], values[down] = values[down], values[up]
                up += 1
                down -= 1
        if wanted <= down:
            high = down
        elif wanted >= up:
            low = up
        else:
            break
    return values[wanted]


@compiled
def improve(cut: np.ndarray, slopes: np.ndarray, rest: np.ndarray, inside: np.ndarray, usual: float) -> None:
    """Change the crop by one step of the fit; residuals beyond `usual` weigh less."""
    normal = np.zeros((4, 5))  # the last column: the right side
    along = np.empty(4)
    for i in range(SIDE):
        for j in range(SIDE):
            if inside[i, j]:
                for colour in range(3):
                    along[2], along[3] = slopes[i, j, colour, 0], slopes[i, j, colour, 1]
                    along[0], along[1] = along[2] * ((j + 0.5) / SIDE - 0.5), along[3] * ((i + 0.5) / SIDE - 0.5)
                    weight = 1 / (1 + (rest[i, j, colour] / usual) ** 2)
                    for row in range(4):
                        normal[row, 4] += weight * along[row] * rest[i, j, colour]
                        for column in range(4):
                            normal[row, column] += weight * along[row] * along[column]
    step = solved(normal)
    for parameter in range(4):
        cut[parameter] = min(max(cut[parameter] + step[parameter], -LARGEST_CUT), LARGEST_CUT)


@compiled
def solved(normal: np.ndarray) -> np.ndarray:
    """Solve four damped equations [4, 5] by elimination. They are positive definite, so no pivoting is needed."""
    for row in range(4):
        normal[row, row] += DAMPING
    for row in range(4):
        for other in range(row + 1, 4):
            share = normal[other, row] / normal[row, row]
            for column in range(row, 5):
                normal[other, column] -= share * normal[row, column]
    solution = np.zeros(4)
    for back in range(4):
        row = 3 - back
        left = normal[row, 4]
        for other in range(row + 1, 4):
            left -= normal[row, other] * solution[other]
        solution[row] = left / normal[row, row]
    return solution
