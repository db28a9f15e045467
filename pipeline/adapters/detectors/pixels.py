"""Pictures and boxes in pixels, as every family of detectors needs them.

What belongs here: shrinking a picture, and corners in pixels → a box. Not here: boxes as shares (`stages/objects/`).
"""

import numpy as np

from pipeline.stages.images.decode import resize
from pipeline.stages.objects.boxes import Box


def shrunk(pixels: np.ndarray, most: int) -> np.ndarray:
    """Uint8 [h, w, 3] with a longer side of at most `most` pixels."""
    height, width = pixels.shape[:2]
    scale = most / max(height, width)
    if scale >= 1:
        return np.ascontiguousarray(pixels)
    return resize(pixels, max(1, round(height * scale)), max(1, round(width * scale)), "bilinear")


def corners(box: np.ndarray, width: float, height: float) -> Box:
    """The box of left, top, right and bottom in pixels of an image of this size."""
    left, top, right, bottom = (float(value) for value in box)
    return Box(left / width, top / height, (right - left) / width, (bottom - top) / height)
