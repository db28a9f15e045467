"""The surface of one post as arrays: shapes, paint, wear, and shading.

What belongs here: tools for any kind of post. Not here: the kinds (`posts`), their position in the picture (`picture`).
"""

from dataclasses import dataclass, field

import numpy as np

from pipeline.demo.light import Light
from pipeline.demo.noise import Floats, blend, fractal, linear, step, window


@dataclass
class Surface:
    """Samples of a post in its own metres: `x` right of its axis and `y` above the ground, each of shape (h, w)."""

    x: Floats
    y: Floats
    pixel: float
    """Metres between two samples."""
    slope: float
    """How far the camera looks down on it: metres of drop per metre of depth."""
    rng: np.random.Generator
    paint: Floats = field(init=False)
    cover: Floats = field(init=False)
    turn: Floats = field(init=False)
    """Sideways part of the surface's normal, -1 (left) to 1 (right)."""
    gloss: Floats = field(init=False)
    glow: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.paint = np.zeros((3, *self.x.shape), np.float32)
        self.cover, self.turn, self.gloss, self.glow = (np.zeros_like(self.x) for _ in range(4))

    def fill(self, inside: Floats) -> Floats:
        """Coverage, 0 to 1, of a shape given by signed metres (above 0 is inside)."""
        return np.clip(inside / np.float32(self.pixel) + 0.5, 0, 1)

    def put(self, mask: Floats, colour: Floats, turn: Floats | float = 0.0, gloss: float = 0.1) -> None:
        """Adds a part of the body in front of the existing parts."""
        self.cover = mask + self.cover * (1 - mask)
        share = mask / np.maximum(self.cover, np.float32(1e-6))  # at its rim a part has its own colour, not a dark one
        self.paint = blend(self.paint, colour, share)
        self.turn = self.turn + (np.float32(1) * turn - self.turn) * share
        self.gloss = self.gloss + (np.float32(gloss) - self.gloss) * share
        self.glow = self.glow * (1 - mask)

    def mark(self, mask: Floats, colour: Floats, glow: float = 0.0) -> None:
        """Paints onto the body without changing its shape, so a mark may reach beyond its rim without a fringe.

        `glow` above 0 is the light that a reflector sends back.
        """
        self.paint = blend(self.paint, colour, mask)
        if glow > 0:
            self.glow = np.maximum(self.glow * (1 - mask), mask * np.float32(glow))


def box(s: Surface, left: float, right: float, low: float, high: float, *, radius: float = 0.0) -> Floats:
    """Signed metres inside a box with rounded corners."""
    dx = np.abs(s.x - np.float32((left + right) / 2)) - np.float32((right - left) / 2 - radius)
    dy = np.abs(s.y - np.float32((low + high) / 2)) - np.float32((high - low) / 2 - radius)
    return radius - np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) - np.minimum(np.maximum(dx, dy), 0)


def disc(s: Surface, x: float, y: float, radius: float) -> Floats:
    """Signed metres inside a circle."""
    return radius - np.hypot(s.x - np.float32(x), s.y - np.float32(y))


def between(s: Surface, height: Floats, low: float, high: float) -> Floats:
    """Coverage of the band from `low` to `high` of `height`, as `cylinder` returns it."""
    return s.fill(np.minimum(height - np.float32(low), np.float32(high) - height))


def stripes(s: Surface, height: Floats, period: float, share: float) -> Floats:
    """Coverage of bands that repeat every `period` metres fill `share` of it, the first at half a period."""
    off = np.abs(np.mod(height, np.float32(period)) - np.float32(period / 2))
    return s.fill(np.float32(period * share / 2) - off)


def cylinder(
    s: Surface, radius: float, low: float, high: float, colour: Floats, *, gloss: float = 0.25, dome: float = 0.0
) -> tuple[Floats, Floats]:
    """Puts a standing cylinder around x = 0 with a flat or domed top.

    Returns the height of each sample on the curved face, so that rings bend as they do when seen from above, and the
    angle around the axis from -1 (left) to 1 (right).
    """
    across = np.clip(s.x / np.float32(radius), -1, 1)
    facing = np.sqrt(np.maximum(1 - across * across, 0))
    height = s.y + np.float32(radius * s.slope) * facing
    if dome > 0:
        crown = np.float32(high - dome) + np.float32(dome) * facing
        inside = np.minimum(radius - np.abs(s.x), np.minimum(crown - s.y, height - np.float32(low)))
        s.put(s.fill(inside), colour, across, gloss)
    else:
        sides = radius - np.abs(s.x)
        s.put(s.fill(np.minimum(sides, np.minimum(high - height, height - np.float32(low)))), colour, across, gloss)
        if s.slope > 0.01:  # the lid, an ellipse seen from above
            lid = 1 - np.hypot(s.x / np.float32(radius), (s.y - np.float32(high)) / np.float32(radius * s.slope))
            s.put(s.fill(lid * np.float32(radius * min(s.slope, 1.0))), colour * np.float32(0.9), 0.0, gloss)
    return height, np.arcsin(across) * np.float32(2 / np.pi)


def weather(s: Surface, amount: float, earth: Floats) -> None:
    """Ages a post: splashes near the ground, streaks running down, scratches, chalky fading. `amount` is 0 to 1."""
    shape = s.x.shape
    blotch = window(fractal(1.3), s.rng, *shape)
    streak = window(fractal(0.9, 10.0), s.rng, *shape)
    fine = window(fractal(0.5), s.rng, *shape)
    s.paint = s.paint + (np.float32(0.3) - s.paint) * np.float32(0.13 * amount)
    splash = np.clip(np.exp(-s.y / np.float32(0.10 + 0.12 * amount)) * (0.9 + 0.5 * blotch), 0, 0.85)
    s.paint = blend(s.paint, earth * np.float32(0.8), splash * np.float32(0.35 + 0.6 * amount))
    s.paint = s.paint * np.clip(1 - amount * (0.10 * np.maximum(streak, 0) + 0.07 * blotch + 0.05 * fine), 0.2, 1.2)
    scratch = step(2.3 - 0.5 * amount, 2.7, streak * 0.9 + fine * 0.5) * np.float32(0.5 * amount)
    s.paint = blend(s.paint, linear(120, 112, 102), scratch)


def shine(s: Surface, light: Light, flash: float) -> Floats:
    """The light that the post sends to the camera, shape (3, h, w); `flash` is how much reflectors send back."""
    right, up, near = light.towards
    facing = np.sqrt(np.maximum(1 - s.turn * s.turn, 0))
    sun = np.maximum(s.turn * np.float32(right) + facing * np.float32(near), 0)
    sky = 0.40 + 0.50 * facing + 0.10 * np.clip(s.y, 0, 1)  # less sky is seen towards the rims and near the ground
    received = light.ambient * sky + light.sun * sun
    half = np.array([right, up, near + 1.0])
    half /= np.linalg.norm(half)
    spot = np.maximum(s.turn * np.float32(half[0]) + facing * np.float32(half[2]), 0) ** 24 * s.gloss
    rim = s.gloss * (1 - facing) ** 3 * 0.35
    out = s.paint * received + light.sun * spot * np.float32(0.6) + light.horizon * rim
    return out + s.paint * (s.glow * np.float32(flash))
