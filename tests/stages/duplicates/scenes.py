"""Made-up scenes and their signatures, for the tests of this folder."""

import io

import numpy as np
from PIL import Image

from pipeline.stages.duplicates.signatures import Signature, signature


def scene(seed: int = 0, size: tuple[int, int] = (192, 144)) -> Image.Image:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 255, (9, 12, 3), dtype=np.uint8))
    return coarse.resize(size, Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, kind: str = "JPEG", quality: int = 85) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, quality=quality)
    return out.getvalue()


def signed(picture: Image.Image, quality: int = 85) -> Signature:
    found = signature(encoded(picture, quality=quality))
    assert found is not None
    return found


def tiny(picture: Image.Image) -> np.ndarray:
    return np.frombuffer(signed(picture).tiny, dtype=np.uint8).reshape(16, 16, 3)
