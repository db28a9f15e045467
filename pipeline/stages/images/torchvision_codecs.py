"""JPEG and WebP files → pixels by torchvision's codecs, without importing torchvision.

What belongs here: which files they decode, and calling them. Not here: all other files, and what is done with the
pixels (`decode.py`).

torchvision decodes complete JPEG and WebP files: it returns Pillow's pixels sooner, releases the interpreter lock, and
needs half the memory for WebP, which Pillow always prepares as an animation.
"""

import functools
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.runtime.torch_threads import load_torch
from pipeline.stages.images import webp


def decode_fast(image: Image.Image, data: bytes) -> np.ndarray | None:
    """The pixels of an opened image, uint8 [h, w, 3], or [h, w, 4] if its mode is RGBA; `data` is its file.

    None if Pillow must decide: other formats, incomplete files, and files that torchvision refuses.
    """
    if image.format in ("JPEG", "MPO") and image.mode in ("L", "RGB"):
        if not data.endswith(b"\xff\xd9"):
            return None
    elif image.format == "WEBP" and image.mode in ("RGB", "RGBA"):
        if int.from_bytes(data[4:8], "little") + 8 > len(data):
            return None
        first = data if getattr(image, "n_frames", 1) == 1 else webp.first_picture(data)
        if first is None:
            return None
        data = first
    else:
        return None
    torch, codecs = load_torch(), _codecs()
    encoded = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    bands = 4 if image.mode == "RGBA" else 3  # torchvision.io.ImageReadMode.RGB_ALPHA, RGB
    try:
        is_webp = image.format == "WEBP"
        decoded = codecs.decode_webp(encoded, bands) if is_webp else codecs.decode_jpeg(encoded, bands, False)
    except RuntimeError:
        return None  # Pillow reads more files, and its errors are clearer
    pixels = np.ascontiguousarray(decoded.permute(1, 2, 0).numpy())
    return pixels if pixels.shape == (image.height, image.width, bands) else None


@functools.cache
def _codecs() -> Any:
    """torchvision's image operators. Loads only their library: importing torchvision doubles the start-up time."""
    torch = load_torch()
    spec = importlib.util.find_spec("torchvision")
    folder = Path(spec.origin).parent if spec and spec.origin else Path()
    for library in sorted([*folder.glob("image*.so"), *folder.glob("image*.pyd"), *folder.glob("image*.dylib")]):
        torch.ops.load_library(str(library))
    if not hasattr(torch.ops.image, "decode_jpeg"):
        import torchvision.io  # noqa: F401  # pyright: ignore[reportUnusedImport]
    return torch.ops.image
