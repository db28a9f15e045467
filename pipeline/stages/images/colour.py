"""Colours of an embedded profile → sRGB, which encoders were trained on and browsers assume.

What belongs here: which profiles are converted, and the conversion. Not here: modes, depths and transparency
(`pixels.py`).

A phone stores Display P3, many cameras Adobe RGB. Read as sRGB such pictures are duller than they are, so one object
looks different from two cameras. A profile that is damaged, or made for other colours than the image has, is ignored,
as viewers do.
"""

import functools
import io

import numpy as np
from PIL import Image, ImageCms

_COLOURS = {"RGB": b"RGB ", "L": b"GRAY", "CMYK": b"CMYK"}  # mode in Pillow → colour space in the header of a profile
_DESCRIPTION = {"RGBA": "RGB", "P": "RGB", "PA": "RGB", "RGBX": "RGB"}  # modes whose profile describes RGB
STRIP_PIXELS = 1 << 20


def to_srgb(pixels: np.ndarray, image: Image.Image) -> np.ndarray:
    """The pixels of a decoded image, uint8 [h, w, 3], in sRGB; changed in place where there is a profile to convert.

    CMYK is converted from its own four channels instead (`cmyk_transform`).
    """
    mode = _DESCRIPTION.get(image.mode, image.mode)
    transform = _transform_of(image, mode) if mode in ("RGB", "L") else None
    if transform is None:
        return pixels
    rows = max(1, STRIP_PIXELS // max(1, pixels.shape[1]))
    for top in range(0, len(pixels), rows):
        strip = pixels[top : top + rows]
        stored = Image.fromarray(strip if mode == "RGB" else np.ascontiguousarray(strip[..., 0]))
        pixels[top : top + rows] = np.asarray(transform.apply(stored))
    return pixels


def cmyk_transform(image: Image.Image) -> ImageCms.ImageCmsTransform | None:
    """From the CMYK of this image to RGB in sRGB, or None without a profile: then Pillow's plain formula remains."""
    return _transform_of(image, "CMYK") if image.mode == "CMYK" else None


def _transform_of(image: Image.Image, mode: str) -> ImageCms.ImageCmsTransform | None:
    profile = image.info.get("icc_profile")
    return _transform(profile, mode) if isinstance(profile, bytes) and profile else None


@functools.lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The transform, or None if there is nothing to convert. Cached: a library has few profiles."""
    if profile[16:20] != _COLOURS[mode]:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return None
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        return ImageCms.ImageCmsTransform(source, srgb, mode, "RGB")
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        return None
