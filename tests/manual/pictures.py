"""The drawings of docs/concepts.md: `python -m tests.manual.pictures` writes them to docs/images.

What belongs here: drawings that explain, made of invented points. Not here: pictures of real results
(`tests/benchmarks/identity_pictures.py`), of the page (`tests/real/screenshots.py`).
"""

from html import escape
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[2] / "docs" / "images"
BLUE, ORANGE, GREEN, PINK = "#0072b2", "#d55e00", "#00805c", "#a8477d"
WIDE = 122  # of a bar
# ruff: noqa: E501 (a drawing is easier to read with a shape on a line)
INK, SOFT, LINE = "#1c1a17", "#5d574d", "#b9b2a5"


def write() -> None:
    for name, text in (("concept-identity", identity()), ("concept-noise", noise()), ("concept-levels", levels())):
        (FOLDER / f"{name}.svg").write_text(text, encoding="utf-8")


def identity() -> str:
    """Three nights as columns of bars; bands lead a cluster's images from one night to the next."""
    nights = [("first run", 40), ("a month later", 310), ("clustered again", 580)]
    # (name, colour, [top, height] per column)
    kinds = [
        ("Red posts", BLUE, [(60, 60), (60, 78), (60, 84)]),
        ("White posts", ORANGE, [(140, 50), (158, 60), (164, 36)]),
        ("Stone blocks", GREEN, [(210, 36), (238, 44), (262, 50)]),
    ]
    parts = [_text(x, 40, when, SOFT) for when, x in nights]
    for name, colour, bars in kinds:
        for (x, (top, height)), (x2, (top2, height2)) in zip(
            [(x, bar) for (_, x), bar in zip(nights, bars, strict=True)][:-1],
            [(x, bar) for (_, x), bar in zip(nights, bars, strict=True)][1:], strict=True,
        ):  # fmt: skip
            stays = height * 36 / 60 if height2 < height else height  # the rest of a split goes elsewhere
            parts.append(_band(x + WIDE, top, top + stays, x2, top2, top2 + height2, colour))
        for (_, x), (top, height) in zip(nights, bars, strict=True):
            parts += [_bar(x, top, height, colour), _text(x + 8, top + 21, name, "#fff", weight=600)]
    parts += [
        _band(310 + WIDE, 196, 218, 580, 214, 238, ORANGE), _bar(580, 214, 24, PINK), _text(588, 231, "new id", "#fff"),
        _text(712, 104, "grown: same id", SOFT), _text(712, 186, "split: the larger", SOFT),
        _text(712, 204, "part keeps the id", SOFT), _text(712, 290, "same id", SOFT),
    ]  # fmt: skip
    return _svg(850, 330, "Clusters keep id and name while they grow, and in their larger part when they split", parts)


def noise() -> str:
    """Three heaps of points, a few rings far from all, and a tray of what could not be read."""
    draw = np.random.default_rng(4)
    parts = []
    for (x, y), colour, name, number in (
        ((140, 110), BLUE, "cluster", 26), ((330, 210), ORANGE, "cluster", 22), ((480, 90), GREEN, "cluster", 18),
    ):  # fmt: skip
        points = draw.normal((x, y), 21, size=(number, 2))
        parts += [f'<circle cx="{px:.0f}" cy="{py:.0f}" r="5" fill="{colour}"/>' for px, py in points]
        parts.append(_text(x - 26, y + 76, name, colour, weight=600))
    for (x, y), (nearest_x, nearest_y) in (((270, 80), (170, 105)), ((560, 220), (368, 214)), ((90, 250), (128, 140))):
        parts.append(
            f'<line x1="{x}" y1="{y}" x2="{nearest_x}" y2="{nearest_y}" stroke="{LINE}" stroke-width="1.5" '
            'stroke-dasharray="4 4"/>'
        )
        parts.append(f'<circle cx="{x}" cy="{y}" r="6" fill="#fffefc" stroke="{INK}" stroke-width="2"/>')
    parts += [
        _text(575, 214, "unclustered,", SOFT), _text(575, 232, "with its nearest", SOFT), _text(575, 250, "cluster", SOFT),
        f'<rect x="700" y="60" width="120" height="130" rx="8" fill="#f0ede6" stroke="{LINE}"/>',
        _text(712, 84, "set aside", SOFT, weight=600), _text(712, 112, "✕ cut off", INK), _text(712, 138, "✕ a video", INK),
        _text(712, 164, "✕ too large", INK),
    ]  # fmt: skip
    return _svg(
        850, 300, "Clusters, unclustered images with their nearest cluster, and images that were set aside", parts
    )


def levels() -> str:
    """A tree: two broad clusters, four, seven."""
    rows = [
        ("coarse", 70, [("posts", 220, BLUE), ("blocks", 600, GREEN)]),
        ("auto", 160, [("red", 130, BLUE), ("white", 310, BLUE), ("stone", 520, GREEN), ("concrete", 670, GREEN)]),
        ("fine", 250, [("red, round", 70, BLUE), ("red, square", 190, BLUE), ("white", 310, BLUE), ("stone, low", 460, GREEN),
                       ("stone, tall", 580, GREEN), ("concrete", 690, GREEN)]),
    ]  # fmt: skip
    arrows = [(220, 130), (220, 310), (600, 520), (600, 670)], [(130, 70), (130, 190), (310, 310), (520, 460), (520, 580), (670, 690)]  # fmt: skip
    parts = []
    for (_, y, _), (_, y2, _), pairs in zip(rows[:-1], rows[1:], arrows, strict=True):
        parts += [f'<line x1="{a + 40}" y1="{y + 16}" x2="{b + 40}" y2="{y2 - 18}" stroke="{LINE}" stroke-width="2"/>' for a, b in pairs]  # fmt: skip
    for label, y, kinds in rows:
        parts.append(_text(786, y + 5, label, SOFT, weight=600))
        for name, x, colour in kinds:
            width = 22 + 8 * len(name)
            left = x + 40 - width / 2
            parts.append(f'<rect x="{left:g}" y="{y - 17}" width="{width}" height="34" rx="17" fill="{colour}"/>')
            parts.append(_text(x + 40, y + 5, name, "#fff", anchor="middle"))
    return _svg(850, 300, "Each finer cluster lies inside one coarser cluster", parts)


def _bar(x: float, top: float, height: float, colour: str) -> str:
    return f'<rect x="{x}" y="{top}" width="{WIDE}" height="{height}" rx="5" fill="{colour}"/>'


def _band(x: float, top: float, bottom: float, x2: float, top2: float, bottom2: float, colour: str) -> str:
    middle = (x + x2) / 2
    return (
        f'<path d="M{x} {top} C{middle} {top} {middle} {top2} {x2} {top2} L{x2} {bottom2} '
        f'C{middle} {bottom2} {middle} {bottom} {x} {bottom} Z" fill="{colour}" opacity=".22"/>'
    )


def _text(x: float, y: float, text: str, colour: str, *, weight: int = 400, anchor: str = "start") -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="14" font-weight="{weight}" fill="{colour}" text-anchor="{anchor}">'
        f"{escape(text)}</text>"
    )


def _svg(width: int, height: int, title: str, parts: list[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" role="img">'
    )
    back = f'<rect width="{width}" height="{height}" rx="10" fill="#fffefc"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", back, *parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    write()
