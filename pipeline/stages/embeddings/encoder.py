"""The interface of an encoder, and its forward pass over a batch that may be too large for memory.

What belongs here: the interface, halving a batch when memory runs out, checking the vectors. Not here: encoders
(`adapters/encoders/`), the stream that makes batches (`stream.py`).
"""

from dataclasses import dataclass
from queue import SimpleQueue
from typing import Protocol

import numpy as np

from pipeline.errors import EncoderError

UNIT_TOLERANCE = 1e-3


class Encoder(Protocol):
    """A model that turns images into vectors. `prepare` is called from several threads at once, `encode` from one."""

    @property
    def name(self) -> str:
        """The spec as given in the settings, such as packaged:efficientnet_lite0."""
        ...

    @property
    def dimension(self) -> int:
        """Numbers per vector."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digest of weights, preprocessing and feature. Vectors with equal fingerprints are comparable."""
        ...

    @property
    def device(self) -> str:
        """The device in use, such as CPU (OpenVINO, fp32)."""
        ...

    def prepare(self, pixels: np.ndarray) -> np.ndarray:
        """Uint8 [h, w, 3] → uint8 [3, H, W], resized and cropped as the model expects."""
        ...

    def encode(self, batch: np.ndarray) -> np.ndarray:
        """Uint8 [n, 3, H, W] → float32 [n, dimension], rows of length 1."""
        ...


@dataclass
class ForwardPass:
    """The forward pass over batches; halves the batch size `limit` when memory runs out, and keeps it."""

    encoder: Encoder
    limit: int
    notices: "SimpleQueue[str]"

    def run(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Uint8 [n, 3, H, W] → vectors float32 [n, dimension], and bool [n], which are finite and of length 1.

        Raises `EncoderError` for vectors of another shape, if no vector of several is usable, or if a single image does
        not fit into memory.
        """
        vectors = self._encode(batch)
        if vectors.shape != (len(batch), self.encoder.dimension):
            raise EncoderError(
                f"{self.encoder.name} returned {vectors.shape} for {len(batch)} images, not {self.encoder.dimension} "
                "numbers each. The model does not fit its description; choose another encoder."
            )
        with np.errstate(all="ignore"):
            usable = np.abs(np.linalg.norm(vectors, axis=1) - 1) < UNIT_TOLERANCE  # False for NaN and infinity too
        if len(batch) > 1 and not usable.any():
            raise EncoderError(
                f"{self.encoder.name} on {self.encoder.device} returned no usable vector for any of {len(batch)} "
                "images (not finite, or not of length 1). Set encoder.device to cpu, or choose another encoder."
            )
        return vectors, usable

    def _encode(self, batch: np.ndarray) -> np.ndarray:
        parts: list[np.ndarray] = []
        start = 0
        while start < len(batch):
            piece = batch[start : start + self.limit]
            try:
                parts.append(self.encoder.encode(piece))
            except (MemoryError, RuntimeError) as error:
                if not _out_of_memory(error):
                    raise
                self._halve_batch(len(piece), error)
                continue
            start += len(piece)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _halve_batch(self, size: int, error: Exception) -> None:
        if size == 1:
            raise EncoderError(
                f"Memory of {self.encoder.device} does not hold {self.encoder.name} with a single image. "
                "Set encoder.device to cpu, or choose a smaller encoder."
            ) from error
        self.limit = size // 2
        self.notices.put(f"Memory does not hold {size} images at once; going on with {self.limit} per forward pass.")


def _out_of_memory(error: Exception) -> bool:
    """CUDA, MPS, the CPU allocator and OpenVINO report it in the message only; Python alone has a class for it."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(
        words in text
        for words in ("out of memory", "bad_alloc", "bad alloc", "can't allocate memory", "failed to allocate")
    )
