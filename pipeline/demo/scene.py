"""The land and the road: sky, clouds, hills, tree line, verge, asphalt and markings, as linear light.

What belongs here: the background that fills the picture. Not here: objects in it (`roadside`), posts (`posts`), lens
and sensor (`camera`).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.demo.camera import WIDTH, View
from pipeline.demo.light import Light
from pipeline.demo.noise import Floats, blend, fractal, linear, outline, sample, step, window
from pipeline.demo.places import Land

_SNOW: Final = linear(236, 240, 246)
_ASPHALTS: Final = ((92, 92, 94), (116, 114, 110), (78, 80, 84), (134, 126, 116))


@dataclass(frozen=True)
class Road:
    """Where the road runs, in metres: at `depth` its middle is at `middle`, from there it bends."""

    depth: float
    middle: float
    heading: float
    bend: float
    half: float
    """Half the width of the asphalt."""
    side: int
    """+1 when the road lies to the right of the post, -1 when to the left."""

    def centre(self, z: Floats) -> Floats:
        """Distance of the middle of the road from the camera's axis at depths `z`."""
        away = np.minimum(z - np.float32(self.depth), 160)
        return (
            np.float32(self.middle)
            + np.float32(self.heading) * (z - np.float32(self.depth))
            + np.float32(self.bend / 2) * away * np.abs(away)
        )

    def beside(self, z: float, gap: float) -> float:
        """The x of a line that runs `gap` metres off the asphalt, on the post's side."""
        return float(self.centre(np.array([z], dtype=np.float32))[0]) - self.side * (self.half + gap)


@dataclass(frozen=True)
class Scene:
    """A place, a light and a point of view: all that is needed to put an object into the picture."""

    view: View
    land: Land
    road: Road
    light: Light


def backdrop(scene: Scene, rng: np.random.Generator) -> Floats:
    """Sky, hills and tree line on a fresh canvas, shape (3, view.height, WIDTH), unfinished below the horizon."""
    view, land, light = scene.view, scene.land, scene.light
    canvas = np.empty((3, view.height, WIDTH), dtype=np.float32)
    canvas[:] = light.horizon
    rows = int(np.clip(np.ceil(view.horizon) + 2, 8, view.height))
    canvas[:, :rows] = _sky(rows, view, light, rng)
    for distance in (9000.0, 3500.0):
        if rng.random() < 0.35 + 0.6 * land.hills:
            _ridge(canvas, scene, rng, linear(*land.hill), distance=distance, relief=land.hills)
    forest = linear(*land.grass[0]) * np.float32(0.55)
    if land.tufts > 0.4 and rng.random() < 0.75:
        _ridge(canvas, scene, rng, forest, distance=float(rng.uniform(150, 700)), relief=0.0)
    return canvas


def _sky(rows: int, view: View, light: Light, rng: np.random.Generator) -> Floats:
    height, width = (rows + 1) // 2, WIDTH // 2  # clouds are soft: half the resolution shows no difference
    up = np.maximum((view.horizon - 2 * np.arange(height, dtype=np.float32)) / view.focal, 0)[:, None]
    across = (2 * np.arange(width, dtype=np.float32)[None, :] - view.centre) / np.float32(view.focal)
    rise = np.clip(up / 0.6, 0, 1) ** 0.6
    sky = blend(light.horizon, light.zenith, rise)
    lens = up + 0.10
    u = across / lens * 55 + np.float32(rng.uniform(0, 4000))
    v = np.float32(70) / lens + np.float32(rng.uniform(0, 4000))
    cloud = fractal(1.65)
    thickness = sample(cloud, u, v) + 0.25 * sample(cloud, u * 3, v * 3)
    lit = thickness - sample(cloud, u + np.float32(9 * light.towards[0]), v - 6)
    edge = 1.5 - 3.0 * light.clouds
    cover = step(edge, edge + 1.1, thickness) * step(0.0, 0.08, up)
    body = light.horizon * np.float32(1.0) + light.sun * np.float32(0.16)
    shade = np.clip(0.86 + 0.22 * lit - 0.12 * step(0.6, 2.2, thickness), 0.45, 1.25)
    sky = blend(sky, body * shade, cover * np.float32(0.92))
    return np.repeat(np.repeat(sky, 2, axis=1), 2, axis=2)[:, :rows]


def _ridge(
    canvas: Floats, scene: Scene, rng: np.random.Generator, colour: Floats, *, distance: float, relief: float
) -> None:
    """One silhouette along the horizon: a range of hills where `relief` is above 0, else a line of trees."""
    view, light = scene.view, scene.light
    if relief > 0:
        top = outline(rng, WIDTH, 1.5 if relief > 0.8 else 1.9) * (30 + 150 * relief) * min(1.0, 2500 / distance + 0.45)
    else:
        crowns = outline(rng, WIDTH, 0.75) * 0.6 + outline(rng, WIDTH, 1.6) * 0.7
        top = np.maximum(crowns - 0.25, 0.02) * view.focal * 14 / distance
    first = int(max(0, view.horizon - top.max() - 2))
    last = int(min(view.height, view.horizon + 3))
    if last - first < 2:
        return
    rows = np.arange(first, last, dtype=np.float32)[:, None]
    mask = np.clip(rows - (np.float32(view.horizon) - top[None, :]) + 0.5, 0, 1)
    texture = window(fractal(0.9 if relief == 0 else 1.2, 1.6), rng, last - first, WIDTH)
    lit = light.ambient * np.float32(0.75) + light.sun * np.float32(0.45)
    snow = step(0.45, 0.75, 1 - (rows - first) / (last - first) + 0.1 * texture) if relief > 0.8 or light.snow else None
    paint = blend(colour, _SNOW, snow) if snow is not None else colour
    surface = paint * lit * np.maximum(1 + 0.22 * texture, 0.2)
    air = np.float32(1 - np.exp(-light.haze * distance * 0.5))
    surface = surface + (light.horizon - surface) * min(
        air, np.float32(0.35 + 0.35 * distance / 9000 if light.haze < 0.01 else 1.0)
    )
    canvas[:, first:last] = blend(canvas[:, first:last], surface, mask)


def ground(canvas: Floats, scene: Scene, rng: np.random.Generator) -> None:
    """Paints verge, asphalt and markings below the horizon, in place."""
    view, road, light = scene.view, scene.road, scene.light
    first = int(max(0, np.ceil(view.horizon + 0.5)))
    rows = np.arange(first, view.height, dtype=np.float32)[:, None]
    z = np.float32(view.focal * view.eye) / (rows - np.float32(view.horizon))
    x = (np.arange(WIDTH, dtype=np.float32)[None, :] - np.float32(view.centre)) * (z / np.float32(view.focal))
    off = x - road.centre(z)
    beyond = np.abs(off) - np.float32(road.half)  # metres off the asphalt; negative on it
    pixel = z / np.float32(view.focal)
    patches = _patches(x, z, rng)
    surface = _verge(scene, beyond, z, patches, rng)
    edge = patches * np.float32(0.05) + np.float32(0.02)
    on_road = np.clip(0.5 - (beyond + edge) / np.maximum(pixel, 0.012), 0, 1)
    surface = blend(surface, _asphalt(scene, off, z, patches, rng), on_road)
    surface *= light.ground
    if light.wet:  # a wet road mirrors the sky, the more the flatter one looks at it
        mirror = on_road * (0.12 + 0.5 * step(4, 60, z))
        surface = blend(surface, light.horizon * np.float32(0.8), mirror)
    if light.weather in ("sunny", "golden") and rng.random() < 0.3:
        dapple = step(0.1, 0.7, sample(fractal(1.25), x * 5 + 300, np.minimum(z, 300) * 5))
        surface *= 1 - dapple * (1 - light.shade)
    # in clear air the plain ends at the foot of the hills, not in white
    air = 1 - np.exp(-np.float32(light.haze) * np.minimum(z, 400 if light.haze < 0.01 else 1500))
    canvas[:, first:] = blend(surface, light.horizon, air)


def _patches(x: Floats, z: Floats, rng: np.random.Generator) -> Floats:
    """Unevenness of the ground from decimetres to tens of metres, true to perspective; about unit deviation."""
    tile = fractal(1.25)
    du, dv = (np.float32(v) for v in rng.uniform(0, 900, 2))
    # half the resolution across: bilinear reads are the dearest part of a picture, and this one is smooth
    wide, far = x[:, ::2], np.minimum(z, 900)
    coarse = 0.75 * sample(tile, wide * 9 + du, far * 9 + dv) + 0.6 * sample(tile, wide * 80 + dv, far * 80 + du)
    return np.repeat(coarse, 2, axis=1)


def _verge(scene: Scene, beyond: Floats, z: Floats, patches: Floats, rng: np.random.Generator) -> Floats:
    land, light = scene.land, scene.light
    shape = beyond.shape
    dark, bright, soil = linear(*land.grass[0]), linear(*land.grass[1]), linear(*land.soil)
    near = np.broadcast_to(step(14, 3, z), shape)
    fine = window(fractal(0.35), rng, *shape)
    blades = window(fractal(0.8, 4.0), rng, *shape)  # drawn out upwards: grass seen from the side
    grain = fine * (0.8 - 0.3 * near) + blades * (0.3 + 0.9 * near)
    tone = np.clip(0.45 + 0.17 * grain + 0.14 * patches, 0, 1.2)
    grass = dark + (bright - dark) * tone
    grass *= np.clip(0.9 + 0.16 * grain, 0.25, 1.6)
    earth = soil * np.clip(0.95 + 0.2 * fine + 0.08 * patches, 0.3, 1.7)
    shoulder = float(rng.choice([0.15, 0.3, 0.6, 1.1], p=[0.4, 0.3, 0.2, 0.1]))
    bare = np.clip(1.2 - beyond / shoulder + 0.5 * patches + 0.25 * fine, 0, 1) + step(
        1.6 * land.tufts + 0.2, 1.6 * land.tufts + 0.9, patches
    )
    verge = blend(grass, earth, np.clip(bare, 0, 1))
    if light.snow:
        cover = step(-1.1, 0.2, patches + 0.35 * fine + 0.8)
        white = _SNOW * np.clip(0.96 + 0.05 * patches + 0.03 * fine, 0.6, 1.1)
        verge = blend(verge, white, cover)
    return verge


def _asphalt(scene: Scene, off: Floats, z: Floats, patches: Floats, rng: np.random.Generator) -> Floats:
    land, road, light = scene.land, scene.road, scene.light
    pixel = z / np.float32(scene.view.focal)
    base = linear(*_ASPHALTS[int(rng.integers(len(_ASPHALTS)))])
    grit = window(fractal(0.1), rng, *off.shape)
    track = np.abs(np.abs(off) - np.float32(road.half * 0.5))
    value = 1 + 0.13 * grit + 0.07 * patches - 0.10 * step(0.9, 0.2, np.abs(track - 0.75))
    seam = step(0.02, 0.006, np.abs(patches - np.float32(rng.uniform(0.6, 1.6))) * np.maximum(pixel * 40, 0.3))
    value = np.clip(value * (1 - 0.35 * seam), 0.2, 2) * (0.55 if light.wet else 1.0)
    asphalt = base * value
    worn = np.clip(1.15 + 0.45 * grit * step(30, 5, z) + 0.35 * patches, 0.15, 1) * 0.9
    white, yellow = linear(226, 226, 220), linear(222, 172, 48)
    if rng.random() < 0.75:
        line = _stripe(np.abs(off) - np.float32(road.half - 0.28), 0.07, pixel)
        asphalt = blend(asphalt, white, line * worn)
    period, share = (12.0, 0.33) if rng.random() < 0.5 else (9.0, 0.5)
    dash = step(0.02, 0.0, np.mod(z + np.float32(rng.uniform(0, 9)), period) / period - share)
    solid = rng.random() < 0.25
    middle = _stripe(off, 0.065, pixel) * (1.0 if solid else np.where(z > 120, np.float32(share), dash))
    asphalt = blend(asphalt, yellow if land.yellow_lines else white, middle * worn)
    if light.snow:
        drift = step(0.3, 1.3, patches + 0.8 * (np.abs(off) / np.float32(road.half)))
        asphalt = blend(asphalt, _SNOW * np.float32(0.85), drift * np.float32(0.8))
    return asphalt


def _stripe(off: Floats, half: float, pixel: Floats) -> Floats:
    """Coverage of a painted line of half width `half` metres around 0, fading out where it is thinner than a pixel."""
    return np.clip((half - np.abs(off)) / pixel + 0.5, 0, 1) * np.minimum(1, half * 2 / pixel)
