"""The countries of the demo library: their landscapes, and the kinds of post beside their roads.

What belongs here: tables only. Not here: painting a landscape (`scene`). The tables are invented but realistic:
neighbours share kinds, every kind occurs in several landscapes, and no landscape implies a kind.
"""

from dataclasses import dataclass
from typing import Final

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Land:
    """The landscape of a family of countries; colours as on a screen, shares between 0 and 1."""

    grass: tuple[Colour, Colour]
    soil: Colour
    hill: Colour
    hills: float
    trees: tuple[str, ...]
    tufts: float
    weather: dict[str, float]
    yellow_lines: bool = False


LANDS: Final[dict[str, Land]] = {
    "nordic": Land(
        ((58, 74, 34), (132, 138, 72)),
        (112, 100, 82),
        (58, 74, 58),
        0.35,
        ("conifer", "conifer", "birch"),
        0.9,
        {"sunny": 2, "overcast": 3, "golden": 2, "fog": 1, "rain": 1, "dusk": 1, "snow": 3},
    ),
    "temperate": Land(
        ((60, 80, 34), (134, 144, 78)),
        (118, 100, 76),
        (74, 92, 62),
        0.25,
        ("broadleaf", "broadleaf", "poplar"),
        1.0,
        {"sunny": 4, "overcast": 3, "golden": 2, "fog": 1, "rain": 1.5, "dusk": 1, "snow": 0.7},
    ),
    "mediterranean": Land(
        ((104, 100, 46), (188, 172, 104)),
        (176, 146, 104),
        (112, 116, 84),
        0.55,
        ("cypress", "broadleaf", "shrub"),
        0.7,
        {"sunny": 6, "overcast": 1, "golden": 3, "fog": 0.5, "rain": 0.5, "dusk": 1},
    ),
    "desert": Land(
        ((158, 128, 82), (206, 174, 124)),
        (196, 154, 108),
        (164, 126, 96),
        0.6,
        ("shrub",),
        0.25,
        {"sunny": 7, "overcast": 1, "golden": 3, "fog": 0.3, "dusk": 1},
        yellow_lines=True,
    ),
    "tropical": Land(
        ((46, 76, 28), (112, 140, 60)),
        (160, 106, 76),
        (48, 88, 46),
        0.45,
        ("palm", "broadleaf", "palm"),
        1.2,
        {"sunny": 4, "overcast": 2, "golden": 1, "rain": 2, "dusk": 1},
        yellow_lines=True,
    ),
    "alpine": Land(
        ((58, 84, 36), (132, 146, 76)),
        (128, 122, 112),
        (86, 98, 96),
        1.0,
        ("conifer",),
        0.8,
        {"sunny": 4, "overcast": 2, "golden": 2, "fog": 1, "rain": 0.5, "snow": 2},
    ),
    "steppe": Land(
        ((134, 124, 62), (200, 182, 108)),
        (162, 136, 98),
        (144, 136, 94),
        0.2,
        ("shrub", "poplar"),
        0.8,
        {"sunny": 4, "overcast": 3, "golden": 2, "dusk": 1, "snow": 1, "fog": 0.5},
    ),
    "island": Land(
        ((74, 92, 40), (150, 156, 88)),
        (96, 92, 84),
        (84, 96, 74),
        0.6,
        ("shrub",),
        0.9,
        {"sunny": 2, "overcast": 4, "golden": 1, "fog": 1.5, "rain": 2},
    ),
}

COUNTRIES: Final[dict[str, tuple[str, float]]] = {
    # code: (land, how much of the library comes from it)
    "de": ("temperate", 8),
    "fr": ("temperate", 9),
    "at": ("alpine", 4),
    "ch": ("alpine", 4),
    "lu": ("temperate", 1),
    "be": ("temperate", 3),
    "nl": ("temperate", 4),
    "gb": ("island", 4),
    "ie": ("island", 3),
    "is": ("island", 3),
    "no": ("nordic", 5),
    "se": ("nordic", 6),
    "fi": ("nordic", 5),
    "dk": ("temperate", 3),
    "ee": ("nordic", 2),
    "lv": ("nordic", 2),
    "lt": ("temperate", 2),
    "pl": ("temperate", 6),
    "cz": ("temperate", 4),
    "sk": ("alpine", 2),
    "hu": ("steppe", 2),
    "si": ("alpine", 2),
    "hr": ("mediterranean", 3),
    "it": ("mediterranean", 7),
    "es": ("mediterranean", 6),
    "pt": ("mediterranean", 4),
    "gr": ("mediterranean", 3),
    "al": ("mediterranean", 1),
    "tr": ("steppe", 5),
    "bg": ("temperate", 2),
    "ro": ("temperate", 3),
    "ua": ("steppe", 3),
    "kz": ("steppe", 2),
    "mn": ("steppe", 2),
    "us": ("desert", 6),
    "mx": ("desert", 3),
    "cl": ("desert", 3),
    "ar": ("steppe", 3),
    "br": ("tropical", 5),
    "co": ("tropical", 2),
    "pe": ("desert", 2),
    "za": ("steppe", 4),
    "bw": ("desert", 1),
    "ke": ("tropical", 2),
    "tn": ("desert", 1),
    "jo": ("desert", 1),
    "il": ("mediterranean", 2),
    "au": ("desert", 5),
    "nz": ("island", 4),
    "jp": ("temperate", 5),
    "kr": ("temperate", 2),
    "tw": ("tropical", 3),
    "th": ("tropical", 4),
    "my": ("tropical", 3),
    "id": ("tropical", 3),
    "lk": ("tropical", 1),
    "bt": ("alpine", 1),
    "fo": ("island", 1),
}

KINDS: Final[dict[str, tuple[float, tuple[str, ...]]]] = {
    # kind: (share of all images, countries that use it)
    "white-post-black-slant": (0.155, ("de", "at", "lu", "cz", "nl", "hu", "si", "ee", "is", "cl", "tr", "mn")),
    "white-cylinder-red-band": (0.13, ("fr", "be", "tn", "ch", "pl", "za", "br", "tw", "id")),
    "black-white-stripes": (0.11, ("it", "al", "gr", "il", "th", "ke", "co", "ua", "fo")),
    "yellow-post-black-cap": (0.1, ("se", "fi", "is", "us", "mx", "bw", "kr", "th")),
    "red-white-pole": (0.085, ("no", "jp", "ch", "se", "kz", "cl", "my", "bt")),
    "wooden-post-round-reflector": (0.075, ("nz", "gb", "fi", "ar", "bt", "us", "lv", "lk")),
    "concrete-stub-red-top": (0.065, ("pl", "ro", "bg", "ua", "kz", "br", "pe", "jo")),
    "orange-flexible-paddle": (0.055, ("us", "au", "es", "jp", "dk", "no")),
    "green-white-rings": (0.045, ("jp", "ie", "pt", "tw", "tr")),
    "blue-white-tube": (0.04, ("hr", "lt", "my", "kr", "za")),
    "kilometre-stone": (0.037, ("es", "pt", "lk", "id", "gr", "jo")),
    "chevron-plates": (0.034, ("au", "gb", "sk", "mx", "br")),
}

NO_POST: Final = 1 - sum(share for share, _ in KINDS.values())
"""Share of images that show a road and no post at all."""

CAR_KINDS: Final[dict[str, tuple[float, tuple[str, ...]]]] = {
    "white-pickup-roof-rack": (0.3, ("ke", "mn", "bw", "kz", "us", "jo")),
    "dark-sedan": (0.2, ("tr", "ua", "il", "ro", "kr")),
    "red-hatchback": (0.17, ("it", "pt", "fr", "al")),
    "van-orange-light": (0.14, ("lk", "id", "th", "co")),
    "silver-suv-spare-wheel": (0.11, ("is", "cl", "pe", "nz")),
    "green-army-truck": (0.08, ("za", "tn", "bt")),
}
"""The second category: cars that follow the camera. Same columns as `KINDS`."""
