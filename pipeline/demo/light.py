"""Weather and light of one picture: position and colour of the sun, haze.

What belongs here: choosing the numbers. Not here: painting sky and land (`scene`) and posts (`solids`) with them; lens
and sensor (`camera`).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.demo.noise import Floats, linear


@dataclass(frozen=True)
class Light:
    """Light is linear, shape (3, 1, 1), with 1 about the brightest white paint in sunshine."""

    weather: str
    sun: Floats
    ambient: Floats
    zenith: Floats
    horizon: Floats
    towards: tuple[float, float, float]
    """Unit vector to the sun: right, up, towards the camera."""
    clouds: float
    haze: float
    """Part of the light lost per metre of air."""
    snow: bool
    wet: bool

    @property
    def ground(self) -> Floats:
        """The light on level ground."""
        return self.ambient + self.sun * np.float32(self.towards[1])

    @property
    def shade(self) -> Floats:
        """The light in the shade, as a factor of `ground`."""
        return self.ambient / self.ground


# weather: sun strength and colour, ambient strength and colour, zenith, horizon, sun height (degrees), clouds, haze
_WEATHER: Final = {
    "sunny": (0.95, (255, 246, 228), 0.34, (205, 222, 250), (62, 112, 186), (188, 210, 232), (34, 62), 0.42, 0.0012),
    "overcast": (0.06, (250, 246, 240), 0.72, (226, 232, 240), (150, 160, 172), (212, 216, 220), (40, 60), 0.95, 0.003),
    "golden": (0.95, (255, 220, 172), 0.27, (196, 204, 228), (84, 116, 168), (222, 200, 176), (11, 22), 0.45, 0.0025),
    "fog": (0.02, (250, 248, 244), 0.66, (230, 234, 238), (196, 201, 206), (208, 212, 215), (40, 60), 0.99, 0.028),
    "rain": (0.02, (240, 240, 240), 0.5, (204, 214, 226), (120, 130, 142), (176, 184, 190), (40, 60), 0.98, 0.009),
    "dusk": (0.05, (255, 160, 120), 0.3, (170, 178, 222), (54, 66, 112), (214, 166, 152), (6, 10), 0.5, 0.003),
    "snow": (0.25, (255, 244, 230), 0.6, (222, 230, 246), (150, 168, 192), (220, 226, 232), (14, 26), 0.8, 0.004),
}


def choose(rng: np.random.Generator, weights: dict[str, float]) -> Light:
    """The light of one picture, drawn from the land's usual weather."""
    names = list(weights)
    chances = np.array([weights[name] for name in names])
    weather = names[int(rng.choice(len(names), p=chances / chances.sum()))]
    sun, sun_colour, ambient, sky_colour, zenith, horizon, heights, clouds, haze = _WEATHER[weather]
    height = np.radians(rng.uniform(*heights))
    # from half-left behind the camera round to half-right; a share of pictures is taken against the light
    azimuth = np.radians(rng.uniform(15, 80) * rng.choice([-1, 1]))
    facing = -0.6 if rng.random() < 0.12 else 1.0
    towards = (np.cos(height) * np.sin(azimuth), np.sin(height), np.cos(height) * np.cos(azimuth) * facing)
    return Light(
        weather=weather,
        sun=linear(*sun_colour) * np.float32(sun * rng.uniform(0.85, 1.15)),
        ambient=linear(*sky_colour) * np.float32(ambient * rng.uniform(0.85, 1.15)),
        zenith=linear(*zenith) * np.float32(rng.uniform(0.8, 1.1)),
        horizon=linear(*horizon) * np.float32(rng.uniform(0.9, 1.1)),
        towards=(float(towards[0]), float(towards[1]), float(towards[2])),
        clouds=float(np.clip(clouds + rng.normal(0, 0.12), 0.05, 1)),
        haze=haze * float(rng.uniform(0.6, 1.6)),
        snow=weather == "snow",
        wet=weather == "rain",
    )
