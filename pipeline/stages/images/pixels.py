"""A Pillow image → uint8 RGB on an opaque background, a strip at a time.

What belongs here: modes, depths and transparency. Not here: opening and checking files (`decode.py`), colour profiles
(`colour.py`).

Whole-image conversions need several copies of the image at once: 40 bytes for each pixel of a floating-point TIFF. A
strip needs a few MB.
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageCms, ImageColor

from pipeline.stages.images.colour import STRIP_PIXELS, cmyk_transform

Shown = tuple[np.ndarray, np.ndarray | None]  # pixels on their background; uint8 [h, w] opacity if not all is opaque
UNSEEN = 8  # of 255: an image that differs nowhere by more from its background is invisible
MID_GREY = (128, 128, 128)


def pillow_pixels(image: Image.Image, background: str) -> Shown:
    """All pixels, uint8 [h, w, 3], and their opacity. Raises what Pillow raises on damaged data."""
    image.load()
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _grey(image), None
    if image.mode == "LAB":
        to_rgb = ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
        return np.array(ImageCms.applyTransform(image, to_rgb)), None
    if image.has_transparency_data:
        return on_background(image, background)
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    ink = cmyk_transform(image)
    for top, strip in _strips(image):
        pixels[top : top + strip.height] = np.asarray(strip.convert("RGB") if ink is None else ink.apply(strip))
    return pixels, None


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """The image from top to bottom: the first row of each strip, and the strip."""
    rows = max(1, STRIP_PIXELS // max(1, image.width))
    if rows >= image.height:
        yield 0, image
        return
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def rgba_image(pixels: np.ndarray) -> Image.Image:
    """A view of contiguous uint8 [h, w, 4] pixels as an image, without a copy."""
    height, width, _ = pixels.shape
    return Image.frombuffer("RGBA", (width, height), pixels, "raw", "RGBA", 0, 1)


def on_background(image: Image.Image, background: str) -> Shown:
    """The image on the background, or on a contrasting one if it would be invisible, as a white icon on white."""
    colour = ImageColor.getrgb(background)[:3]
    alpha = np.empty((image.height, image.width), np.uint8)
    pixels = np.empty((image.height, image.width, 3), np.uint8)

    def lay_on(ground: tuple[int, ...]) -> None:
        for top, strip in _strips(image):
            picture = (strip.convert("LA") if strip.mode == "La" else strip).convert("RGBA")
            alpha[top : top + strip.height] = np.asarray(picture.getchannel("A"))
            canvas = Image.new("RGBA", picture.size, ground)
            canvas.alpha_composite(picture)
            pixels[top : top + strip.height] = np.asarray(canvas.convert("RGB"))

    lay_on(colour)
    seen = max(abs(int(edge) - colour[band]) for band in range(3) for edge in _range(pixels[..., band]))
    drawn = int(alpha.max()) - int(alpha.min()) > UNSEEN
    if seen <= UNSEEN and drawn:
        lay_on(MID_GREY if max(abs(value - 128) for value in colour) > 64 else (0, 0, 0))
    return pixels, alpha if alpha.min() < 255 else None


def _range(values: np.ndarray) -> tuple[int, int]:
    return int(values.min()), int(values.max())


def _grey(image: Image.Image) -> np.ndarray:
    """Grey values of 16 or 32 bits, or floating point, scaled to uint8 [h, w, 3]; not clipped at 255."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    full = 0.0 if image.mode.startswith("I;16") else _full_scale(image)
    for top, strip in _strips(image):
        values = np.asarray(strip)
        if values.dtype.itemsize == 2:
            grey = (values >> 8).astype(np.uint8)
        else:
            grey = np.clip(_finite(values) * (255.0 / full), 0, 255).astype(np.uint8)
        pixels[top : top + strip.height] = grey[:, :, None]
    return pixels


def _full_scale(image: Image.Image) -> float:
    """The value that becomes 255."""
    top = max(float(_finite(np.asarray(strip)).max(initial=0.0)) for _, strip in _strips(image))
    if image.mode != "F":
        return max(65535.0, top)
    return 1.0 if top <= 1.0 else max(255.0, top)


def _finite(values: np.ndarray) -> np.ndarray:
    return np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
