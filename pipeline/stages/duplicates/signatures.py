"""Thumbnail → signature: a perceptual hash that survives resizing and recompression, its contrast, its sharpness.

What belongs here: what is computed from the pixels of one thumbnail. Not here: which images are duplicates of each
other (`groups.py`), making thumbnails (`images/decode.py`), storing (`steps/duplicates.py`).

Signatures come from the thumbnail, not from the original: it is on disk already, so no image is read or decoded twice
and ingestion is not slowed down; it has one size for all variants of a picture; and libraries ingested before
signatures existed get them in the next run.
"""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from pipeline.stages.duplicates.tiny_image import SIDE
from pipeline.stages.images.formats import DAMAGE

SEEN = 64  # pixels each way of the picture that is hashed


@dataclass(frozen=True)
class Signature:
    """`phash`: 64 bits; `contrast`: standard deviation of the luma that the hash sees, 0 to 127; `sharpness`: variance
    of the Laplacian of the thumbnail's luma, comparable between copies of one picture only; `tiny`: uint8 [16, 16, 3]
    as bytes."""

    phash: int
    contrast: float
    sharpness: float
    tiny: bytes


def signature(thumbnail: bytes) -> Signature | None:
    """The signature of an encoded thumbnail, or None if it does not decode. Thread-safe.

    The `imagehash` library computes the hash: signs of the lowest 8 x 8 frequencies (DCT) against their median.
    Sharpness: Pech-Pacheco et al. (2000), "Diatom autofocusing in brightfield microscopy".
    """
    import imagehash

    try:
        with Image.open(io.BytesIO(thumbnail)) as opened:
            picture = opened.convert("RGB")
    except DAMAGE:
        return None
    luma = picture.convert("L")
    small = luma.resize((SEEN, SEEN), Image.Resampling.BOX)  # first, because the hash's own resizing is slow
    bits = np.asarray(imagehash.phash(small).hash, dtype=bool).ravel()
    contrast = float(np.asarray(small, dtype=np.float32).std())
    tiny = picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR).tobytes()
    return Signature(int.from_bytes(np.packbits(bits).tobytes(), "big"), contrast, _sharpness(luma), tiny)


def _sharpness(luma: Image.Image) -> float:
    values = np.asarray(luma, dtype=np.float32)
    if min(values.shape) < 3:
        return 0.0
    inner = values[1:-1, 1:-1]
    around = values[:-2, 1:-1] + values[2:, 1:-1] + values[1:-1, :-2] + values[1:-1, 2:]
    return float((around - 4 * inner).var())
