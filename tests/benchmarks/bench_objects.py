"""Whole pictures, true boxes and `salient:` beside each other, on two libraries whose boxes are known.

    python -m tests.benchmarks.bench_objects [--sets bollards,scenes]

Also four layouts of the crop of a true box: in a square or in its own shape, with margin or without.

What belongs here: composing the scenes, the vectors of each way of looking, the scores. The scenes are the stamps'
cut-outs on photographs (those of scikit-learn, and textiles); every cut-out is 25 to 45 % of the side.
"""

import argparse
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.benchmarks.quality.image_sets import _wheel, cache_dir
from tests.benchmarks.quality.recipes import RECIPES, quietly

SCENE = 480  # pixels
MARGIN = 0.1
RECIPES_SHOWN = ("ours", "ours fine", "k-means, told k")


@dataclass(frozen=True)
class Labelled:
    """A picture uint8 [h, w, 3], its kind, and the true box of its object."""

    pixels: np.ndarray
    kind: str
    box: Any


def scenes(seed: int = 0) -> list[Labelled]:
    """Each stamp once, on a part of a photograph that has nothing to do with its kind."""
    import sklearn

    from pipeline.demo.stamps import fetch_stamps
    from pipeline.stages.objects.boxes import Box

    rng = random.Random(seed)
    root = fetch_stamps(cache_dir() / "stamps")
    folder = Path(str(sklearn.__file__)).parent / "datasets" / "images"
    photos = [Image.open(folder / name).convert("RGB") for name in ("china.jpg", "flower.jpg")]
    textiles = sorted(_wheel("conformal-clip-data").rglob("*.jpg"))[::50]
    result: list[Labelled] = []
    for path in sorted(root.rglob("*.png")):
        ground = _part(rng.choice(photos), rng) if rng.random() < 0.7 else Image.open(rng.choice(textiles))
        ground = ground.convert("RGB").resize((SCENE, SCENE))
        stamp = Image.open(path).convert("RGBA")
        stamp = stamp.crop(stamp.getchannel("A").getbbox())
        scale = rng.uniform(0.25, 0.45) * SCENE / max(stamp.size)
        stamp = stamp.resize((max(8, int(stamp.width * scale)), max(8, int(stamp.height * scale))))
        left, top = rng.randint(0, SCENE - stamp.width), rng.randint(0, SCENE - stamp.height)
        ground.paste(stamp, (left, top), stamp)
        box = Box(left / SCENE, top / SCENE, stamp.width / SCENE, stamp.height / SCENE)
        result.append(Labelled(np.asarray(ground), path.parent.relative_to(root).as_posix(), box))
    return result


def bollards() -> list[Labelled]:
    """The demo's bollards that have a kind, with the boxes that the demo writes."""
    from pipeline.demo.bollards import TRUTH, write_boxes, write_library
    from pipeline.stages.objects.boxes import Box

    root = write_library(cache_dir() / "bollards-boxes", images=160, cars=0)
    document = json.loads(write_boxes(root).read_text(encoding="utf-8"))
    truth = json.loads((root / TRUTH).read_text(encoding="utf-8"))["images"]
    boxes = {row["image_id"]: row["bbox"] for row in document["annotations"]}
    result: list[Labelled] = []
    for row in document["images"]:
        kind = truth.get(f"bollards/{row['file_name'].rpartition('-')[0]}")
        if kind and row["id"] in boxes:
            x, y, w, h = boxes[row["id"]]
            width, height = row["width"], row["height"]
            pixels = np.asarray(Image.open(root / "bollards" / row["file_name"]).convert("RGB"))
            result.append(Labelled(pixels, kind, Box(x / width, y / height, w / width, h / height)))
    return result


def _part(photo: Image.Image, rng: random.Random) -> Image.Image:
    side = rng.randint(220, 400)
    left, top = rng.randint(0, photo.width - side), rng.randint(0, photo.height - side)
    part = photo.crop((left, top, left + side, top + side))
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else part


def scores(vectors: np.ndarray, kinds: list[str]) -> list[float]:
    """Nearest neighbour of the same kind, and AMI of each recipe."""
    from sklearn.metrics import adjusted_mutual_info_score

    truth = np.unique(kinds, return_inverse=True)[1]
    nearest = vectors @ vectors.T
    np.fill_diagonal(nearest, -1)
    found = [quietly(RECIPES[name], vectors, int(truth.max()) + 1) for name in RECIPES_SHOWN]
    same = float((truth[nearest.argmax(axis=1)] == truth).mean())
    return [same, *(float(adjusted_mutual_info_score(truth, groups)) for groups in found)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default="bollards,scenes")
    known: dict[str, Callable[[], list[Labelled]]] = {"bollards": bollards, "scenes": scenes}
    print("| set | looked at | IoU | 1-NN | auto | fine | told k |\n|---|---|---|---|---|---|---|")
    for name in parser.parse_args().sets.split(","):
        for words, found, overlap in looked_at(known[name]()):
            row = " | ".join(f"{value:.3f}" for value in found)
            print(f"| {name} | {words} | {overlap} | {row} |", flush=True)


def looked_at(pictures: list[Labelled]) -> list[tuple[str, list[float], str]]:
    """Words, scores and mean overlap for each way of looking at the pictures."""
    from pipeline.adapters.detectors.registry import open_detector
    from pipeline.adapters.encoders.registry import open_encoder
    from pipeline.runtime.torch_threads import use_one_thread
    from pipeline.stages.embeddings.crops import crop_of, squared
    from pipeline.stages.objects.boxes import overlap

    use_one_thread()
    encoder = open_encoder("packaged:efficientnet_lite0", device="cpu", cache_dir=cache_dir())
    detector = open_detector("salient:", device="cpu", cache_dir=cache_dir())
    kinds = [one.kind for one in pictures]

    def embedded(cut: Callable[[int], np.ndarray]) -> list[float]:
        ready = (encoder.prepare(np.ascontiguousarray(cut(row))) for row in range(len(pictures)))
        return scores(np.concatenate([encoder.encode(one[None]) for one in ready]), kinds)

    salient = [detector.detect(detector.prepare(np.ascontiguousarray(one.pixels)))[0].box for one in pictures]
    shared = np.mean([overlap(box, one.box) for box, one in zip(salient, pictures, strict=True) if box is not None])

    def cut(row: int, margin: float) -> np.ndarray:
        return crop_of(pictures[row].pixels, pictures[row].box, margin)

    return [
        ("whole pictures", embedded(lambda row: pictures[row].pixels), "–"),
        ("true boxes", embedded(lambda row: squared(cut(row, MARGIN))), "1"),
        ("true boxes, in a square without margin", embedded(lambda row: squared(cut(row, 0))), "1"),
        ("true boxes, with margin in their own shape", embedded(lambda row: cut(row, MARGIN)), "1"),
        ("true boxes, tight", embedded(lambda row: cut(row, 0)), "1"),
        ("`salient:`", embedded(lambda row: squared(crop_of(pictures[row].pixels, salient[row], MARGIN))),
         f"{shared:.2f}"),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
