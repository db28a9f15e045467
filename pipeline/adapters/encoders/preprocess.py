"""Preprocessing of images for a model: resize, crop and normalise, exactly like the library that trained it.

What belongs here: the description of a preprocessing, and the part that is done per image (resize and crop of uint8).
Not here: normalisation, which is part of the model's graph (`runtime.py`), the preprocessing of each family
(`packaged.py`, `openclip.py`, `timm_models.py`).

The crop grid matters more than the filter: resizing and cropping to whole pixels, like the reference, gives the same
vector (cosine 1.0000); a fractional centre box gives 0.9977.
"""

from dataclasses import dataclass
from typing import Literal, cast

import numpy as np

from pipeline.errors import EncoderError
from pipeline.stages.images.decode import resize

# A longer strip is cut to its middle before resizing. The crop would do that anyway, but resizing 10,000 x 1 pixels
# would take gigabytes.
LONGEST_STRIP = 16


@dataclass(frozen=True)
class Preprocessing:
    """Resize, centre crop, then (values - mean) / std, on the scale 0 to 255.

    The mode `shortest` scales the shorter side to `resize[0]` and keeps the aspect ratio; `squash` scales to `resize`
    (height, width).
    """

    mode: Literal["shortest", "squash"]
    resize: tuple[int, int]
    crop: tuple[int, int]
    interpolation: Literal["bilinear", "bicubic"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def prepare(self, pixels: np.ndarray) -> np.ndarray:
        """Uint8 [h, w, 3] → uint8 [3, crop height, crop width], contiguous. Thread-safe."""
        if self.mode == "shortest":
            pixels = _middle_of_strip(pixels)
            height, width = _scaled_size(pixels.shape[0], pixels.shape[1], self.resize[0])
        else:
            height, width = self.resize
        resized = resize(pixels, height, width, self.interpolation)
        top, left = round((height - self.crop[0]) / 2), round((width - self.crop[1]) / 2)
        cropped = resized[top : top + self.crop[0], left : left + self.crop[1]]
        return np.ascontiguousarray(cropped.transpose(2, 0, 1))


def checked(
    *, model: str, mode: str, resize: tuple[int, int], crop: tuple[int, int], interpolation: str,
    mean: tuple[float, ...], std: tuple[float, ...],
) -> Preprocessing:  # fmt: skip
    """The preprocessing of a library's configuration, whose mean and std are on the scale 0 to 1.

    Raises `EncoderError` for one that this program cannot reproduce exactly.
    """
    problem = None
    if mode not in ("shortest", "squash"):
        problem = f"resize mode {mode!r}"
    elif interpolation not in ("bilinear", "bicubic"):
        problem = f"interpolation {interpolation!r}"
    elif len(mean) != 3 or len(std) != 3:
        problem = f"{len(mean)} colour channels"
    elif mode == "shortest" and (resize[0] != resize[1] or crop[0] != crop[1]):
        problem = f"a crop of {crop[0]} x {crop[1]} that is not square"
    elif crop[0] > resize[0] or crop[1] > resize[1]:
        problem = f"a crop of {crop[0]} x {crop[1]} out of {resize[0]} x {resize[1]}"
    if problem:
        raise EncoderError(f"{model} asks for {problem}, which is not supported exactly. Choose another encoder.")
    return Preprocessing(
        cast('Literal["shortest", "squash"]', mode), resize, crop,
        cast('Literal["bilinear", "bicubic"]', interpolation),
        (mean[0] * 255, mean[1] * 255, mean[2] * 255), (std[0] * 255, std[1] * 255, std[2] * 255),
    )  # fmt: skip


def _scaled_size(height: int, width: int, shorter: int) -> tuple[int, int]:
    """Height and width with the rounding of the reference, which truncates the longer side."""
    if width <= height:
        return int(shorter * height / width), shorter
    return shorter, int(shorter * width / height)


def _middle_of_strip(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    longest = LONGEST_STRIP * min(height, width)
    top, left = max(0, (height - longest) // 2), max(0, (width - longest) // 2)
    return np.ascontiguousarray(pixels[top : top + longest, left : left + longest])
