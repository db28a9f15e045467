"""Objects beside the road: tufts of grass, trees, houses, fences, guard-rails, leaves before the lens.

What belongs here: small sprites, made once per process, and placing them in perspective. Not here: the ground
(`scene`), posts (`posts`).
"""

import functools
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from pipeline.demo.camera import WIDTH
from pipeline.demo.light import Light
from pipeline.demo.noise import Floats, blend, fractal, linear, step, window
from pipeline.demo.scene import Scene

_GROWN: Final = 256
"""Edge in pixels of a sprite as it is grown; planted sprites are scaled down from it."""

_STEPS: Final = (10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 448)
"""The sizes that sprites are kept in: scaling one for every tuft would take longer than planting it."""

_VARIANTS: Final = 6


@functools.cache
def _sprite(kind: str, variant: int, size: int) -> tuple[Floats, Floats]:
    """Lightness and coverage of a sprite, each of shape (size, size), standing on its lower edge."""
    shapes = [Image.fromarray((plane * 255).astype(np.uint8)) for plane in _grow(kind, variant)]
    light, cover = (
        np.asarray(s.resize((size, size), Image.Resampling.LANCZOS), dtype=np.float32) / 255 for s in shapes
    )
    return light * np.float32(1.6), cover


@functools.cache
def _grow(kind: str, variant: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng([11, variant, sum(map(ord, kind))])
    if kind in ("tuft", "reed", "palm"):
        return _strokes(rng, kind)
    return _crown(rng, kind)


def _strokes(rng: np.random.Generator, kind: str) -> tuple[Floats, Floats]:
    """Plants made of blades: drawn as lines at twice the size."""
    edge = _GROWN * 2
    light, cover = Image.new("L", (edge, edge), 90), Image.new("L", (edge, edge), 0)
    pens = (ImageDraw.Draw(light), ImageDraw.Draw(cover))
    if kind == "palm":
        trunk = [(edge * 0.5, edge), (edge * 0.53, edge * 0.66), (edge * 0.5, edge * 0.32)]
        pens[0].line(trunk, fill=105, width=18, joint="curve")
        pens[1].line(trunk, fill=255, width=18, joint="curve")
    count = {"tuft": 150, "reed": 46, "palm": 130}[kind]
    for i in range(count):
        if kind == "palm":
            angle = rng.uniform(0, 2 * np.pi)
            root = (edge * 0.5, edge * 0.32)
            reach = rng.uniform(0.2, 0.46) * edge
            tip = (root[0] + np.cos(angle) * reach, root[1] - np.sin(angle) * reach * 0.5 + reach * 0.28)
            bow = (root[0] + np.cos(angle) * reach * 0.55, root[1] - np.sin(angle) * reach * 0.5 - reach * 0.12)
        else:
            spread = 0.42 if kind == "tuft" else 0.25
            root = (edge * (0.5 + rng.normal(0, 0.11)), float(edge))
            tall = rng.uniform(0.25, 1.0) ** 0.8 * edge * 0.97
            lean = rng.normal(0, spread) * tall * 0.6
            tip = (root[0] + lean, edge - tall)
            bow = (root[0] + lean * 0.25, edge - tall * 0.55)
        shade = int(np.clip(60 + 120 * i / count + rng.normal(0, 28), 25, 250))
        curve = [root, bow, tip]
        width = int(rng.integers(2, 6 if kind == "tuft" else 5))
        pens[0].line(curve, fill=shade, width=width + 2, joint="curve")
        pens[1].line(curve, fill=255, width=width, joint="curve")
    planes = [np.asarray(p.resize((_GROWN, _GROWN), Image.Resampling.BOX), np.float32) / 255 for p in (light, cover)]
    depth = np.linspace(1.15, 0.5, _GROWN, dtype=np.float32)[:, None]  # dark between the roots
    if kind != "palm":  # the roots end in the ground, not on a line
        ragged = window(fractal(0.8, 3.0), rng, _GROWN, _GROWN) * 0.06
        planes[1] = planes[1] * step(0.0, 0.22, np.linspace(1, 0, _GROWN, dtype=np.float32)[:, None] + ragged - 0.02)
    return np.clip(planes[0] * depth, 0, 1), planes[1]


def _crown(rng: np.random.Generator, kind: str) -> tuple[Floats, Floats]:
    """Trees and bushes: a body whose outline and depth come from noise."""
    y, x = np.mgrid[0:_GROWN, 0:_GROWN].astype(np.float32) / np.float32(_GROWN)
    x = (x - 0.5) * 2
    y = 1 - y
    leaf = window(fractal(0.9), rng, _GROWN, _GROWN)
    lump = window(fractal(1.5), rng, _GROWN, _GROWN)
    if kind == "conifer":
        tiers = 0.12 * np.mod(-y * 9 + 0.25 * lump, 1)
        body = (0.98 - y) * 0.46 + tiers * (1.1 - y) - np.abs(x) + 0.03 * leaf
        body = np.minimum(body, y - 0.05)
    elif kind in ("cypress", "poplar"):
        slim = 0.17 if kind == "cypress" else 0.26
        body = slim * np.sqrt(np.clip(1 - ((y - 0.5) / 0.49) ** 2, 0, 1)) - np.abs(x) + 0.03 * leaf
    elif kind == "leaves":
        body = 0.34 - np.hypot(x * 0.8, (y - 0.5) * 1.1) + 0.05 * lump + 0.16 * leaf
    elif kind == "shrub":
        body = 0.6 - np.hypot(x * 0.75, y / 0.75) + 0.09 * lump + 0.07 * leaf
    else:  # broadleaf, birch
        slim = 1.25 if kind == "broadleaf" else 1.7
        body = 0.36 - np.hypot(x * slim * 0.62, (y - 0.56) * 1.05) + 0.06 * lump + 0.05 * leaf
        body = np.minimum(body, (0.99 - y) * 0.6 + 0.02 * leaf)
    cover = step(0.0, 0.05, body)
    light = np.clip(0.42 + 0.14 * leaf + 0.10 * lump + 0.18 * y - 0.12 * x, 0.08, 1)
    if kind not in ("shrub", "leaves"):
        trunk = step(0.05, 0.03, np.abs(x + 0.02 * lump)) * (y < 0.4)
        light = np.where(cover < 0.5, 0.75 if kind == "birch" else 0.2, light).astype(np.float32)
        cover = np.maximum(cover, trunk)
    return light.astype(np.float32), cover.astype(np.float32)


def plant(canvas: Floats, sprite: tuple[str, int], foot: tuple[float, float], size: float, colour: Floats) -> None:
    """Composites a sprite (kind, variant) of about `size` pixels in the lit `colour`, its `foot` at (column, row)."""
    kind, variant = sprite
    column, row = foot
    kept = min(_STEPS, key=lambda s: abs(s - size))
    light, cover = _sprite(kind, variant % _VARIANTS, kept)
    if variant >= _VARIANTS:
        light, cover = light[:, ::-1], cover[:, ::-1]
    left, top = round(column - kept / 2), round(row - kept)
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + kept, canvas.shape[2]), min(top + kept, canvas.shape[1])
    if x1 <= x0 or y1 <= y0:
        return
    part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    spot = canvas[:, y0:y1, x0:x1]
    spot += (light[part] * colour - spot) * cover[part]


def lit(colour: Floats, light: Light, z: float) -> Floats:
    """The colour of something upright and rough, seen through `z` metres of air."""
    face = colour * (light.ambient * np.float32(0.8) + light.sun * np.float32(0.55))
    air = np.float32(1 - np.exp(-light.haze * z))
    return (face + (light.horizon - face) * air).astype(np.float32)


def tufts(canvas: Floats, scene: Scene, rng: np.random.Generator, *, near: float, far: float, count: int) -> None:
    """Grass standing up from the verge between depths `near` and `far` metres, the farthest first."""
    view, land, road, light = scene.view, scene.land, scene.road, scene.light
    dark, bright = linear(*land.grass[0]), linear(*land.grass[1])
    top, bottom = view.row(far), min(view.row(near), view.height * 1.15)
    if bottom <= top:
        return
    rows = np.sort(top + (bottom - top) * rng.random(count) ** 0.8)
    columns = rng.uniform(-20, WIDTH + 20, count)
    mix = rng.random(count)
    for row, column, tone in zip(rows.tolist(), columns.tolist(), mix.tolist(), strict=True):
        z = view.depth(row)
        off = (column - view.centre) * z / view.focal - float(road.centre(np.array([z], np.float32))[0])
        tall = float(rng.uniform(0.08, 0.26)) * (1.7 if rng.random() < 0.08 else 1.0)
        variant = int(rng.integers(2 * _VARIANTS))
        if abs(off) < road.half + 0.12:
            continue
        colour = dark + (bright - dark) * np.float32(tone)
        if light.snow:
            colour = colour * np.float32(0.5) + linear(222, 228, 236) * np.float32(0.5 * (tone > 0.4))
        kind = "reed" if tone > 0.93 else "tuft"
        plant(canvas, (kind, variant), (column, row + 3), tall * view.focal / z, lit(colour, light, z))


def trees(canvas: Floats, scene: Scene, rng: np.random.Generator) -> None:
    """Single trees and bushes in the middle distance, on both sides of the road."""
    view, land, road, light = scene.view, scene.land, scene.road, scene.light
    count = int(rng.integers(0, 9))
    for z in sorted(rng.uniform(22, 140, count), reverse=True):
        side = int(rng.choice([-1, 1]))
        x = float(road.centre(np.array([z], np.float32))[0]) + side * (road.half + rng.uniform(3, 30))
        kind = land.trees[int(rng.integers(len(land.trees)))]
        tall = float(rng.uniform(1.2, 2.5) if kind == "shrub" else rng.uniform(5, 11))
        colour = linear(*land.grass[0]) * np.float32(rng.uniform(0.5, 0.95))
        if kind == "conifer":
            colour = colour * np.array([0.6, 0.75, 0.8], np.float32).reshape(3, 1, 1)
        if light.snow:
            colour = colour * np.float32(0.6) + np.float32(0.14)
        size = min(tall * view.focal / z, 448)
        variant = int(rng.integers(2 * _VARIANTS))
        plant(canvas, (kind, variant), (view.column(x, z), view.row(z) + 2), size, lit(colour, light, z))


def branch(canvas: Floats, scene: Scene, rng: np.random.Generator) -> None:
    """Leaves close before the lens, reaching in from an upper corner."""
    side = int(rng.choice([-1, 1]))
    colour = lit(linear(*scene.land.grass[0]) * np.float32(0.9), scene.light, 0)
    for _ in range(12):
        column = WIDTH * (0.5 + side * rng.uniform(0.25, 0.52))
        plant(canvas, ("leaves", int(rng.integers(12))), (column, rng.uniform(0.05, 0.55) * 320), 160, colour)


def houses(canvas: Floats, scene: Scene, rng: np.random.Generator) -> None:
    """A hamlet in the distance: walls, a roof each, windows."""
    view, road, light = scene.view, scene.road, scene.light
    picture, mask = Image.new("RGB", (WIDTH, view.height)), Image.new("L", (WIDTH, view.height))
    pen, cut = ImageDraw.Draw(picture), ImageDraw.Draw(mask)
    side = int(rng.choice([-1, 1]))
    for z in sorted(rng.uniform(45, 110, int(rng.integers(1, 4))), reverse=True):
        x = float(road.centre(np.array([z], np.float32))[0]) + side * (road.half + rng.uniform(6, 22))
        wide, tall, roof = rng.uniform(7, 13), rng.uniform(2.8, 5.5), rng.uniform(1.5, 3.2)
        left, right = view.column(x, z), view.column(x + wide, z)
        foot, eaves, ridge = view.row(z) + 2, view.row(z, tall), view.row(z, tall + roof)
        inset = (right - left) * rng.uniform(0.05, 0.4)
        wall = [(226, 218, 200), (190, 110, 84), (200, 196, 188), (232, 226, 214)][int(rng.integers(4))]
        tiles = [(132, 68, 52), (84, 80, 80), (104, 60, 48)][int(rng.integers(3))]
        gable = [(left - 4, eaves), (left + inset, ridge), (right - inset, ridge), (right + 4, eaves)]
        for p, fills in ((pen, (wall, tiles)), (cut, (255, 255))):
            p.rectangle((left, eaves, right, foot), fill=fills[0])
            p.polygon(gable, fill=fills[1])
        step_x = (right - left) / 4
        for i in range(4):
            x0 = left + (i + 0.3) * step_x
            y0 = eaves + (foot - eaves) * 0.25
            pen.rectangle((x0, y0, x0 + step_x * 0.4, y0 + (foot - eaves) * 0.3), fill=(58, 64, 74))
    paint = (np.asarray(picture, np.float32).transpose(2, 0, 1) / 255) ** np.float32(2.2)
    face = light.ambient * np.float32(0.85) + light.sun * np.float32(0.6)
    air = np.float32(1 - np.exp(-light.haze * 75))
    paint = paint * face
    paint = paint + (light.horizon - paint) * air
    canvas[:] = blend(canvas, paint, np.asarray(mask, np.float32) / 255)


def barrier(canvas: Floats, scene: Scene, rng: np.random.Generator, *, steel: bool) -> None:
    """A guard-rail (`steel`) or a wooden fence along the far side of the road or behind the post."""
    view, road, light = scene.view, scene.road, scene.light
    gap = 0.7 if steel else float(rng.uniform(2.5, 6))
    side = int(rng.choice([-1, 1])) if not steel else road.side
    near = max(road.depth * 1.3, 5.0)
    # height from, height to, lightness: the beam of a guard-rail is a wave, lit from above
    beam = ((0.70, 0.86, 255), (0.67, 0.71, 130), (0.55, 0.68, 215), (0.53, 0.56, 110))
    bands = beam if steel else ((0.45, 0.54, 220), (0.85, 0.94, 250))
    shade, mask = Image.new("L", (WIDTH, view.height)), Image.new("L", (WIDTH, view.height))
    pens = (ImageDraw.Draw(shade), ImageDraw.Draw(mask))
    depths = np.geomspace(near, 90, 28)
    lane = road.centre(depths.astype(np.float32)) + side * (road.half + gap)
    stakes = np.arange(near, 80, 4.0 if steel else 2.5)
    for z, x in zip(stakes, np.interp(stakes, depths, lane), strict=True):
        half = max(0.04 * view.focal / z, 0.6)
        shape = (view.column(x, z) - half, view.row(z, 0.8 if steel else 1.05), view.column(x, z) + half, view.row(z))
        for pen, fill in zip(pens, (150, 255), strict=True):
            pen.rectangle(shape, fill=fill)
    for low, high, tone in bands:
        upper = [(view.column(x, z), view.row(z, high)) for z, x in zip(depths, lane, strict=True)]
        lower = [(view.column(x, z), view.row(z, low)) for z, x in zip(depths, lane, strict=True)]
        for pen, fill in zip(pens, (tone, 255), strict=True):
            pen.polygon(upper + lower[::-1], fill=fill)
    colour = lit(linear(176, 180, 184) if steel else linear(122, 100, 76), light, 25.0)
    tones, cover = (np.asarray(plane, np.float32) / 255 for plane in (shade, mask))
    canvas[:] = blend(canvas, colour * tones, cover)
