"""A category of pictures whose background says nothing and whose object says everything, with boxes beside them.

What belongs here: the library and the bench. Not here: what is asserted.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.steps.test_run import KINDS, Bench

__all__ = ["Bench"]
SIDE = 120
Box = tuple[float, float, float, float]


def scene(kinds: Sequence[str], boxes: Sequence[Box], seed: int) -> Image.Image:
    """A picture of a random colour with a coloured object in each box."""
    rng = np.random.default_rng(seed)
    pixels = np.ones((SIDE, SIDE, 3)) * rng.uniform(0, 255, size=3)
    for kind, (x, y, w, h) in zip(kinds, boxes, strict=True):
        rows, columns = slice(round(y * SIDE), round((y + h) * SIDE)), slice(round(x * SIDE), round((x + w) * SIDE))
        pixels[rows, columns] = KINDS[kind]
    return Image.fromarray(np.clip(pixels + rng.normal(0, 8, size=pixels.shape), 0, 255).astype(np.uint8))


def box_of(seed: int) -> Box:
    x, y = np.random.default_rng(seed + 1000).integers(5, 65, size=2) / 100
    return float(x), float(y), 0.25, 0.25


def yolo(boxes: Sequence[Box], kind: int = 0) -> str:
    return "".join(f"{kind} {x + w / 2} {y + h / 2} {w} {h}\n" for x, y, w, h in boxes)


def add_scene(root: Path, key: str, kinds: Sequence[str], boxes: Sequence[Box], seed: int) -> None:
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    scene(kinds, boxes, seed).save(path)
    path.with_suffix(".txt").write_text(yolo(boxes))


def objects_library(root: Path, count: int = 36) -> Path:
    """`count` pictures with one object each, of three kinds in turn."""
    for seed in range(count):
        add_scene(root, f"posts/de/de-{seed:03d}.png", [list(KINDS)[seed % 3]], [box_of(seed)], seed)
    return root


def objects_bench(root: Path, **objects: Any) -> Bench:
    library = objects_library(root / "library")
    return Bench(library, root / "data", objects={"unit": "object", "margin": 0.0, **objects})


def coco(library: Path, boxes: Mapping[str, Sequence[Box]]) -> None:
    """One COCO file of these boxes by key, at the top of the category."""
    images = [{"id": number, "file_name": key.removeprefix("posts/"), "width": SIDE, "height": SIDE}
              for number, key in enumerate(boxes)]  # fmt: skip
    annotations = [
        {"id": f"{number}-{place}", "image_id": number, "category_id": 1, "bbox": [value * SIDE for value in box]}
        for number, key in enumerate(boxes) for place, box in enumerate(boxes[key])
    ]  # fmt: skip
    document = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "post"}]}
    (library / "posts/_annotations.coco.json").write_text(json.dumps(document))
