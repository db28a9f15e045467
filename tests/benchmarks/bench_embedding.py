"""How many images per second become vectors, against plain loops and against the machine's own limit.

    python -m tests.benchmarks.bench_embedding [--encoder lite0|vit] [--images N] [--json FILE]

What belongs here: the embedding stream and what one would write instead, on the same files in the same run. Not here:
buckets (`bench_bucket.py`), whole runs (`bench_big.py`).

The plain loop is what a proof of concept does: Pillow, the reference transform, torch, one image at a time. One by one
is the same loop with the model compiled by OpenVINO, as libraries of image embeddings do. F is the forward pass alone,
D reading, decoding and preparing alone on all cores; both need the same cores, so that no arrangement of the two can
exceed 1 / (1/F + 1/D). All rates come from the same files in the same run; they are taken in turns, and the median of
the turns is shown. The loops have a process of their own: beside OpenVINO's threads torch's would be slower by several
times, which is not the loop's fault. ViT-B/32 has random weights, saved first: they cost as much time as real ones.
"""

import argparse
import functools
import io
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

from pipeline.adapters.encoders import packaged, timm_models
from pipeline.adapters.encoders.registry import open_encoder
from pipeline.runtime.cpu import usable_cores
from pipeline.runtime.torch_threads import use_one_thread
from pipeline.settings import ImageParams
from pipeline.stages.embeddings.encoder import Encoder
from pipeline.stages.embeddings.stream import stream
from pipeline.stages.images.decode import Decoded, decode
from tests.benchmarks.rows import Row, row, show
from tests.odd_images import encoded, photograph

SPEC = "packaged:efficientnet_lite0"
VIT = "vit_base_patch32_224"
PARAMS = ImageParams()
DISTINCT = 24  # pictures; beyond that a comment of its own makes each file's content another


def rows(encoder: str = "lite0", images: int = 240, turns: int = 3) -> list[Row]:
    """What was measured, against its bars."""
    with TemporaryDirectory() as folder:
        spec = encoder_spec(encoder, Path(folder))
        started = perf_counter()
        open_encoder(spec, device="cpu", cache_dir=Path(folder))
        cold, started = perf_counter() - started, perf_counter()
        opened = open_encoder(spec, device="cpu", cache_dir=Path(folder))
        warm = perf_counter() - started
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as apart:
            rates = {kind: _measure(kind, spec, opened, apart, images, turns) for kind in ("WEBP", "JPEG")}
    what = f"embedding, {encoder}"
    return [
        row(what, "opening the encoder the first time", cold, "s"),
        row(what, "opening the encoder from the cache", warm, "s"),
        *(one for kind, found in rates.items() for one in _judged(spec, kind, found, opened)),
    ]


def _judged(spec: str, kind: str, rates: dict[str, float], encoder: Encoder) -> list[Row]:
    what = f"embedding, {'lite0' if spec == SPEC else 'ViT-B/32'}, 800 px {kind}, {usable_cores()} cores"
    stream, limit = rates["stream"], 1 / (1 / rates["F"] + 1 / rates["D"])
    alone = f"F {rates['F']:.0f}, D {rates['D']:.0f}, limit {limit:.0f} images/s"
    return [
        row(what, f"images/s on {encoder.device}", stream, ""),
        row(what, "the same with thumbnails", rates["thumbnails"], ""),
        row(what, "over the machine's limit", stream / limit, "x", ">= 0.95", alone),
        *(row(what, f"over {way}", stream / rates[name], "x", ">= 6",
              f"{rates[name]:.1f} images/s; the limit is {limit / rates[name]:.1f} times that")
          for name, way in (("plain", "the plain loop"), ("one by one", "one by one, compiled"))),
        row(what, "least cosine to the plain loop's vectors", rates["cosine"], "", ">= 0.9999"),
    ]  # fmt: skip


def encoder_spec(encoder: str, folder: Path) -> str:
    if encoder == "lite0":
        return SPEC
    import timm
    import torch

    torch.manual_seed(0)
    weights = folder / "vit.pt"
    torch.save(timm.create_model(VIT).state_dict(), weights)
    return f"timm:{VIT}@{weights}"


def _measure(
    kind: str, spec: str, encoder: Encoder, apart: ProcessPoolExecutor, images: int, turns: int
) -> dict[str, float]:
    files = different_files(kind, images)
    few = files[: max(8, len(files) // 6)]  # the plain loops are slow
    decoded = decode(files[0], PARAMS)
    assert isinstance(decoded, Decoded)
    prepared = np.stack([encoder.prepare(decoded.pixels)] * len(files))

    def through(thumbnails: int | None) -> None:
        outcomes = stream(
            enumerate(files), image_params=PARAMS, encoder=encoder, batch_size=32, threads=0,
            thumbnail_pixels=thumbnails,
        )  # fmt: skip
        assert sum(outcome.vector is not None for outcome in outcomes) == len(files)

    ways: dict[str, tuple[int, Callable[[], object]]] = {
        "plain": (len(few), lambda: apart.submit(_plain_loop, spec, few).result()),
        "one by one": (len(few), lambda: apart.submit(_one_by_one, spec, few).result()),
        "F": (len(files), lambda: encoder.encode(prepared)),
        "D": (len(files), lambda: decode_all(files, encoder)),
        "stream": (len(files), lambda: through(None)),
        "thumbnails": (len(files), lambda: through(192)),
    }
    for _, way in ways.values():
        way()  # the first call compiles, fills caches, starts threads
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, (count, way) in ways.items():
            started = perf_counter()
            way()
            seconds[name].append(count / (perf_counter() - started))
    rates = {name: statistics.median(values) for name, values in seconds.items()}
    return rates | {"cosine": _agreement(encoder, few, apart.submit(_plain_loop, spec, few).result())}


def different_files(kind: str, count: int) -> list[bytes]:
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


def decode_all(files: list[bytes], encoder: Encoder) -> None:
    def one(data: bytes) -> None:
        decoded = decode(data, PARAMS)
        assert isinstance(decoded, Decoded)
        encoder.prepare(decoded.pixels)

    with ThreadPoolExecutor(usable_cores(), initializer=use_one_thread) as pool:
        list(pool.map(one, files))


@functools.cache
def _loaded(spec: str) -> tuple[Any, Callable[[Image.Image], Any]]:
    """The torch module of a spec and its reference transform, normalisation included."""
    from torchvision.transforms import v2

    if spec == SPEC:
        name = SPEC.removeprefix("packaged:")
        size = packaged.SIZES[name]
        return packaged.source(SPEC, name).load().module, v2.Compose([
            v2.Resize(size + packaged.BORDER, interpolation=v2.InterpolationMode.BICUBIC), v2.CenterCrop(size),
            v2.PILToTensor(), v2.Lambda(lambda pixels: (pixels.float() - 127) / 128),
        ])  # fmt: skip
    from timm.data.config import resolve_model_data_config
    from timm.data.transforms_factory import create_transform

    weights = spec.partition("@")[2]
    module = timm_models.source(spec, VIT, weights).load().module
    transform: Any = create_transform(**resolve_model_data_config(module), is_training=False)
    return module, transform


def _plain_loop(spec: str, files: list[bytes]) -> list[np.ndarray]:
    """The loop of a proof of concept, with torch as it comes."""
    import torch

    module, transform = _loaded(spec)
    with torch.inference_mode():
        vectors = [module(transform(Image.open(io.BytesIO(data)).convert("RGB"))[None])[0].numpy() for data in files]
    return [vector / np.linalg.norm(vector) for vector in vectors]


@functools.cache
def _compiled(spec: str) -> tuple[Any, Callable[[Image.Image], Any]]:
    import openvino
    import torch

    module, transform = _loaded(spec)
    example = transform(Image.new("RGB", (800, 600)))[None]
    with torch.inference_mode():
        return openvino.compile_model(openvino.convert_model(module, example_input=example), "CPU"), transform


def _one_by_one(spec: str, files: list[bytes]) -> list[np.ndarray]:
    """The same with a compiled model, as libraries of image embeddings do it."""
    compiled, transform = _compiled(spec)
    return [compiled(transform(Image.open(io.BytesIO(data)).convert("RGB"))[None].numpy())[0][0] for data in files]


def _agreement(encoder: Encoder, files: list[bytes], theirs: list[np.ndarray]) -> float:
    outcomes = stream(
        enumerate(files), image_params=PARAMS, encoder=encoder, batch_size=4, threads=1, thumbnail_pixels=None
    )
    ours = [outcome.vector for outcome in outcomes if outcome.vector is not None]
    return min(float(one @ other) for one, other in zip(ours, theirs, strict=True))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", choices=("lite0", "vit"), default="lite0")
    parser.add_argument("--images", type=int, default=240, help="files per format")
    parser.add_argument("--turns", type=int, default=3, help="times that each way is measured")
    parser.add_argument("--json", type=Path, help="write the rows there")
    options = parser.parse_args()
    show(rows(options.encoder, options.images, options.turns), options.json)


if __name__ == "__main__":
    main()
