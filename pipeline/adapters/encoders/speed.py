"""How many images an encoder takes in a second on this machine: measured, and remembered for the next listing.

What belongs here: timing and the file of figures. Not here: the encoders (`registry.py`), reading and decoding, which
a run does beside the forward pass.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from pipeline.stages.embeddings.encoder import Encoder

SECONDS = 3.0  # long enough that the figure of a busy machine settles
BATCH = 32
SIDE = (533, 800)  # height and width of what is prepared: the usual variant of an image
FILE = "speeds.json"


@dataclass(frozen=True)
class Speed:
    """Images per second, the device that they were measured on, and when (ISO 8601)."""

    images_per_second: float
    device: str
    at: str


def measure(encoder: Encoder, at: str, seconds: float | None = None) -> Speed:
    """Prepare and encode random pictures for about `seconds`, by default `SECONDS`, after one batch that warms up."""
    pixels = np.random.default_rng(0).integers(0, 255, (*SIDE, 3), dtype=np.uint8)
    encoder.encode(np.stack([encoder.prepare(pixels)] * BATCH))
    done, started, least = 0, perf_counter(), SECONDS if seconds is None else seconds
    while (took := perf_counter() - started) < least or not done:
        encoder.encode(np.stack([encoder.prepare(pixels) for _ in range(BATCH)]))
        done += BATCH
    return Speed(round(done / took, 1), encoder.device, at)


def recall(cache: Path | None) -> dict[str, Speed]:
    """Spec → the last measurement, from the folder of converted models; empty if it is lost."""
    if cache is None:
        return {}
    try:
        stored: dict[str, dict[str, Any]] = json.loads((cache / FILE).read_bytes())
        return {spec: Speed(**values) for spec, values in stored.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # a cache: it is measured again when somebody asks


def remember(cache: Path | None, spec: str, speed: Speed) -> None:
    """Keep a measurement; without a folder that can be written it is not kept."""
    if cache is None:
        return
    speeds = {**recall(cache), spec: speed}
    try:
        (cache / FILE).write_text(json.dumps({name: asdict(value) for name, value in sorted(speeds.items())}, indent=1))
    except OSError:
        return
