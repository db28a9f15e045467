"""The camera: its position and direction, and the effects of lens and sensor on the light.

What belongs here: projection between metres and pixels, depth of field, lens and sensor faults, tone. Not here: the
objects in front of the camera (`scene`, `roadside`, `posts`).
"""

import functools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.demo.noise import Floats, blend, fractal, window

Bytes = NDArray[np.uint8]

WIDTH: Final = 1200
"""Width in pixels of every render; all variants are scaled down from it."""


@dataclass(frozen=True)
class View:
    """A pinhole camera. Pixels count right and down, metres right (x), up (y) and away (z)."""

    height: int
    focal: float
    centre: float
    horizon: float
    eye: float
    """Height of the lens above the ground, metres."""

    def column(self, x: float, z: float) -> float:
        """Pixel column of a point `x` metres to the right at depth `z`."""
        return self.centre + self.focal * x / z

    def row(self, z: float, y: float = 0.0) -> float:
        """Pixel row of a point `y` metres above the ground at depth `z`."""
        return self.horizon + self.focal * (self.eye - y) / z

    def depth(self, row: float) -> float:
        """Depth in metres of the ground seen at `row`, which must lie below the horizon."""
        return self.focal * self.eye / (row - self.horizon)


def soften(canvas: Floats, factor: int) -> Floats:
    """The canvas blurred by about `factor` pixels: averaged down, smoothed, and scaled up again."""
    _, height, width = canvas.shape
    size = (width // factor, height // factor)
    blurred = np.empty_like(canvas)
    for plane, out in zip(canvas, blurred, strict=True):
        small = np.pad(np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BOX)), 1, mode="edge")
        small = small[:-2] * 0.25 + small[1:-1] * 0.5 + small[2:] * 0.25
        small = small[:, :-2] * 0.25 + small[:, 1:-1] * 0.5 + small[:, 2:] * 0.25
        out[:] = Image.fromarray(small).resize((width, height), Image.Resampling.BILINEAR)
    return blurred


def defocus(canvas: Floats, view: View, focus: float, aperture: float) -> Floats:
    """Depth of field, with the ground as the measure of depth and everything above the horizon far away.

    `focus` is in metres; `aperture` is the blur at infinity, in pixels.
    """
    if aperture < 2:
        return canvas
    rows = np.arange(view.height, dtype=np.float32)
    nearness = np.maximum(rows - np.float32(view.horizon), 0) / np.float32(view.focal * view.eye)
    blur = np.abs(1 - nearness * np.float32(focus))  # 1 far away, 0 at the focus, more than 1 close by
    mask = np.clip(blur * 1.5 - 0.25, 0, 1)[:, None]
    return blend(canvas, soften(canvas, int(aperture)), mask)


def shake(canvas: Floats, rng: np.random.Generator, pixels: int) -> Floats:
    """Motion blur along one direction, a few `pixels` long."""
    steps = max(pixels, 2)
    dx, dy = float(rng.uniform(0.6, 1.0)), float(rng.uniform(-0.25, 0.25))
    total = np.zeros_like(canvas)
    for i in range(steps):
        total += np.roll(canvas, (round(i * dy), round(i * dx)), axis=(1, 2))
    return total / np.float32(steps)


@functools.cache
def _corner_distance(height: int) -> Floats:
    down = np.linspace(-0.75, 0.75, height, dtype=np.float32)[:, None]
    across = np.linspace(-1, 1, WIDTH, dtype=np.float32)[None, :]
    return down * down + across * across


@functools.cache
def _tone() -> Bytes:
    """Linear light in 4096 steps up to 4 → 8 bits: a film-like shoulder, then the screen's gamma."""
    light = np.linspace(0, 4, 4096)
    film = (light * (2.51 * light + 0.03)) / (light * (2.43 * light + 0.59) + 0.14)
    return np.round(np.clip(film, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)


def develop(canvas: Floats, rng: np.random.Generator, exposure: float) -> Image.Image:
    """Turns linear light, shape (3, height, WIDTH), into the picture that the sensor delivers."""
    height = canvas.shape[1]
    warmth = float(rng.normal(0, 0.05))
    balance = np.array([1 + warmth, 1 + rng.normal(0, 0.012), 1 - warmth], dtype=np.float32)[:, None, None]
    light = canvas * (balance * np.float32(exposure * rng.uniform(0.85, 1.2)))
    light *= 1 - np.float32(rng.uniform(0.05, 0.26)) * _corner_distance(height)
    grain = float(rng.uniform(0.006, 0.03))
    white = fractal(0.0)
    luma = window(white, rng, height, WIDTH)
    bands: list[Image.Image] = []
    for band in light:
        noise = luma + np.roll(luma, int(rng.integers(WIDTH)), axis=1)  # part grey, part coloured, as sensors do
        grainy = band + noise * np.sqrt(np.maximum(band, 0.01)) * np.float32(grain)
        steps = np.clip(grainy * np.float32(4095 / 4), 0, 4095).astype(np.int32)
        bands.append(Image.fromarray(_tone().take(steps)))
    picture = Image.merge("RGB", bands)
    roll = float(rng.normal(0, 1.6)) if rng.random() < 0.3 else 0.0
    return picture if roll == 0 else _rolled(picture, roll)


def _rolled(picture: Image.Image, degrees: float) -> Image.Image:
    """The picture as a camera that was not held level sees it, enlarged just enough to leave no empty corner."""
    angle = np.radians(degrees)
    width, height = picture.size
    zoom = 1 / (np.cos(angle) + np.sin(abs(angle)) * width / height)
    a, b = float(np.cos(angle) * zoom), float(np.sin(angle) * zoom)
    x, y = width / 2, height / 2
    matrix = (a, b, x - a * x - b * y, -b, a, y + b * x - a * y)
    return picture.transform(picture.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
