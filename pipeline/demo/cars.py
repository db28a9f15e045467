"""The second category: cars on the road, seen from behind and a little above.

What belongs here: the six kinds of car and the picture of one. Not here: road, land, light and lens, which are those of
the bollards (`scene`, `light`, `camera`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from pipeline.demo.camera import WIDTH, View, defocus, develop
from pipeline.demo.light import choose
from pipeline.demo.noise import Floats, blend, fractal, linear, step, window
from pipeline.demo.places import LANDS, Colour
from pipeline.demo.roadside import lit, trees, tufts
from pipeline.demo.scene import Road, Scene, backdrop, ground

_PER_METRE: Final = 340
"""Pixels per metre at which a car is drawn before it is scaled down into the picture."""

_Block = Callable[[float, float, float, float, Colour, float], None]

_GLASS: Final = (30, 38, 46)
_RUBBER: Final = (22, 22, 24)
_LAMP: Final = (196, 22, 24)
_BLINKER: Final = (240, 170, 60)


@dataclass(frozen=True)
class Car:
    """One kind of car from behind: measures in metres, colours as on a screen."""

    colour: Colour
    width: float
    height: float
    waist: float
    """Height of the lower edge of the windows."""
    roof: float
    """Width of the roof as a share of `width`."""
    extra: str
    """The distinguishing part: rack, spare, beacon, tarpaulin, or nothing."""


CARS: Final[dict[str, Car]] = {
    "white-pickup-roof-rack": Car((232, 232, 228), 1.85, 1.80, 1.08, 0.80, "rack"),
    "dark-sedan": Car((38, 42, 52), 1.80, 1.42, 0.98, 0.66, ""),
    "red-hatchback": Car((186, 24, 28), 1.70, 1.50, 0.95, 0.74, ""),
    "van-orange-light": Car((236, 226, 196), 1.95, 2.25, 1.25, 0.93, "beacon"),
    "silver-suv-spare-wheel": Car((168, 174, 180), 1.88, 1.85, 1.12, 0.82, "spare"),
    "green-army-truck": Car((82, 92, 56), 2.25, 2.65, 1.35, 0.98, "tarpaulin"),
}


def photograph_car(rng: np.random.Generator, land: str, kind: str) -> Image.Image:
    """Draws a car of `kind` on a road of the given `land`; RGB, WIDTH pixels wide."""
    car, country = CARS[kind], LANDS[land]
    height = int(rng.choice([900, 900, 848]))
    eye, sky_line = float(rng.uniform(1.7, 2.5)), float(rng.uniform(0.16, 0.36)) * height
    share = float(rng.uniform(0.42, 0.72))
    focal = WIDTH * float(rng.uniform(0.9, 1.3))
    depth = max(focal * car.height / (share * height), focal * eye / (0.97 * height - sky_line))
    view = View(height=height, focal=focal, centre=WIDTH / 2, horizon=sky_line, eye=eye)
    x = float(rng.normal(0, 0.12)) * depth * WIDTH / focal * 0.5
    side, half = int(rng.choice([-1, 1])), float(rng.uniform(2.8, 3.8))
    road = Road(depth, x + side * half * 0.5, float(rng.normal(0, 0.06)), float(rng.normal(0, 0.002)), half, side)
    light = choose(rng, country.weather)
    scene = Scene(view, country, road, light)
    canvas = backdrop(scene, rng)
    ground(canvas, scene, rng)
    trees(canvas, scene, rng)
    tufts(canvas, scene, rng, near=depth * 0.6, far=depth * 5, count=int(90 * country.tufts))
    canvas = defocus(canvas, view, depth, float(rng.choice([0.0, 5.0, 8.0])))
    _park(canvas, car, scene, (x, depth), rng)
    return develop(canvas, rng, 0.92 / max(float(light.ground.mean()), 0.35) ** 0.75)


def _park(canvas: Floats, car: Car, scene: Scene, foot_at: tuple[float, float], rng: np.random.Generator) -> None:
    """Composites the car, standing at (x, z) metres, and its shadow, in place."""
    view, light = scene.view, scene.light
    x, depth = foot_at
    paint, cover = _body(car, rng)
    scale = view.focal / depth / _PER_METRE
    size = (max(round(paint.width * scale), 8), max(round(paint.height * scale), 8))
    paint, cover = paint.resize(size, Image.Resampling.LANCZOS), cover.resize(size, Image.Resampling.LANCZOS)
    left, foot = round(view.column(x, depth) - size[0] / 2), round(view.row(depth))
    shadow = Image.new("L", (WIDTH, view.height))
    reach = size[0] * 0.5
    ImageDraw.Draw(shadow).ellipse(
        (left + size[0] * 0.03, foot - reach * 0.2, left + size[0] * 0.97, foot + reach * 0.12), fill=235
    )
    canvas *= 1 - 0.85 * np.asarray(shadow.filter(ImageFilter.BoxBlur(reach * 0.05)), np.float32) / 255
    sheet, stencil = Image.new("RGB", (WIDTH, view.height)), Image.new("L", (WIDTH, view.height))
    sheet.paste(paint, (left, foot - size[1]))
    stencil.paste(cover, (left, foot - size[1]))
    colour = (np.asarray(sheet, np.float32).transpose(2, 0, 1) / 255) ** np.float32(2.2)
    rows = np.arange(view.height, dtype=np.float32)[:, None]
    up = np.clip((foot - rows) / size[1], 0, 1)
    dirt = (
        step(-0.5, 2.2, window(fractal(1.3), rng, view.height, WIDTH)) * (1 - up) * np.float32(rng.uniform(0.05, 0.45))
    )
    seen = blend(lit(colour, light, depth) * (0.72 + 0.45 * up), lit(linear(150, 132, 108), light, depth), dirt)
    gleam = step(0.75, 1.0, up) * np.float32(0.16) + step(0.03, 0.0, np.abs(up - 0.5)) * np.float32(0.06)
    seen = seen + light.horizon * gleam
    canvas[:] = blend(canvas, seen, np.asarray(stencil, np.float32) / 255)


class _Sheet:
    """Colours without light, and coverage, of a car; _PER_METRE pixels a metre, the ground at the lower edge."""

    def __init__(self, car: Car) -> None:
        self.size = (round((car.width + 0.4) * _PER_METRE), round((car.height + 0.5) * _PER_METRE))
        self.paint, self.cover = Image.new("RGB", self.size, car.colour), Image.new("L", self.size)
        self._pens = (ImageDraw.Draw(self.paint), ImageDraw.Draw(self.cover))

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return self.size[0] / 2 + x * _PER_METRE, self.size[1] - y * _PER_METRE

    def block(self, x0: float, x1: float, y0: float, y1: float, colour: Colour, radius: float) -> None:
        """A box with rounded corners; metres right of the middle and above the ground."""
        corners = (*self._at(x0, y1), *self._at(x1, y0))
        for pen, fill in zip(self._pens, (colour, 255), strict=True):
            pen.rounded_rectangle(corners, radius * _PER_METRE, fill=fill)

    def shape(self, points: list[tuple[float, float]], colour: Colour) -> None:
        """A polygon, in metres as for `block`."""
        for pen, fill in zip(self._pens, (colour, 255), strict=True):
            pen.polygon([self._at(x, y) for x, y in points], fill=fill)


def _body(car: Car, rng: np.random.Generator) -> tuple[Image.Image, Image.Image]:
    """The car as colours without light, and its coverage."""
    sheet = _Sheet(car)
    half, roof = car.width / 2, car.width * car.roof / 2
    dark: Colour = (car.colour[0] * 2 // 3, car.colour[1] * 2 // 3, car.colour[2] * 2 // 3)
    for sign in (-1, 1):
        sheet.block(sign * half * 0.88 - 0.11, sign * half * 0.88 + 0.11, 0, 0.55, _RUBBER, 0.04)
    sheet.shape([(-half, car.waist), (half, car.waist), (roof, car.height), (-roof, car.height)], car.colour)
    sheet.block(-half, half, 0.32, car.waist + 0.06, car.colour, 0.12)
    sheet.block(-half * 0.98, half * 0.98, 0.28, 0.52, dark, 0.07)
    if car.extra != "tarpaulin":
        _window(sheet, car, half, roof)
    for middle in (-half + 0.12, half - 0.12):
        sheet.block(middle - 0.10, middle + 0.10, car.waist - 0.34, car.waist - 0.05, _LAMP, 0.03)
        sheet.block(middle - 0.08, middle + 0.08, car.waist - 0.33, car.waist - 0.26, _BLINKER, 0.02)
    for middle in (-half - 0.09, half + 0.09):
        sheet.block(middle - 0.08, middle + 0.08, car.waist + 0.08, car.waist + 0.26, dark, 0.04)
    sheet.block(-0.26, 0.26, 0.56, 0.68, (236, 234, 222), 0.01)
    _extras(car, sheet.block, rng)
    cover = sheet.cover.filter(ImageFilter.BoxBlur(14)).point(_harden)  # no car has sharp corners
    return sheet.paint, cover


def _window(sheet: _Sheet, car: Car, half: float, roof: float) -> None:
    low, top, inset = car.waist + 0.07, car.height - 0.14, 0.10
    lean = (half - roof) * (top - car.waist) / (car.height - car.waist)
    upper = [(half - inset - lean, top), (-half + inset + lean, top)]
    sheet.shape([(-half + inset, low), (half - inset, low), *upper], _GLASS)
    mirrored = [(-half * 0.5, low + 0.01), (-half * 0.1, low + 0.01), (half * 0.15, top), (-half * 0.2, top)]
    sheet.shape(mirrored, (66, 80, 92))


def _harden(level: int) -> int:
    """Turns a blurred outline into a smooth one."""
    return min(max((level - 128) * 6 + 128, 0), 255)


def _extras(car: Car, block: _Block, rng: np.random.Generator) -> None:
    """Adds the distinguishing part of the kind: rack, spare wheel, beacon or tarpaulin."""
    half, high = car.width / 2, car.height
    if car.extra == "rack":
        block(-half * 0.82, half * 0.82, high + 0.03, high + 0.09, (40, 40, 42), 0)
        for x in np.linspace(-half * 0.75, half * 0.75, 4):
            block(float(x) - 0.02, float(x) + 0.02, high - 0.02, high + 0.22, (40, 40, 42), 0)
        block(-half * 0.82, half * 0.82, high + 0.19, high + 0.23, (40, 40, 42), 0)
        load: Colour = ((60, 96, 140), (150, 110, 60), (90, 90, 84))[int(rng.integers(3))]
        block(-half * 0.5, half * 0.35, high + 0.08, high + 0.36, load, 0.06)
        block(-half * 0.98, half * 0.98, car.waist - 0.42, car.waist - 0.38, (150, 150, 148), 0)
    elif car.extra == "spare":
        middle = car.waist - 0.12
        block(-0.36, 0.36, middle - 0.36, middle + 0.36, _RUBBER, 0.36)
        block(-0.22, 0.22, middle - 0.22, middle + 0.22, (150, 154, 158), 0.22)
        block(-0.07, 0.07, middle - 0.07, middle + 0.07, (60, 62, 66), 0.07)
    elif car.extra == "beacon":
        block(-0.42, 0.42, high, high + 0.06, (50, 50, 52), 0)
        for x in (-0.3, 0.3):
            block(x - 0.11, x + 0.11, high + 0.04, high + 0.22, (255, 140, 20), 0.05)
        block(-0.02, 0.02, 0.55, high - 0.1, (150, 144, 126), 0)
        block(-half, half, car.waist - 0.02, car.waist + 0.10, (240, 120, 24), 0)
    elif car.extra == "tarpaulin":
        block(-half, half, car.waist - 0.1, high + 0.1, (104, 108, 74), 0.12)
        for x in np.linspace(-half * 0.8, half * 0.8, 5):
            block(float(x) - 0.012, float(x) + 0.012, car.waist, high, (74, 78, 52), 0)
        block(-half * 0.35, half * 0.35, car.waist + 0.1, high - 0.2, (34, 36, 28), 0.05)
