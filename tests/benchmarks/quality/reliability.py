"""What the membership probabilities are worth: said against right, in figures and as a picture.

    python -m tests.benchmarks.quality --reliability [--svg docs/images/reliability.svg] [--sets A,B]

What belongs here: the bands, the error of calibration, the picture. Not here: who is right (`scores.reliability`), how
a probability is made (`pipeline/stages/labels/community/outliers.py`).

`before` is the bare share of an image's edge weight that leads into its own group, `after` the probability that is
published: that share to the power `noise.CALIBRATION`. The power was chosen on some of these very sets, so each set is
also judged by the power that fits the *other* sets best: the figures called held out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from tests.benchmarks.quality import recipes
from tests.benchmarks.quality.datasets import DataSet
from tests.benchmarks.quality.scores import reliability

BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 1.0001)
VISUAL = ("bollards", "follow-cars", "fluent-emoji", "sphere")  # kinds that are told apart by eye
POWERS = np.linspace(0.5, 6.0, 56)
LEAST = 20  # members, below which a band is no dot
PANEL, GAP, TOP, FOOT = 250, 64, 40, 84
GREY, BLUE = "#8a8a8a", "#0072b2"


@dataclass(frozen=True)
class Members:
    """The members of all clusters of a set: the bare `share` and what is `said` float [m], who is `right` bool [m]."""

    name: str
    share: np.ndarray
    said: np.ndarray
    right: np.ndarray


def members(data: DataSet) -> Members:
    """Group one set as the default does."""
    from pipeline.settings import ClusterParams
    from pipeline.stages.labels.community.clusterer import group_communities
    from pipeline.stages.labels.community.outliers import CALIBRATION

    found = group_communities(data.vectors, ClusterParams(min_cluster_size=5, seed=recipes.SEED))
    said, right = reliability(data.truth, found.groups, found.probability)
    return Members(data.name, said ** (1 / CALIBRATION), said, right)


def joined(name: str, parts: Sequence[Members]) -> Members:
    """Several sets as one."""
    return Members(
        name, *(np.concatenate([getattr(one, what) for one in parts]) for what in ("share", "said", "right"))
    )


def bands(said: np.ndarray, right: np.ndarray) -> list[tuple[int, float, float]]:
    """Per band with members: how many, the mean of what was said, the share that was right."""
    found: list[tuple[int, float, float]] = []
    for low, high in pairwise(BINS):
        inside = (said >= low) & (said < high)
        if inside.any():
            found.append((int(inside.sum()), float(said[inside].mean()), float(right[inside].mean())))
    return found


def error(said: np.ndarray, right: np.ndarray) -> float:
    """The expected error of calibration: the mean over members of how far their band is from the truth."""
    found = bands(said, right)
    return sum(count * abs(one - other) for count, one, other in found) / max(len(said), 1)


def held_out(parts: Sequence[Members]) -> float:
    """The error where each set is judged by the power that fits the others best, every set weighing the same."""
    errors: list[float] = []
    for number, one in enumerate(parts):
        others = [part for place, part in enumerate(parts) if place != number]
        fits = [np.mean([((part.share**power - part.right) ** 2).mean() for part in others]) for power in POWERS]
        errors.append(error(one.share ** POWERS[int(np.argmin(fits))], one.right))
    return float(np.mean(errors))


def report(sets: Iterable[DataSet], svg: Path | None) -> None:
    """Print the bands of each set, of the visual ones and of all; draw the last two where a path is given."""
    parts: list[Members] = []
    for data in sets:
        parts.append(members(data))
        _print(parts[-1])
    visual = [one for one in parts if one.name.startswith(VISUAL)]
    panels = [joined("kinds that one sees", visual or parts), joined("all sets", parts)]
    for panel, some in zip(panels, (visual or parts, parts), strict=True):
        _print(panel)
        if len(some) > 1:
            print(f"  each set by the others' power: {held_out(some):.3f}, by the published one: "
                  f"{np.mean([error(one.said, one.right) for one in some]):.3f}")  # fmt: skip
    if svg is not None:
        svg.write_text(picture(panels), encoding="utf-8")


def _print(one: Members) -> None:
    print(f"\n{one.name}: {len(one.said)} members, error before {error(one.share, one.right):.3f}, "
          f"after {error(one.said, one.right):.3f}", flush=True)  # fmt: skip
    for count, said, right in bands(one.said, one.right):
        print(f"  {count:6d}  {said:.2f} {right:.2f}")


def picture(panels: Sequence[Members]) -> str:
    """One panel each: what was said from left to right, the share that was right upwards."""
    width, height = len(panels) * (PANEL + GAP) + GAP // 2, TOP + PANEL + FOOT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" role="img">',
        "<title>Membership probability and how often it was right, before and after calibration</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, panel in enumerate(panels):
        lines += _panel(panel, GAP + number * (PANEL + GAP) - GAP // 4)
    x, y = GAP - GAP // 4, height - 14
    for text, colour, filled in (
        ("share of edge weight, as found", GREY, False),
        ("probability, as published", BLUE, True),
    ):
        lines.append(_dot(x + 6, y - 4, 5, colour, filled=filled))
        lines.append(f'<text x="{x + 18}" y="{y}" font-size="13" fill="#222">{text}</text>')
        x += 250
    return "\n".join([*lines, "</svg>"]) + "\n"


def _panel(one: Members, left: int) -> list[str]:
    bottom = TOP + PANEL
    lines = [
        f'<text x="{left}" y="{TOP - 14}" font-size="14" fill="#222">{one.name} ({len(one.said):,} members)</text>',
        f'<rect x="{left}" y="{TOP}" width="{PANEL}" height="{PANEL}" fill="#fafafa" stroke="#ccc"/>',
        f'<path d="M{left} {bottom}L{left + PANEL} {TOP}" stroke="#bbb" stroke-dasharray="4 4" fill="none"/>',
        f'<text x="{left + PANEL / 2}" y="{bottom + 34}" font-size="12" fill="#444" text-anchor="middle">said</text>',
        f'<text x="{left - 8}" y="{TOP + PANEL / 4}" font-size="12" fill="#444" text-anchor="end">right</text>',
    ]
    for value in (0.0, 0.5, 1.0):
        x, y = left + value * PANEL, bottom - value * PANEL
        lines.append(
            f'<text x="{x}" y="{bottom + 17}" font-size="11" fill="#666" text-anchor="middle">{value:g}</text>'
        )
        lines.append(f'<text x="{left - 8}" y="{y + 4}" font-size="11" fill="#666" text-anchor="end">{value:g}</text>')
    for values, colour, filled in ((one.share, GREY, False), (one.said, BLUE, True)):
        found = [band for band in bands(values, one.right) if band[0] >= LEAST]
        places = [(left + said * PANEL, bottom - right * PANEL) for _, said, right in found]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        lines.append(f'<path d="M{path}" stroke="{colour}" stroke-width="1.5" fill="none"/>' if places else "")
        # the area says how many members a dot speaks for
        sizes = [2.5 + 6 * (count / max(len(one.said), 1)) ** 0.5 for count, _, _ in found]
        lines += [_dot(x, y, size, colour, filled=filled) for (x, y), size in zip(places, sizes, strict=True)]
    return lines


def _dot(x: float, y: float, radius: float, colour: str, *, filled: bool) -> str:
    fill = colour if filled else "#ffffff"
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{fill}" stroke="{colour}" stroke-width="1.5"/>'
