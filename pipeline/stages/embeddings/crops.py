"""Objects → vectors: their crops are cut from the decoded original and embedded.

What belongs here: cutting crops, and batches of them. Not here: which objects have no vector (`steps/crops.py`),
decoding (`stages/images/decode_ahead.py`), the forward pass (`encoder.py`).
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np

from pipeline.settings import ImageParams
from pipeline.stages.embeddings.encoder import Encoder, ForwardPass
from pipeline.stages.embeddings.stream import CPU_BATCH, GPU_BATCH
from pipeline.stages.images.attempts import Attempts
from pipeline.stages.images.decode import Decoded, Rejected, resize, thumbnail
from pipeline.stages.images.decode_ahead import decode_ahead
from pipeline.stages.objects.boxes import Box, crop_pixels

MOST_SIDE = 1024  # pixels; more than any encoder looks at, and a square of a long thin crop stays small


@dataclass(frozen=True)
class Crop:
    """One crop that is wanted: the name of its vector, that of its thumbnail, and its box."""

    name: str
    content_hash: str
    box: Box


@dataclass(frozen=True)
class Image:
    """An image, and the crops to cut from it."""

    key: str
    content_hash: str
    crops: tuple[Crop, ...]


@dataclass(frozen=True)
class Cut:
    """A crop with its thumbnail; its vector, float32 [dimension], or None with the reason."""

    crop: Crop
    thumbnail: bytes
    vector: np.ndarray | None = None
    reason: str = ""


@dataclass(frozen=True)
class Embedded:
    """The crops of one image, or why there are none; `digest` is the hash of the bytes that were read."""

    image: Image
    cuts: list[Cut] | Rejected
    digest: str


Prepared = tuple[str, list[tuple[Crop, bytes, np.ndarray]]]


def embed_crops(
    items: Iterable[tuple[Image, bytes | Exception]],
    encoder: Encoder,
    *,
    params: ImageParams,
    margin: float,
    batch_size: int = 0,
    threads: int = 0,
    attempts: Attempts | None = None,
    notices: "SimpleQueue[str] | None" = None,
) -> Iterator[Embedded]:
    """One result per image, in order. `margin` as in `boxes.crop_pixels`; `batch_size` and `threads` 0: what suits.

    Raises what `items` holds, and `EncoderError`.
    """

    def cut(image: Image, decoded: Decoded) -> Prepared:
        parts = [(crop, crop_of(decoded.pixels, crop.box, margin)) for crop in image.crops]
        return decoded.content_hash, [
            (crop, thumbnail(pixels, params.thumbnail_pixels), encoder.prepare(squared(pixels)))
            for crop, pixels in parts
        ]

    most = batch_size or (CPU_BATCH if encoder.device.startswith("CPU") else GPU_BATCH)
    forward = ForwardPass(encoder, most, notices if notices is not None else SimpleQueue())
    filling: list[tuple[Image, Prepared | Rejected]] = []
    sent: tuple[list[tuple[Image, Prepared | Rejected]], Future[list[Embedded]]] | None = None
    new = 0
    with ThreadPoolExecutor(1, thread_name_prefix="encode") as inference:
        for image, made in decode_ahead(items, cut, params=params, threads=threads, attempts=attempts):
            filling.append((image, made))
            new += 0 if isinstance(made, Rejected) else len(made[1])
            if new >= most:
                if sent is not None:
                    yield from sent[1].result()
                sent, filling, new = (filling, inference.submit(_encoded, filling, forward)), [], 0
        if sent is not None:
            yield from sent[1].result()
        yield from _encoded(filling, forward)


def crop_of(pixels: np.ndarray, box: Box, margin: float) -> np.ndarray:
    """The pixels of a box with its margin, uint8 [h, w, 3], contiguous."""
    height, width = pixels.shape[:2]
    left, top, right, bottom = crop_pixels(box, width, height, margin)
    return np.ascontiguousarray(pixels[top:bottom, left:right])


def squared(pixels: np.ndarray) -> np.ndarray:
    """A crop in the middle of a square of its mean colour, uint8 [s, s, 3]; a side is at most `MOST_SIDE` pixels.

    The preprocessing of encoders cuts the middle out of a picture: of a post it would leave neither head nor foot.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, MOST_SIDE / max(height, width))
    if scale < 1:
        height, width = max(1, round(height * scale)), max(1, round(width * scale))
        pixels = resize(pixels, height, width, "bilinear")
    side = max(height, width)
    square = np.empty((side, side, 3), np.uint8)
    square[:] = np.rint(pixels.mean(axis=(0, 1), dtype=np.float64))
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = pixels
    return square


def _encoded(images: list[tuple[Image, Prepared | Rejected]], forward: ForwardPass) -> list[Embedded]:
    batch = [ready for _, made in images if not isinstance(made, Rejected) for _, _, ready in made[1]]
    vectors, usable = forward.run(np.stack(batch)) if batch else (np.empty((0, 0), np.float32), np.empty(0, bool))
    row = 0
    result: list[Embedded] = []
    for image, made in images:
        if isinstance(made, Rejected):
            result.append(Embedded(image, made, made.content_hash or ""))
            continue
        cuts: list[Cut] = []
        for crop, small, _ in made[1]:
            reason = "" if usable[row] else f"{forward.encoder.name} returned no usable vector for it."
            cuts.append(Cut(crop, small, vectors[row] if usable[row] else None, reason))
            row += 1
        result.append(Embedded(image, cuts, made[0]))
    return result
