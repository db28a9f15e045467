"""Procedural noise: periodic textures, computed once per process, and functions that sample them.

What belongs here: spectra, windows, samples and one-dimensional outlines, as plain numbers. Not here: using a texture
for clouds, asphalt or dirt (`scene`, `roadside`, `posts`, `camera`).
"""

import functools
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
"""Arrays of float32. The type says only floating: numpy's stubs believe that a Python number makes them float64."""

SIZE: Final = 1024
"""Edge of every texture in texels; a power of two, so that wrapping is a bit mask."""


@functools.cache
def fractal(roughness: float, stretch: float = 1.0) -> Floats:
    """A periodic texture of shape (SIZE, SIZE), zero mean, unit deviation.

    `roughness` 0 is white noise, 1 fine grain, 2 and above clouds; `stretch` above 1 draws features out vertically.
    """
    rng = np.random.default_rng([7, round(roughness * 100), round(stretch * 100)])
    spectrum = np.fft.rfft2(rng.standard_normal((SIZE, SIZE)))
    down = np.fft.fftfreq(SIZE)[:, None] * stretch
    across = np.fft.rfftfreq(SIZE)[None, :]
    radius = np.hypot(down, across)
    radius[0, 0] = np.inf  # no mean
    texture = np.fft.irfft2(spectrum * radius ** (-roughness), s=(SIZE, SIZE))
    return (texture / texture.std()).astype(np.float32)


def window(texture: Floats, rng: np.random.Generator, height: int, width: int) -> Floats:
    """A randomly placed cut-out of shape (height, width); wraps around, so any size will do."""
    top, left = (int(v) for v in rng.integers(0, SIZE, 2))
    rows = np.arange(top, top + height) & (SIZE - 1)
    columns = np.arange(left, left + width) & (SIZE - 1)
    return texture.take(rows, axis=0).take(columns, axis=1)


def sample(texture: Floats, u: Floats, v: Floats) -> Floats:
    """Bilinear values at texel coordinates (`u` across, `v` down), which broadcast against each other."""
    left, top = np.floor(u), np.floor(v)
    du, dv = u - left, v - top
    i, j = left.astype(np.int32) & (SIZE - 1), top.astype(np.int32) & (SIZE - 1)
    i2, j2 = (i + 1) & (SIZE - 1), (j + 1) & (SIZE - 1)
    flat = texture.ravel()
    upper = flat.take(j * SIZE + i) * (1 - du) + flat.take(j * SIZE + i2) * du
    lower = flat.take(j2 * SIZE + i) * (1 - du) + flat.take(j2 * SIZE + i2) * du
    return upper * (1 - dv) + lower * dv


def outline(rng: np.random.Generator, length: int, roughness: float) -> Floats:
    """A skyline of `length` values between 0 and 1; a higher `roughness` exponent makes it smoother."""
    padded = length * 2  # the transform is periodic; half of it hides that the ends meet
    spectrum = np.fft.rfft(rng.standard_normal(padded))
    frequency = np.fft.rfftfreq(padded)
    frequency[0] = np.inf
    values = np.fft.irfft(spectrum * frequency ** (-roughness), n=padded)[:length]
    return ((values - values.min()) / np.ptp(values)).astype(np.float32)


def step(low: float, high: float, values: Floats) -> Floats:
    """Smooth ramp from 0 at `low` to 1 at `high`; `high` below `low` ramps down."""
    t = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return t * t * (3 - 2 * t)


def linear(red: int, green: int, blue: int) -> Floats:
    """Linear light, shape (3, 1, 1), of a colour as a screen shows it (0 to 255)."""
    return ((np.array([red, green, blue], dtype=np.float32) / 255) ** np.float32(2.2)).reshape(3, 1, 1)


def blend(under: Floats, over: Floats, mask: Floats) -> Floats:
    """`under` where `mask` is 0, `over` where it is 1. Colour is the first axis, so that inner loops stay long."""
    return under + (over - under) * mask
