"""The interface between families of encoders and the runtime: where the weights are, and how to load them.

What belongs here: the records that families return, and digests of weights. Not here: the families (`packaged.py`,
`openclip.py`, `timm_models.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from pipeline.adapters.encoders.preprocess import Preprocessing


@dataclass(frozen=True)
class Loaded:
    """A model in memory: a torch module in eval mode, float32 normalised [n, 3, H, W] → float32 [n, dimension]."""

    module: Any
    preprocessing: Preprocessing


@dataclass(frozen=True)
class Graph:
    """A model as OpenVINO runs it: uint8 [1, 3, H, W] → float32 [1, dimension], normalisation included."""

    model: Any
    preprocessing: Preprocessing


@dataclass(frozen=True)
class Source:
    """A model that can be loaded.

    `weights` is its file, if known without loading; then a second start needs neither torch nor the family's library.
    `libraries` are the distributions whose version may change the loaded model; `beside` is what a file beside the
    weights says about them. `load` raises `EncoderError` and `UnknownNameError`. `build`, where a family has it, makes
    the model of a CPU without torch; it raises `EncoderError`.
    """

    spec: str
    architecture: str
    feature: str
    weights: Path | None
    libraries: tuple[str, ...]
    load: Callable[[], Loaded]
    beside: str = ""
    build: Callable[[], Graph] | None = None


def file_digest(path: Path) -> str:
    """BLAKE2b of a file's bytes, hexadecimal."""
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def module_digest(module: Any) -> str:
    """BLAKE2b over a torch module's tensors by name, hexadecimal; identifies weights from a hub."""
    digest = blake2b(digest_size=16)
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(_bytes()).numpy().data)
    return digest.hexdigest()


def _bytes() -> Any:
    import torch

    return torch.uint8
