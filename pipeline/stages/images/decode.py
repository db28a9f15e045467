"""Bytes → pixels, or a reason why not; and one row per image.

What belongs here: decoding upright onto an opaque background, thumbnails, and the rows. Not here: formats and EXIF
(`stages/images/formats.py`), whether a file has all of its pixels (`stages/images/jpeg.py`, `png.py`), reading objects
(`adapters/buckets.py`), the preprocessing of a model (`adapters/encoders/preprocess.py`), the order of work
(`stages/embeddings/stream.py`).

Pillow is the reference. It decodes everything that the faster codecs (`torchvision_codecs.py`) leave to it.
"""

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any

import numpy as np
from PIL import AvifImagePlugin, Image

from pipeline.runtime.torch_threads import has_torch, load_torch
from pipeline.settings import ImageParams
from pipeline.stages.images import heif, jpeg, jpeg2000, png
from pipeline.stages.images.budget import Admit, decoded_bytes
from pipeline.stages.images.colour import to_srgb
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.images.formats import DAMAGE, RAW, identify, is_raw, one_line, read_exif
from pipeline.stages.images.identity import pixel_hash
from pipeline.stages.images.pixels import Shown, on_background, pillow_pixels, rgba_image
from pipeline.stages.images.torchvision_codecs import decode_fast

# `max_megapixels` is checked before anything is decoded, and may be larger than Pillow's fixed limit.
Image.MAX_IMAGE_PIXELS = None
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # images are decoded side by side; more threads for one only need more memory
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # the row says what is wrong with a file

_CHECKED = {"JPEG": jpeg, "MPO": jpeg, "PNG": png}  # formats whose decoders fill missing pixels without a word
_EXIF_IN_HEADER = ("JPEG", "MPO", "WEBP", "HEIF")  # orientation and EXIF are readable before the pixels are decoded


@dataclass(frozen=True, kw_only=True)
class ImageInfo:
    """A usable image; width and height are those of the upright image."""

    content_hash: str
    width: int
    height: int
    format: str
    taken_at: datetime | None = None
    latitude: float | None = None
    longitude: float | None = None
    camera: str | None = None
    pixel_hash: str | None = field(default=None, compare=False)  # None if the pixels were not decoded


@dataclass(frozen=True, kw_only=True, eq=False)
class Decoded(ImageInfo):
    """An image with its pixels: uint8 [h, w, 3], RGB, contiguous, upright, opaque.

    h and w are height and width, or a power of two smaller where all pixels would need too much memory (JPEG 2000).
    """

    pixels: np.ndarray

    def info(self) -> ImageInfo:
        """The same without the pixels, so that they can be freed."""
        return ImageInfo(
            content_hash=self.content_hash, width=self.width, height=self.height, format=self.format,
            taken_at=self.taken_at, latitude=self.latitude, longitude=self.longitude, camera=self.camera,
            pixel_hash=self.pixel_hash,
        )  # fmt: skip


@dataclass(frozen=True)
class Rejected:
    """An unusable image: `status` is any status of `IMAGES_SCHEMA` but ok; `reason` is for people."""

    status: str
    reason: str
    content_hash: str | None = None


def content_hash(data: bytes) -> str:
    """BLAKE2b of the bytes, 16 bytes, hexadecimal."""
    return blake2b(data, digest_size=16).hexdigest()


def image_row(entry: Mapping[str, Any], image: ImageInfo | Rejected) -> dict[str, Any]:
    """The row (`IMAGES_SCHEMA`) of one image; `entry` is its manifest row, from image_id to identifier."""
    row: dict[str, Any] = dict.fromkeys(IMAGES_SCHEMA)
    row |= {name: entry[name] for name in ("image_id", "key", "etag", "size", "group", "identifier")}
    names = ("content_hash", "width", "height", "format", "taken_at", "latitude", "longitude")
    if isinstance(image, Rejected):
        return row | {"status": image.status, "reason": image.reason, "content_hash": image.content_hash}
    return row | {"status": "ok"} | {name: getattr(image, name) for name in names}


def decode(
    data: bytes, params: ImageParams, *, digest: str | None = None, admit: Admit | None = None, quick: bool = True
) -> Decoded | Rejected:
    """Decode one image completely, or say why not. `digest` is `content_hash(data)` if known. Thread-safe.

    `admit` is called with the bytes of memory that the pixels need, before they are decoded, and may wait. Without
    `quick`, Pillow decodes everything: the same pixels, and torch need not be loaded.
    """
    digest = digest or content_hash(data)
    opened = _open(data, params, digest)
    if isinstance(opened, Rejected):
        return opened
    image, data = opened
    size, needed = image.size, _needed(image, data, params)
    if isinstance(needed, str):
        return Rejected("too_large", needed, digest)
    if admit is not None:
        admit(needed)
    try:
        exif = read_exif(image) if image.format in _EXIF_IN_HEADER else None
        pixels, alpha = _decode_whole(image, data, params.background, quick=quick)
        exif = exif or read_exif(image)
    except DAMAGE as error:
        return Rejected("broken", f"The {image.format} data is damaged or cut off: {one_line(error)}.", digest)
    except MemoryError:
        return Rejected("too_large", f"No memory to decode {image.width} x {image.height} pixels.", digest)
    pixels, alpha = (
        _apply_orientation(pixels, exif.orientation),
        _apply_orientation(alpha, exif.orientation) if alpha is not None else None,
    )
    height, width = pixels.shape[:2]
    if image.format == "JPEG2000":  # may have been read at a reduced scale
        width, height = size if exif.orientation < 5 else size[::-1]
    stored = pixel_hash(pixels, alpha)  # of the pixels as they are stored: a new profile does not make a new image
    return Decoded(
        content_hash=digest, width=width, height=height, format=image.format or "",
        taken_at=exif.taken_at, latitude=exif.latitude, longitude=exif.longitude, camera=exif.camera,
        pixels=to_srgb(pixels, image), pixel_hash=stored,
    )  # fmt: skip


def inspect(
    data: bytes, params: ImageParams, *, digest: str | None = None, admit: Admit | None = None
) -> ImageInfo | Rejected:
    """As `decode`, for bytes that are known to decode: skips the pixels if the header has everything else."""
    digest = digest or content_hash(data)
    opened = _open(data, params, digest)
    if isinstance(opened, Rejected):
        return opened
    image, _ = opened
    if image.format not in _EXIF_IN_HEADER:
        decoded = decode(data, params, digest=digest, admit=admit)
        return decoded.info() if isinstance(decoded, Decoded) else decoded
    exif = read_exif(image)
    width, height = image.size if exif.orientation < 5 else image.size[::-1]
    return ImageInfo(
        content_hash=digest, width=width, height=height, format=image.format or "",
        taken_at=exif.taken_at, latitude=exif.latitude, longitude=exif.longitude, camera=exif.camera,
    )  # fmt: skip


def resize(pixels: np.ndarray, height: int, width: int, interpolation: str) -> np.ndarray:
    """Resize uint8 [h, w, 3] to uint8 [height, width, 3] with antialiasing; `interpolation` is bilinear or bicubic.

    With torch: vectorised integer arithmetic, as in Pillow; values differ by at most 1, in a fifth of the time. Without
    torch, Pillow itself.
    """
    source_height, source_width, channels = pixels.shape
    if (source_height, source_width) == (height, width):
        return pixels
    if not has_torch():
        filtered = Image.Resampling.BICUBIC if interpolation == "bicubic" else Image.Resampling.BILINEAR
        return np.asarray(Image.fromarray(pixels).resize((width, height), filtered))
    torch = load_torch()
    strides = (pixels.size, 1, source_width * channels, channels)  # an unambiguous channels-last batch of one
    batch = torch.from_numpy(pixels).as_strided((1, channels, source_height, source_width), strides)
    resized = torch.nn.functional.interpolate(batch, (height, width), mode=interpolation, antialias=True)
    return np.ascontiguousarray(resized[0].permute(1, 2, 0).numpy())


def thumbnail(pixels: np.ndarray, longest_side: int) -> bytes:
    """A small JPEG of uint8 [h, w, 3], never enlarged. WebP of this size takes twice as long to write."""
    height, width = pixels.shape[:2]
    scale = min(1.0, longest_side / max(height, width))
    small = resize(pixels, max(1, round(height * scale)), max(1, round(width * scale)), "bilinear")
    out = io.BytesIO()
    Image.fromarray(small).save(out, "JPEG", quality=80)
    return out.getvalue()


def _needed(image: Image.Image, data: bytes, params: ImageParams) -> int | str:
    """The bytes that decoding needs, or why it needs too many."""
    needed, most = decoded_bytes(image), int(params.decode_megabytes * 1e6)
    return jpeg2000.reduced(image, data, needed, most) if image.format == "JPEG2000" else needed


def _identify_format(data: bytes, params: ImageParams, digest: str) -> "str | Rejected":
    """Pillow's name of the format, or a rejection of empty, too large and foreign files."""
    megabytes = len(data) / 1e6
    if not data:
        return Rejected("broken", "The object is empty (0 bytes).", digest)
    if megabytes > params.max_megabytes:
        reason = f"{megabytes:.1f} MB is more than max_megabytes = {params.max_megabytes:g}."
        return Rejected("too_large", reason, digest)
    kind, description = identify(data)
    return kind or Rejected("not_an_image", f"This is {description}.", digest)


def _open(data: bytes, params: ImageParams, digest: str) -> "tuple[Image.Image, bytes] | Rejected":
    """The image with its header read and its size checked, not decoded; and the bytes that it was opened from."""
    kind = _identify_format(data, params, digest)
    if isinstance(kind, Rejected):
        return kind
    try:
        image, data = _open_any(data, kind)
    except DAMAGE as error:
        return Rejected("broken", f"The {kind} header is damaged or cut off: {one_line(error)}.", digest)
    except MemoryError:
        return Rejected("too_large", f"No memory to open this {kind} file.", digest)
    if is_raw(image):
        return Rejected("not_an_image", f"This is {RAW}.", digest)
    width, height = image.size
    if width * height > params.max_megapixels * 1e6:
        reason = f"{width} x {height} = {width * height / 1e6:.1f} megapixels is more than max_megapixels = "
        return Rejected("too_large", f"{reason}{params.max_megapixels:g}.", digest)
    return image, data


def _open_any(data: bytes, kind: str) -> tuple[Image.Image, bytes]:
    """Open the file, if need be without parts that no pixel depends on: damaged profiles, previews, long texts."""
    if kind == "HEIF":
        heif.teach_pillow()
    try:
        return Image.open(io.BytesIO(data), formats=(kind,)), data
    except DAMAGE:
        stripped = jpeg.strip_segments(data) if kind == "JPEG" else png.strip_chunks(data) if kind == "PNG" else None
        if stripped is None:
            raise
        return Image.open(io.BytesIO(stripped), formats=(kind,)), stripped


def _decode_whole(image: Image.Image, data: bytes, background: str, *, quick: bool) -> Shown:
    """All pixels and their opacity, or an exception.

    Decoders fill in missing pixels, and fail on data after the last pixel; both are checked. If the last pixels of a
    JPEG or PNG look filled in, its data must prove that they are not.
    """
    checked = _CHECKED.get(image.format or "")
    try:
        if checked is not None and not checked.has_end(data):
            raise OSError("image file is truncated")
        shown = _decode_as_it_is(image, data, background, quick=quick)
    except DAMAGE:
        whole = checked.complete_picture(data) if checked is not None else None
        if whole is None:
            raise
        return pillow_pixels(Image.open(io.BytesIO(whole), formats=("JPEG", "PNG")), background)
    if checked is not None and checked.looks_cut(shown[0]) and not checked.is_complete(data):
        raise OSError("pixels are missing at the end")
    return shown


def _decode_as_it_is(image: Image.Image, data: bytes, background: str, *, quick: bool) -> Shown:
    pixels = decode_fast(image, data) if quick and has_torch() else None
    if pixels is None:
        return pillow_pixels(image, background)
    return (pixels, None) if pixels.shape[2] == 3 else on_background(rgba_image(pixels), background)


def _apply_orientation(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Apply EXIF orientation 1 to 8."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
