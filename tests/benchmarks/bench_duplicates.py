"""How many edited copies are found, how many different pictures are taken for copies, and how long it takes.

    python -m tests.benchmarks.bench_duplicates FOLDER [--images N] [--edited N] [--seed N]
    python -m tests.benchmarks.bench_duplicates --scale 100000 [--dimension 1280]

Truth is made: of some images of the folder edited copies are added (`EDITS`), and the whole is searched at the defaults
of the settings. Found: copies in the near group of their original. Wrong: images in the near group of another picture;
among the originals alone, too. `--scale` times signatures of no images, but the search, on random vectors and hashes of
which a tenth are copies.
"""

import argparse
import io
import json
import random
import resource
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import gettempdir
from time import perf_counter, process_time
from typing import Any

import numpy as np
import polars as pl
from PIL import Image, ImageDraw, ImageEnhance, ImageFont

from pipeline.adapters.encoders.registry import open_encoder
from pipeline.runtime.torch_threads import use_one_thread
from pipeline.settings import DuplicateParams, ImageParams
from pipeline.stages.duplicates.contract import SIGNATURES_SCHEMA
from pipeline.stages.duplicates.groups import by_quality, find_duplicates
from pipeline.stages.duplicates.signatures import signature
from pipeline.stages.images.decode import Decoded, decode, thumbnail

SPEC = "packaged:efficientnet_lite0"
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
ORIGINAL = "original"
BATCH = 64
Edit = Callable[[Image.Image], bytes]


def jpeg(picture: Image.Image, quality: int = 90) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def cut(picture: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    width, height = picture.size
    return picture.crop((round(width * left), round(height * top), round(width * (1 - right)),
                         round(height * (1 - bottom))))  # fmt: skip


def marked(picture: Image.Image) -> Image.Image:
    made = picture.copy()
    font = ImageFont.load_default(max(10, made.height // 18))
    place = (made.width * 0.55, made.height * 0.9)
    ImageDraw.Draw(made, "RGBA").text(place, "(c) example.org", fill=(255, 255, 255, 200), font=font)
    return made


EDITS: dict[str, Edit] = {
    "half the size": lambda p: jpeg(p.resize((max(1, p.width // 2), max(1, p.height // 2)), Image.Resampling.LANCZOS)),
    "JPEG quality 40": lambda p: jpeg(p, 40),
    "JPEG quality 15": lambda p: jpeg(p, 15),
    "cut 2 % in all": lambda p: jpeg(cut(p, 0.01, 0.01, 0.01, 0.01)),
    "cut 5 % in all": lambda p: jpeg(cut(p, 0.025, 0.025, 0.025, 0.025)),
    "cut 5 % on one side": lambda p: jpeg(cut(p, 0.05, 0, 0, 0)),
    "brighter by 25 %": lambda p: jpeg(ImageEnhance.Brightness(p).enhance(1.25)),
    "darker by 25 %": lambda p: jpeg(ImageEnhance.Brightness(p).enhance(0.75)),
    "contrast + 30 %": lambda p: jpeg(ImageEnhance.Contrast(p).enhance(1.3)),
    "watermark": lambda p: jpeg(marked(p)),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--match", default="", help="only files whose path contains this")
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--edited", type=int, default=80)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=int)
    parser.add_argument("--dimension", type=int, default=1280)
    options = parser.parse_args()
    found = scaled(options) if options.scale else quality(options)
    print(json.dumps(found, indent=1, ensure_ascii=False))


def quality(options: argparse.Namespace) -> dict[str, Any]:
    paths = sorted(path for path in options.folder.rglob("*")
                   if path.suffix.lower() in SUFFIXES and options.match in str(path))  # fmt: skip
    random.Random(options.seed).shuffle(paths)
    paths = paths[: options.images]
    jobs = [(number, ORIGINAL, path) for number, path in enumerate(paths)]
    jobs += [(number, edit, path) for number, path in enumerate(paths[: options.edited]) for edit in EDITS]
    frame, vectors = features(jobs)
    everything = searched(frame, vectors)
    originals = frame.filter(pl.col("edit") == ORIGINAL)
    alone = searched(originals, vectors)
    near = everything.filter(pl.col("level") == "near")
    kept = near.filter(pl.col("kept")).select("group_id", pl.col("image_id").alias("centre"))
    owner = dict(frame.select("image_id", "picture").iter_rows())
    edit = dict(frame.select("image_id", "edit").iter_rows())
    gone = near.filter(~pl.col("kept")).join(kept, on="group_id").select("image_id", "centre").rows()
    right = [(one, centre) for one, centre in gone if owner[one] == owner[centre]]
    together: dict[str, set[int]] = {}
    for (group,), part in near.group_by("group_id"):
        together[str(group)] = {owner[name] for name in part["image_id"] if edit[name] == ORIGINAL}
    found = Counter(edit[name] for name, group in near.select("image_id", "group_id").iter_rows()
                    if edit[name] != ORIGINAL and owner[name] in together[group])  # fmt: skip
    asked = min(options.edited, len(paths))
    exact = frame.height - frame["content_hash"].n_unique()
    return {
        "originals": originals.height, "edited copies": frame.height - originals.height, "exact": exact,
        "recall": {name: round(found[name] / asked, 3) for name in EDITS},
        "recall of all": round(sum(found.values()) / (asked * len(EDITS)), 3),
        "precision": round(len(right) / len(gone), 4) if gone else None,
        "originals alone: proposed to go": alone.filter((pl.col("level") == "near") & ~pl.col("kept")).height,
        "originals alone: similar only": alone.filter(pl.col("level") == "similar").height,
    }  # fmt: skip


def features(jobs: list[tuple[int, str, Path]]) -> tuple[pl.DataFrame, dict[str, np.ndarray]]:
    """One row per image with its signature, and the vector of each content hash."""
    encoder = open_encoder(SPEC, device="cpu", cache_dir=Path(gettempdir()) / "image-cluster-bench")
    use_one_thread()
    rows: list[dict[str, Any]] = []
    vectors: dict[str, np.ndarray] = {}

    def one(job: tuple[int, str, Path]) -> tuple[dict[str, Any], np.ndarray]:
        number, edit, path = job
        data = path.read_bytes()
        if edit != ORIGINAL:
            with Image.open(path) as opened:
                upright = opened.convert("RGBA")
            canvas = Image.new("RGBA", upright.size, "white")
            canvas.alpha_composite(upright)
            data = EDITS[edit](canvas.convert("RGB"))
        decoded = decode(data, ImageParams())
        if not isinstance(decoded, Decoded):
            raise SystemExit(f"{path} cannot be decoded: {decoded}")
        signed = signature(thumbnail(decoded.pixels, ImageParams().thumbnail_pixels))
        known = signed.__dict__ if signed else {}
        name = f"{number}-{edit}"
        row = {"image_id": name, "key": name, "picture": number, "edit": edit, "content_hash": decoded.content_hash,
               "size": len(data), "width": decoded.width, "height": decoded.height, **known}  # fmt: skip
        return row, encoder.prepare(decoded.pixels)

    with ThreadPoolExecutor() as pool:
        for start in range(0, len(jobs), BATCH):
            made = list(pool.map(one, jobs[start : start + BATCH]))
            encoded = encoder.encode(np.stack([prepared for _, prepared in made])).astype(np.float16)
            for (row, _), vector in zip(made, encoded, strict=True):
                rows.append(row)
                vectors[row["content_hash"]] = vector
    return pl.DataFrame(rows, schema_overrides=SIGNATURES_SCHEMA), vectors


def searched(frame: pl.DataFrame, vectors: dict[str, np.ndarray]) -> pl.DataFrame:
    contents = by_quality(frame.select("image_id", "key", "content_hash", "size", "width", "height"),
                          frame.unique("content_hash").select(list(SIGNATURES_SCHEMA)))  # fmt: skip
    ordered = np.stack([vectors[name] for name in contents["content_hash"].to_list()])
    return find_duplicates(frame, contents, ordered, DuplicateParams()).table


def scaled(options: argparse.Namespace) -> dict[str, Any]:
    n, d = options.scale, options.dimension
    rng = np.random.default_rng(options.seed)
    # kinds with a spread as photographs have: neighbours of one kind at a cosine of about 0.8
    centres = rng.normal(size=(200, d)).astype(np.float32)
    vectors = np.empty((n, d), dtype=np.float16)
    for start in range(0, n, 10_000):
        part = centres[rng.integers(0, 200, min(10_000, n - start))]
        part = part + rng.normal(scale=0.5, size=part.shape).astype(np.float32)
        vectors[start : start + len(part)] = part / np.linalg.norm(part, axis=1, keepdims=True)
    hashes = rng.integers(0, 2**64, n, dtype=np.uint64)
    copies = n // 10
    vectors[-copies:], hashes[-copies:] = vectors[:copies], hashes[:copies] ^ np.uint64(3)
    tiny = [rng.integers(0, 255, 768, dtype=np.uint8).tobytes() for _ in range(n - copies)]
    names = [f"{number:08d}" for number in range(n)]
    contents = pl.DataFrame({
        "image_id": names, "key": names, "content_hash": names, "size": 1, "width": 10, "height": 10, "pixels": 100,
        "phash": hashes, "contrast": 50.0, "sharpness": 1.0, "tiny": [*tiny, *tiny[:copies]],
    })  # fmt: skip
    before, started, used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, perf_counter(), process_time()
    found = find_duplicates(contents, contents, vectors, DuplicateParams())
    return {"images": n, "dimension": d, "seconds": round(perf_counter() - started, 1),
            "cpu seconds": round(process_time() - used, 1), "near groups": found.facts["near_groups"],
            "peak MB more": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024}  # fmt: skip


if __name__ == "__main__":
    main()
