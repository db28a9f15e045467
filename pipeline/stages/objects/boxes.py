"""Boxes: their overlap, the pixels of a crop, and which of the found boxes count.

What belongs here: arithmetic on boxes, and the rules of the settings. Not here: reading boxes
(`annotations.py`), ids (`lineage.py`).

A box is normalised: shares of the width and height of the upright image, with the origin at its top left.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from pipeline.settings import ObjectParams

DECIMALS = 4  # a tenth of a pixel of 1,000
PEOPLE = "people"  # the source of a box that a person drew on the page: no setting refuses it
INSIDE = 0.9  # least share of a box that must lie in the image; the rest is cut off


class Box(NamedTuple):
    """Left, top, width and height, each from 0 to 1."""

    x: float
    y: float
    w: float
    h: float


@dataclass(frozen=True)
class Found:
    """A box as it was found. `problem` says why it is none, else it is empty; then `status` is not ok."""

    box: Box | None
    label: str = ""
    score: float | None = None
    source: str = ""
    status: str = "ok"
    problem: str = ""


def bad(reason: str, source: str = "", label: str = "") -> Found:
    """A box that cannot be read."""
    return Found(None, label, None, source, "bad_box", reason)


def rounded(box: Box) -> Box:
    """The box to `DECIMALS`, cut to the image."""
    left, top = (min(max(value, 0.0), 1.0) for value in (box.x, box.y))
    right, bottom = (min(max(value, 0.0), 1.0) for value in (box.x + box.w, box.y + box.h))
    x, y = round(left, DECIMALS), round(top, DECIMALS)
    return Box(x, y, round(round(right, DECIMALS) - x, DECIMALS), round(round(bottom, DECIMALS) - y, DECIMALS))


def fault(box: Box) -> str:
    """Why a box is none; empty if it is one."""
    if not all(map(math.isfinite, box)):
        return f"its numbers are not finite: {_written(box)}"
    if box.w <= 0 or box.h <= 0:
        return f"it has no area: {_written(box)}"
    cut = rounded(box)
    if max(cut.w, 0) * max(cut.h, 0) < INSIDE * box.w * box.h:
        return f"it reaches outside the image: {_written(box)} as shares of its width and height"
    return ""


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, 0 to 1."""
    width = min(one.x + one.w, other.x + other.w) - max(one.x, other.x)
    height = min(one.y + one.h, other.y + other.h) - max(one.y, other.y)
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / (one.w * one.h + other.w * other.h - common)


def crop_pixels(box: Box, width: int, height: int, margin: float) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a box's crop in an image of this size, with its margin; at least one pixel."""
    room = margin * max(box.w * width, box.h * height)
    left, top = math.floor(box.x * width - room), math.floor(box.y * height - room)
    right, bottom = math.ceil((box.x + box.w) * width + room), math.ceil((box.y + box.h) * height + room)
    left, top = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    return left, top, max(min(right, width), left + 1), max(min(bottom, height), top + 1)


def choose(found: Sequence[Found], width: int, height: int, params: ObjectParams) -> list[Found]:
    """The boxes of one image of this size with their final status: ok, the surest first, then those refused.

    Boxes without a score come before others, in their order. Those of people always count.
    """
    wanted = {label.casefold() for label in params.labels}
    checked = [_checked(item, width, height, wanted, params) for item in found]
    usable = sorted((item for item in checked if item.status == "ok"), key=lambda item: -(item.score or math.inf))
    kept: list[Found] = []
    refused = [item for item in checked if item.status != "ok"]
    for item in usable:
        assert item.box is not None  # noqa: S101  as `_checked` saw
        nearest = max((overlap(item.box, other.box) for other in kept if other.box is not None), default=0.0)
        if item.source == PEOPLE:
            kept.append(item)
        elif nearest > params.nms:
            reason = f"it overlaps a surer box by {nearest:.2f}, more than objects.nms = {params.nms:g}"
            refused.append(replace(item, status="overlap", problem=reason))
        elif len(kept) >= params.max_per_image:
            reason = f"objects.max_per_image = {params.max_per_image} surer ones are in this image"
            refused.append(replace(item, status="too_many", problem=reason))
        else:
            kept.append(item)
    return kept + refused


def _checked(item: Found, width: int, height: int, wanted: set[str], params: ObjectParams) -> Found:
    """The box cut to the image, or with the reason why it does not count."""
    if item.box is None or item.status != "ok":
        return item
    if problem := fault(item.box):
        return replace(item, status="bad_box", problem=problem)
    box = rounded(item.box)
    item, sides = replace(item, box=box), (box.w * width, box.h * height)
    if item.source != PEOPLE and (refusal := _refusal(item, sides, wanted, params)):
        return replace(item, status=refusal[0], problem=refusal[1])
    return item


def _refusal(item: Found, sides: tuple[float, float], wanted: set[str], params: ObjectParams) -> tuple[str, str] | None:
    """Status and reason of a box that a setting refuses; `sides` are its width and height in pixels."""
    if wanted and item.label.casefold() not in wanted:
        return "other_class", f"its class {item.label or 'none'} is not in objects.labels"
    if item.score is not None and not item.score >= params.min_score:
        reason = f"its score {item.score:.2f} is below objects.min_score = {params.min_score:g}"
        return "low_score", reason
    if min(sides) < params.min_side:
        reason = f"{sides[0]:.0f} x {sides[1]:.0f} pixels are smaller than objects.min_side = {params.min_side}"
        return "too_small", reason
    return None


def _written(box: Box) -> str:
    return f"x {box.x:.4g}, y {box.y:.4g}, width {box.w:.4g}, height {box.h:.4g}"
