"""Embedding on a GPU: `python -m tests.benchmarks.bench_gpu [--device cuda] [--encoder lite0|vit]`.

What belongs here: the forward pass by batch size, the embedding stream against what decoding and the device allow,
agreement with full precision. Not here: the same on a CPU through OpenVINO (`bench_embedding.py`).

Decoding and the forward pass are on different processors here, so that the limit is the slower of the two, min(F, D).
`--device cpu` runs the same code on torch's CPU path, to try it out where there is no GPU; its figures say nothing.
"""

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

from pipeline.adapters.encoders import runtime
from pipeline.adapters.encoders.registry import encoder_source
from pipeline.runtime.cpu import usable_cores
from pipeline.stages.embeddings import stream
from tests.benchmarks.bench_embedding import PARAMS, decode_all, different_files, encoder_spec
from tests.benchmarks.rows import Row, row, show

BATCHES = (32, 64, 128, 256, 512)


def rows(device: str = "cuda", encoder: str = "lite0", images: int = 2_000, turns: int = 3) -> list[Row]:
    """What was measured, against its bars."""
    with TemporaryDirectory() as folder:
        loaded = encoder_source(encoder_spec(encoder, Path(folder))).load()
        module = runtime.with_normalisation(loaded.module, loaded.preprocessing)
        size = loaded.preprocessing.crop
        dimension = runtime.dimension_of(module, size)
        exact = runtime.TorchRunner(module, "cpu", 0).run(_noise(16, size)) if device != "cpu" else None
        runner = runtime.TorchRunner(module, device, 0)
        opened = runtime.ModelEncoder(encoder, dimension, "benchmark", runner.device, loaded.preprocessing, runner)
        what = f"embedding, {encoder} on {runner.device}"
        forward = {batch: batch / _seconds(lambda n=batch: runner.run(_noise(n, size)), turns) for batch in BATCHES}
        best = max(forward, key=lambda batch: forward[batch])
        files = different_files("JPEG", images)
        decoding = len(files) / _seconds(lambda: decode_all(files, opened), turns)

        def through() -> None:
            outcomes = stream(enumerate(files), image_params=PARAMS, encoder=opened, batch_size=best, threads=0,
                              thumbnail_pixels=None)  # fmt: skip
            if sum(one.vector is not None for one in outcomes) != len(files):
                raise RuntimeError("Not every image was embedded.")

        whole = len(files) / _seconds(through, turns)
    limit = min(forward[best], decoding)
    found = [row(what, f"forward alone, batches of {batch}", rate, "1/s") for batch, rate in forward.items()]
    found += [
        row(what, f"decoding alone on {usable_cores()} cores, 800 px JPEG", decoding, "1/s"),
        row(what, f"the stream over the slower of both, batches of {best}", whole / limit, "x", ">= 0.9",
            f"{whole:.0f} images/s"),
    ]  # fmt: skip
    if exact is not None:
        found.append(row(what, "least cosine to full precision", _least_cosine(exact, runner.run(_noise(16, size))),
                         "", ">= 0.999"))  # fmt: skip
    return found


def _noise(count: int, size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 3, *size), dtype=np.uint8)


def _seconds(way: Callable[[], Any], turns: int) -> float:
    way()
    taken: list[float] = []
    for _ in range(turns):
        started = perf_counter()
        way()
        taken.append(perf_counter() - started)
    return statistics.median(taken)


def _least_cosine(one: np.ndarray, other: np.ndarray) -> float:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(((one * other).sum(axis=1) / lengths).min())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "mps", "cpu"), default="cuda")
    parser.add_argument("--encoder", choices=("lite0", "vit"), default="lite0")
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the rows there")
    options = parser.parse_args()
    if runtime.choose_device(options.device) != options.device:
        parser.error(f"there is no {options.device} here")
    show(rows(options.device, options.encoder, options.images, options.turns), options.json)


if __name__ == "__main__":
    main()
