"""A hundred thousand real pictures, streamed to disk: `python -m tests.benchmarks.big_library FOLDER [--images N]`.

What belongs here: making many different files quickly: each scene of the demo library is drawn once and photographed a
hundred times (another crop, side, light, noise, quality). Not here: running anything on them (`bench_big.py`).

A picture depends on its number only; an interrupted call goes on where it stopped.
"""

import argparse
import functools
import io
import multiprocessing
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from pipeline.demo.bollards import PlannedImage, draw, plan_library

SHOTS = 100  # of one scene
SIZE = (256, 192)
DRAWN = 480  # pixels wide, from which the shots are cut


def write(folder: Path, count: int, of_each: int = SHOTS) -> None:
    """Write `count` JPEGs below `folder`/bollards, in a folder for each country; `of_each` scene so many shots."""
    scenes = plan_library(images=-(-count // of_each), cars=0)
    shots = [(scene, range(at * of_each, min(count, (at + 1) * of_each))) for at, scene in enumerate(scenes)]
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        for done, _ in enumerate(pool.imap_unordered(functools.partial(_shoot, folder), shots), 1):
            if done % 50 == 0 or done == len(shots):
                print(f"{done:,} of {len(shots):,} scenes", flush=True)


def _shoot(folder: Path, job: tuple[PlannedImage, range]) -> None:
    scene, numbers = job
    place = folder / "bollards" / scene.group
    paths = {number: place / f"{number:06d}.jpg" for number in numbers}
    if all(path.exists() for path in paths.values()):
        return
    place.mkdir(parents=True, exist_ok=True)
    whole = draw(scene, DRAWN).convert("RGB")
    for number, path in paths.items():
        unfinished = path.with_suffix(".tmp")
        unfinished.write_bytes(_shot(whole, number))
        unfinished.replace(path)


def _shot(whole: Image.Image, number: int) -> bytes:
    rng = np.random.default_rng(number)
    share = rng.uniform(0.72, 0.98)
    width, height = round(whole.width * share), round(whole.height * share)
    left, top = rng.integers(0, whole.width - width + 1), rng.integers(0, whole.height - height + 1)
    picture = whole.crop((int(left), int(top), int(left) + width, int(top) + height)).resize(SIZE)
    if rng.random() < 0.5:
        picture = ImageOps.mirror(picture)
    picture = ImageEnhance.Brightness(picture).enhance(rng.uniform(0.75, 1.25))
    picture = ImageEnhance.Color(picture).enhance(rng.uniform(0.7, 1.3))
    noise = rng.normal(0, rng.uniform(1, 6), size=(SIZE[1], SIZE[0], 1))
    noisy = np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(noisy).save(out, "JPEG", quality=int(rng.integers(60, 92)))
    return out.getvalue()


def main() -> None:
    """Write the library."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=100_000)
    options = parser.parse_args()
    write(options.folder, options.images)


if __name__ == "__main__":
    main()
