"""How many images per second become vectors, against a plain loop and against the machine's own limit.

    python -m tests.benchmarks.bench_embedding [--images N] [--batch-size N] [--threads N] [--json]

The plain loop is what a proof of concept does: Pillow, the reference transform, torch, one image at a time. F is the
forward pass alone, D reading, decoding and preparing alone on all cores; both need the same cores, so that no
arrangement of the two can exceed 1 / (1/F + 1/D). All rates come from the same files in the same run; they are taken in
turns, and the median of the turns is shown. The plain loop has a process of its own: beside OpenVINO's threads torch's
would be slower by several times, which is not the loop's fault.
"""

import argparse
import functools
import io
import json
import multiprocessing
import statistics
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image

from pipeline.adapters.encoders import packaged
from pipeline.adapters.encoders.registry import open_encoder
from pipeline.settings import ImageParams
from pipeline.stages.embeddings import Encoder, stream, usable_cores
from pipeline.stages.images import Decoded, decode, thumbnail, use_one_thread
from tests.odd_images import encoded, photograph

SPEC = "packaged:efficientnet_lite0"
PARAMS = ImageParams()
DISTINCT = 24  # pictures; beyond that a comment of its own makes each file's content another


def main() -> None:
    """Measure and print."""
    options = _options()
    started = perf_counter()
    with TemporaryDirectory() as folder:
        open_encoder(SPEC, device="cpu", cache_dir=Path(folder))
        cold, started = perf_counter() - started, perf_counter()
        encoder = open_encoder(SPEC, device="cpu", cache_dir=Path(folder), threads=options.threads)
        warm = perf_counter() - started
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as apart:
            results = {kind: _measure(kind, encoder, apart, options) for kind in ("WEBP", "JPEG")}
    document = {"encoder": SPEC, "device": encoder.device, "cores": usable_cores(), "open_cold_seconds": round(cold, 2),
                "open_warm_seconds": round(warm, 2), "rates": results}  # fmt: skip
    print(json.dumps(document, indent=1) if options.json else _table(document))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=240, help="files per format")
    parser.add_argument("--turns", type=int, default=3, help="times that each way is measured")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--threads", type=int, default=0, help="decoding threads; 0 = one per core")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _measure(kind: str, encoder: Encoder, apart: ProcessPoolExecutor, options: argparse.Namespace) -> dict[str, Any]:
    files = _files(kind, options.images)
    few = files[: max(8, len(files) // 6)]  # the plain loop is slow
    decoded = decode(files[0], PARAMS)
    assert isinstance(decoded, Decoded)
    prepared = np.stack([encoder.prepare(decoded.pixels)] * len(files))

    def through(thumbnails: int | None) -> None:
        outcomes = stream(
            enumerate(files), image_params=PARAMS, encoder=encoder, batch_size=options.batch_size,
            threads=options.threads, thumbnail_pixels=thumbnails,
        )  # fmt: skip
        assert sum(outcome.vector is not None for outcome in outcomes) == len(files)

    ways: dict[str, tuple[int, Callable[[], object]]] = {
        "plain loop": (len(few), lambda: apart.submit(_plain_loop, few).result()),
        "forward alone (F)": (len(files), lambda: encoder.encode(prepared)),
        "decode alone (D)": (len(files), lambda: _decode_all(files, encoder, options.threads, None)),
        "stream": (len(files), lambda: through(None)),
        "decode alone, thumbnails": (len(files), lambda: _decode_all(files, encoder, options.threads, 192)),
        "stream, thumbnails": (len(files), lambda: through(192)),
    }
    for _, way in ways.values():
        way()  # the first call compiles, fills caches, starts threads
    turns = {name: [] for name in ways}
    for _ in range(options.turns):
        for name, (count, way) in ways.items():
            started = perf_counter()
            way()
            turns[name].append(count / (perf_counter() - started))
    rates = {name: round(statistics.median(values), 1) for name, values in turns.items()}
    limit = 1 / (1 / rates["forward alone (F)"] + 1 / rates["decode alone (D)"])
    return rates | {
        "limit 1/(1/F+1/D)": round(limit, 1),
        "stream / plain loop": round(rates["stream"] / rates["plain loop"], 2),
        "stream / limit": round(rates["stream"] / limit, 2),
        "bytes per file": sum(map(len, files)) // len(files),
        "cosine to the plain loop": round(_agreement(encoder, few, apart.submit(_plain_loop, few).result()), 6),
    }


def _files(kind: str, count: int) -> list[bytes]:
    """800 pixels wide, each with content of its own."""
    pictures = [photograph(800, 600, seed) for seed in range(min(count, DISTINCT))]
    base = [encoded(picture, kind, quality=80) for picture in pictures]
    return [_distinct(base[number % len(base)], kind, number) for number in range(count)]


def _distinct(data: bytes, kind: str, number: int) -> bytes:
    """The same picture in a file of other bytes: a JPEG comment, or a chunk that WebP readers pass over."""
    note = number.to_bytes(8, "big")
    if kind == "JPEG":
        return data[:2] + b"\xff\xfe\x00\x0a" + note + data[2:]
    body = data[8:] + b"NOTE" + len(note).to_bytes(4, "little") + note
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _decode_all(files: list[bytes], encoder: Encoder, threads: int, thumbnails: int | None) -> None:
    def one(data: bytes) -> None:
        decoded = decode(data, PARAMS)
        assert isinstance(decoded, Decoded)
        encoder.prepare(decoded.pixels)
        if thumbnails:
            thumbnail(decoded.pixels, thumbnails)

    with ThreadPoolExecutor(threads or usable_cores(), initializer=use_one_thread) as pool:
        list(pool.map(one, files))


@functools.cache
def _plain_model() -> Callable[[bytes], np.ndarray]:
    from torchvision.transforms import v2

    name = SPEC.removeprefix("packaged:")
    size = packaged.SIZES[name]
    module = packaged.source(SPEC, name).load().module
    transform = v2.Compose([
        v2.Resize(size + packaged.BORDER, interpolation=v2.InterpolationMode.BICUBIC), v2.CenterCrop(size),
        v2.PILToTensor(), v2.Lambda(lambda pixels: (pixels.float() - 127) / 128),
    ])  # fmt: skip
    return lambda data: module(transform(Image.open(io.BytesIO(data)).convert("RGB"))[None])[0].numpy()


def _plain_loop(files: list[bytes]) -> list[np.ndarray]:
    """The loop of a proof of concept, with torch as it comes."""
    import torch

    embed = _plain_model()
    with torch.inference_mode():
        vectors = [embed(data) for data in files]
    return [vector / np.linalg.norm(vector) for vector in vectors]


def _agreement(encoder: Encoder, files: list[bytes], theirs: list[np.ndarray]) -> float:
    outcomes = stream(
        enumerate(files), image_params=PARAMS, encoder=encoder, batch_size=4, threads=1, thumbnail_pixels=None
    )
    ours = [outcome.vector for outcome in outcomes if outcome.vector is not None]
    return min(float(one @ other) for one, other in zip(ours, theirs, strict=True))


def _table(document: dict[str, Any]) -> str:
    rates = document["rates"]
    head = f"{document['encoder']} on {document['device']}, {document['cores']} cores, images/s"
    start = f"opened in {document['open_cold_seconds']} s, from the cache in {document['open_warm_seconds']} s"
    names = list(next(iter(rates.values())))
    lines = [f"{name:28}" + "".join(f"{rates[kind][name]:>12}" for kind in rates) for name in names]
    return "\n".join([head, start, f"{'':28}" + "".join(f"{kind:>12}" for kind in rates), *lines])


if __name__ == "__main__":
    main()
