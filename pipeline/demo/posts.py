"""The twelve kinds of roadside post, each a function that paints one onto a `Surface`.

What belongs here: what distinguishes the kinds (shape, colours, bands, reflectors, variation between specimens). Not
here: shading and wear, which all share (`solids`); which country uses which kind (`places`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.demo.noise import Floats, fractal, linear, window
from pipeline.demo.solids import Surface, between, box, cylinder, disc, stripes

WHITE: Final = linear(240, 240, 234)
BLACK: Final = linear(26, 26, 28)
RED: Final = linear(206, 30, 34)
ORANGE: Final = linear(255, 112, 20)
YELLOW: Final = linear(250, 200, 20)
GREEN: Final = linear(14, 122, 66)
BLUE: Final = linear(22, 78, 178)
STEEL: Final = linear(158, 164, 170)
CONCRETE: Final = linear(172, 166, 154)
WOOD: Final = linear(128, 92, 60)


def _black_slant(s: Surface) -> None:
    taper = 0.088 - 0.012 * s.y
    top = 1.0 + 0.35 * s.x
    body = s.fill(np.minimum(np.minimum(taper - np.abs(s.x), top - s.y), s.y))
    s.put(body, WHITE, np.where(s.x > 0.035, np.float32(0.55), np.float32(-0.12)), 0.15)
    slant = s.y - 0.75 * s.x
    s.mark(between(s, slant, 0.66, 0.93), BLACK)
    lamp = s.fill(box(s, -0.028, 0.028, 0.71, 0.88, radius=0.006))
    s.mark(lamp, ORANGE if s.rng.random() < 0.7 else WHITE, 0.9)


def _red_band(s: Surface) -> None:
    height, _ = cylinder(s, 0.105, 0, 1.0, WHITE, dome=0.05)
    low = 0.70 + float(s.rng.normal(0, 0.01))
    s.mark(between(s, height, low, low + 0.19), RED, 0.25)
    s.mark(between(s, height, low - 0.012, low), linear(150, 150, 150))


def _black_white(s: Surface) -> None:
    half, high = 0.10, 0.95
    peak = high - 0.5 * np.abs(s.x + 0.02)
    body = s.fill(np.minimum(np.minimum(half - np.abs(s.x), peak - s.y), s.y))
    s.put(body, WHITE, np.where(s.x < -0.045, np.float32(-0.75), np.float32(0.25)), 0.08)
    s.mark(stripes(s, s.y + 0.10, 0.30, 0.5), BLACK)


def _black_cap(s: Surface) -> None:
    height, _ = cylinder(s, 0.088, 0, 1.05, YELLOW, gloss=0.4, dome=0.06)
    s.mark(between(s, height, 0.80, 2.0), BLACK)
    s.mark(s.fill(box(s, -0.04, 0.04, 0.64, 0.74, radius=0.008)), WHITE, 0.9)


def _red_white_pole(s: Surface) -> None:
    height, _ = cylinder(s, 0.078, 0, 1.9, WHITE, gloss=0.3)
    s.mark(stripes(s, height + 0.20, 0.56, 0.5), RED, 0.15)


def _wooden(s: Surface) -> None:
    height, angle = cylinder(s, 0.11, 0, 0.9, WOOD, gloss=0.03)
    grain = window(fractal(1.0, 14.0), s.rng, *s.x.shape)
    s.paint = s.paint * np.clip(1 + 0.28 * grain, 0.35, 1.6)
    crack = np.abs(angle - np.float32(s.rng.uniform(-0.4, 0.4)) - 0.03 * grain)
    s.mark(np.clip(1 - crack / 0.02, 0, 1) * between(s, height, 0.1, 0.86), linear(48, 34, 24))
    s.mark(s.fill(disc(s, 0, 0.66, 0.078)), STEEL)
    s.mark(s.fill(disc(s, 0, 0.66, 0.066)), RED if s.rng.random() < 0.85 else WHITE, 0.9)


def _concrete_stub(s: Surface) -> None:
    high = 0.62
    half = 0.17 - 0.05 * s.y
    body = s.fill(
        np.minimum(np.minimum(half - np.abs(s.x), high - 0.25 * np.maximum(np.abs(s.x) - 0.09, 0) - s.y), s.y)
    )
    s.put(body, CONCRETE, np.where(s.x > 0.075, np.float32(0.7), np.float32(-0.15)), 0.02)
    speck = window(fractal(0.3), s.rng, *s.x.shape)
    s.paint = s.paint * np.clip(1 + 0.13 * speck, 0.5, 1.4)
    s.mark(between(s, s.y + 0.015 * speck * (s.y < 0.46), 0.43, 1.0), RED)


def _orange_paddle(s: Surface) -> None:
    bend = float(s.rng.normal(0, 0.06))
    x = s.x - np.float32(bend) * s.y * s.y
    round_top = np.hypot(x, np.maximum(s.y - 0.94, 0)) * (s.y > 0.94) + np.abs(x) * (s.y <= 0.94)
    width = 0.06 + 0.04 * np.clip((s.y - 0.45) * 6, 0, 1)
    body = s.fill(np.minimum(width - round_top, s.y - 0.05))
    s.put(s.fill(box(s, -0.14, 0.14, 0.0, 0.055, radius=0.02)), BLACK, 0.0, 0.05)
    s.put(body, ORANGE, np.float32(0.15) + x * 3, 0.12)
    for low in (0.66, 0.80):
        s.mark(between(s, s.y, low, low + 0.08), WHITE, 0.7)


def _green_white(s: Surface) -> None:
    height, _ = cylinder(s, 0.092, 0, 0.95, GREEN, gloss=0.35, dome=0.09)
    for low in (0.50, 0.68):
        s.mark(between(s, height, low, low + 0.10), WHITE, 0.5)


def _blue_white_tube(s: Surface) -> None:
    s.put(s.fill(box(s, -0.17, 0.17, 0.0, 0.03, radius=0.008)), STEEL, 0.0, 0.3)
    height, angle = cylinder(s, 0.088, 0.02, 1.1, BLUE, gloss=0.6)
    spiral = height + angle * np.float32(0.13)
    s.mark(stripes(s, spiral, 0.36, 0.48) * between(s, height, 0.22, 1.02), WHITE, 0.2)


def _kilometre_stone(s: Surface) -> None:
    half, shoulder = 0.21, 0.50
    arch = np.where(s.y > shoulder, half - np.hypot(s.x, s.y - shoulder), half - np.abs(s.x))
    body = s.fill(np.minimum(arch, s.y))
    s.put(body, WHITE, np.clip((np.abs(s.x) - 0.17) * 12, 0, 0.7) * np.sign(s.x), 0.03)
    pits = window(fractal(0.7), s.rng, *s.x.shape)
    s.paint = s.paint * np.clip(1 + 0.09 * np.minimum(pits, 0.5), 0.6, 1.1)
    s.mark(_text(s, str(int(s.rng.integers(2, 480))), 0.47, 0.15), linear(34, 34, 38))
    s.mark(_text(s, f"N {int(s.rng.integers(1, 99))}", 0.25, 0.10), linear(34, 34, 38))


def _text(s: Surface, words: str, y: float, size: float) -> Floats:
    """Coverage of letters `size` metres tall, centred at height `y`."""
    edge = int(size / s.pixel * 1.35)
    if edge < 6:
        return np.zeros_like(s.x)
    picture = Image.new("L", (s.x.shape[1], s.x.shape[0]))
    at = (
        float(np.interp(0.0, s.x[0], np.arange(s.x.shape[1]))),
        float(np.interp(-y, -s.y[:, 0], np.arange(s.x.shape[0]))),
    )
    ImageDraw.Draw(picture).text(at, words, fill=255, font=ImageFont.load_default(edge), anchor="mm")
    return np.asarray(picture, np.float32) / 255


def _chevrons(s: Surface) -> None:
    cylinder(s, 0.035, 0, 0.95, STEEL, gloss=0.4)
    plate = s.fill(box(s, -0.32, 0.32, 0.50, 1.22, radius=0.02))
    s.put(plate, BLACK, 0.05, 0.2)
    point = -1 if s.rng.random() < 0.5 else 1
    arrow = s.x * point + np.abs(s.y - 0.86) * 0.8 + np.float32(0.10)
    inner = s.fill(box(s, -0.30, 0.30, 0.52, 1.20, radius=0.015))
    s.mark(inner * stripes(s, arrow, 0.34, 0.5), YELLOW, 0.3)


@dataclass(frozen=True)
class Post:
    """One kind of post: how it is painted, and its size in metres."""

    paint: Callable[[Surface], None]
    height: float
    half: float
    """Half the width of the box that holds it."""
    spacing: float
    """Metres from one post to the next along the road; 0 for posts that stand alone."""


POSTS: Final[dict[str, Post]] = {
    "white-post-black-slant": Post(_black_slant, 1.04, 0.10, 25),
    "white-cylinder-red-band": Post(_red_band, 1.0, 0.12, 18),
    "black-white-stripes": Post(_black_white, 0.96, 0.12, 20),
    "yellow-post-black-cap": Post(_black_cap, 1.06, 0.11, 22),
    "red-white-pole": Post(_red_white_pole, 1.92, 0.09, 28),
    "wooden-post-round-reflector": Post(_wooden, 0.93, 0.13, 16),
    "concrete-stub-red-top": Post(_concrete_stub, 0.63, 0.19, 6),
    "orange-flexible-paddle": Post(_orange_paddle, 1.04, 0.22, 9),
    "green-white-rings": Post(_green_white, 0.96, 0.11, 14),
    "blue-white-tube": Post(_blue_white_tube, 1.12, 0.18, 12),
    "kilometre-stone": Post(_kilometre_stone, 0.72, 0.22, 0),
    "chevron-plates": Post(_chevrons, 1.23, 0.34, 8),
}
