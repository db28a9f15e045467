"""One picture of the bollard library, from its seed to the developed photograph.

What belongs here: the order in which a scene is composed, and the position of the post in it. Not here: drawing each
part (`scene`, `roadside`, `posts`, `solids`), the plan of pictures (`bollards`).
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from pipeline.demo.camera import WIDTH, View, defocus, develop, shake
from pipeline.demo.light import Light, choose
from pipeline.demo.noise import Floats, linear
from pipeline.demo.places import LANDS, Land
from pipeline.demo.posts import POSTS, Post
from pipeline.demo.roadside import barrier, branch, houses, trees, tufts
from pipeline.demo.scene import Road, Scene, backdrop, ground
from pipeline.demo.solids import Surface, shine, weather


@dataclass(frozen=True)
class Setting:
    """All choices for a picture, made before the first pixel."""

    scene: Scene
    depth: float
    """Metres from the camera to the post."""
    x: float
    """Metres from the camera's axis to the foot of the post."""
    tilt: float
    """Tangent of the angle at which the post leans."""


def photograph(rng: np.random.Generator, land: str, kind: str | None) -> Image.Image:
    """Draws one roadside of the given `land` with a post of `kind`, or none; RGB, WIDTH pixels wide."""
    post = POSTS[kind] if kind else None
    setting = _compose(rng, LANDS[land], post)
    scene, light = setting.scene, setting.scene.light
    canvas = backdrop(scene, rng)
    ground(canvas, scene, rng)
    if scene.land.tufts > 0.5 and rng.random() < 0.25:
        houses(canvas, scene, rng)
    trees(canvas, scene, rng)
    if rng.random() < 0.28:
        barrier(canvas, scene, rng, steel=rng.random() < 0.6)
    grass = int(150 * scene.land.tufts)
    tufts(canvas, scene, rng, near=setting.depth * 1.05, far=setting.depth * 5, count=grass)
    if post:
        _row_of_posts(canvas, post, setting, rng)
    aperture = float(rng.choice([0.0, 4.0, 7.0, 11.0], p=[0.2, 0.25, 0.3, 0.25]))
    canvas = defocus(canvas, scene.view, setting.depth, aperture)
    if post:
        _shadow(canvas, post, setting)
        _stand(canvas, post, setting, (setting.x, setting.depth), rng)
    hidden = rng.random()
    closest, front = (0.72, int(grass * 0.8)) if hidden < 0.12 else (0.9, int(grass * 0.28))
    tufts(canvas, scene, rng, near=setting.depth * closest, far=setting.depth * 0.995, count=front)
    if 0.12 < hidden < 0.18:
        branch(canvas, scene, rng)
    if rng.random() < 0.06:
        canvas = shake(canvas, rng, int(rng.integers(4, 12)))
    if light.wet:
        _rain(canvas, light, rng)
    return develop(canvas, rng, 0.92 / max(float(light.ground.mean()), 0.35) ** 0.75)


def post_box(rng: np.random.Generator, land: str, kind: str) -> tuple[float, float, float, float]:
    """Where the post of a picture stands: left, top, width and height as shares of the picture. Draws nothing.

    `rng` must be as `photograph` gets it.
    """
    post = POSTS[kind]
    setting = _compose(rng, LANDS[land], post)
    view, lean = setting.scene.view, setting.tilt * post.height
    left, right = setting.x - post.half + min(lean, 0), setting.x + post.half + max(lean, 0)
    x0, x1 = (min(max(view.column(x, setting.depth), 0), WIDTH) for x in (left, right))
    y0, y1 = (min(max(view.row(setting.depth, y), 0), view.height) for y in (post.height, 0))
    return x0 / WIDTH, y0 / view.height, (x1 - x0) / WIDTH, (y1 - y0) / view.height


def _compose(rng: np.random.Generator, land: Land, post: Post | None) -> Setting:
    height = int(rng.choice([900, 900, 900, 848, 800]))
    tall = post.height if post else 1.0
    # most posts are the subject of their picture; some stay small, which makes them hard cases
    share = float(rng.uniform(0.45, 0.82)) if rng.random() < 0.8 else float(rng.uniform(0.2, 0.42))
    foot = float(rng.uniform(0.88, 1.0)) if share > 0.5 else float(rng.uniform(0.72, 0.9))
    sky_line = float(np.clip(foot - share * rng.uniform(0.55, 1.15), 0.12, 0.55))
    focal = WIDTH * float(rng.uniform(0.95, 1.7))
    depth = focal * tall / (share * height)
    eye = (foot - sky_line) * height * depth / focal
    column = float(np.clip(rng.normal(0.5, 0.1), 0.22, 0.78)) * WIDTH
    view = View(height=height, focal=focal, centre=WIDTH / 2, horizon=sky_line * height, eye=eye)
    x = (column - view.centre) * depth / focal
    side, half, gap = int(rng.choice([-1, 1])), float(rng.uniform(2.6, 4.2)), float(rng.uniform(0.25, 1.1))
    road = Road(
        depth=depth, middle=x + side * (gap + half), heading=float(rng.normal(-0.05 * side, 0.12)),
        bend=float(rng.normal(0, 0.0022)), half=half, side=side,
    )  # fmt: skip
    light = choose(rng, land.weather)
    return Setting(Scene(view, land, road, light), depth, x, float(rng.normal(0, 0.035)))


def _row_of_posts(canvas: Floats, post: Post, setting: Setting, rng: np.random.Generator) -> None:
    """The next posts of the row, into the distance; the farthest first."""
    if post.spacing == 0 or rng.random() < 0.35:
        return
    gap = (
        abs(float(setting.scene.road.centre(np.array([setting.depth], np.float32))[0]) - setting.x)
        - setting.scene.road.half
    )
    for i in range(4, 0, -1):
        z = setting.depth + i * post.spacing
        x = setting.scene.road.beside(z, gap)
        if setting.scene.view.focal * post.height / z > 14 and abs(x) * setting.scene.view.focal / z < WIDTH / 2:
            _stand(canvas, post, setting, (x, z), rng)


def _stand(canvas: Floats, post: Post, setting: Setting, foot: tuple[float, float], rng: np.random.Generator) -> None:
    """Composites one post with its foot at (x, z) metres, in place."""
    x, z = foot
    view, light = setting.scene.view, setting.scene.light
    scale = view.focal / z
    fine = 2 if post.height * scale < 350 else 1  # near posts have soft outlines of their own: `Surface.fill`
    lean = abs(setting.tilt) * post.height
    left = int(np.floor(view.column(x - post.half - lean, z))) - 1
    right = int(np.ceil(view.column(x + post.half + lean, z))) + 1
    top, bottom = int(view.row(z, post.height + 0.05)) - 1, int(view.row(z)) + 3
    x0, x1, y0, y1 = max(left, 0), min(right, WIDTH), max(top, 0), min(bottom, view.height)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return
    columns = (np.arange((x1 - x0) * fine, dtype=np.float32) + 0.5) / fine + x0 - np.float32(view.column(x, z))
    rows = np.float32(view.row(z)) - (np.arange((y1 - y0) * fine, dtype=np.float32) + 0.5) / fine - y0
    across = columns[None, :] / np.float32(scale) - rows[:, None] / np.float32(scale) * np.float32(setting.tilt)
    up = np.broadcast_to(rows[:, None] / np.float32(scale), across.shape)
    surface = Surface(across, up, 1 / (scale * fine), (view.eye - post.height * 0.6) / z, rng)
    post.paint(surface)
    weather(surface, float(np.clip(rng.gamma(2.0, 0.2), 0.05, 1.0)), linear(*setting.scene.land.soil))
    flash = (0.55 if light.weather in ("dusk", "fog", "rain") else 0.22) * float(rng.uniform(0.5, 1.3))
    seen = shine(surface, light, flash)
    layer = np.concatenate([seen * surface.cover, surface.cover[None]])
    if fine > 1:
        layer = layer.reshape(4, y1 - y0, fine, x1 - x0, fine).mean(axis=(2, 4))
    air = np.float32(1 - np.exp(-light.haze * z))
    spot = canvas[:, y0:y1, x0:x1]
    spot *= 1 - layer[3]
    spot += layer[:3] * (1 - air) + light.horizon * (air * layer[3])


def _shadow(canvas: Floats, post: Post, setting: Setting) -> None:
    """The post's shadow on the ground, and the darkness around its foot, in place."""
    view, light = setting.scene.view, setting.scene.light
    right, up, near = light.towards
    length = min(post.height / max(up, 0.05) * float(np.hypot(right, near)), 6.0)
    flat = float(np.hypot(right, near))
    dx, dz = -right / flat * length, near / flat * length
    half = min(post.half, 0.1)
    tip = max(setting.depth + dz, setting.depth * 0.45)
    corners = [
        (view.column(setting.x + offset, z), view.row(z))
        for offset, z in ((-half, setting.depth), (half, setting.depth), (half + dx, tip), (-half + dx, tip))
    ]
    mask = Image.new("L", (WIDTH, view.height))
    ImageDraw.Draw(mask).polygon(corners, fill=255)
    x, y, reach = view.column(setting.x, setting.depth), view.row(setting.depth), half * view.focal / setting.depth
    foot = Image.new("L", (WIDTH, view.height))
    ImageDraw.Draw(foot).ellipse((x - 2.0 * reach, y - 0.5 * reach, x + 2.0 * reach, y + 0.5 * reach), fill=170)
    soft = np.asarray(mask.filter(ImageFilter.BoxBlur(3)), np.float32) / 255
    dark = np.asarray(foot.filter(ImageFilter.BoxBlur(reach * 0.35)), np.float32) / 255
    first = max(int(view.horizon), 0)
    canvas[:, first:] *= (1 - soft[first:] * (1 - light.shade)) * (1 - 0.6 * dark[first:])


def _rain(canvas: Floats, light: Light, rng: np.random.Generator) -> None:
    """Falling rain: faint slanted streaks and a veil."""
    _, height, width = canvas.shape
    streaks = Image.new("L", (width, height))
    pen = ImageDraw.Draw(streaks)
    lean = float(rng.uniform(-6, 6))
    for x, y, length in zip(
        rng.uniform(0, width, 260), rng.uniform(0, height, 260), rng.uniform(12, 40, 260), strict=True
    ):
        pen.line(
            (x, y, x + lean * length / 25, y + length), fill=int(rng.integers(30, 90)), width=int(rng.integers(1, 3))
        )
    veil = np.asarray(streaks.filter(ImageFilter.BoxBlur(1)), np.float32) / 255
    canvas += (light.horizon - canvas) * (veil * np.float32(0.8) + np.float32(0.06))
