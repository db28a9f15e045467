"""The format of a file, and when, where and with what it was taken, read without decoding its pixels.

What belongs here: signatures, EXIF, and the exceptions that damaged data raises. Not here: pixels
(`stages/images/decode.py`).
"""

import math
import re
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from PIL import ExifTags, Image

# The first bytes of each format. Pillow is never asked for any other: these decode inside the process, and none starts
# a program or needs to guess, as EPS, WMF and PSD do.
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"), (b"\x89PNG\r\n\x1a\n", "PNG"), (b"GIF87a", "GIF"), (b"GIF89a", "GIF"), (b"BM", "BMP"),
    (b"II*\0", "TIFF"), (b"MM\0*", "TIFF"), (b"II+\0", "TIFF"), (b"MM\0+", "TIFF"), (b"qoif", "QOI"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"), (b"\xff\x4f\xff\x51", "JPEG2000"), (b"\0\0\1\0", "ICO"),
    (b"\x01\xda", "SGI"), *((b"\n" + bytes([version, 1]), "PCX") for version in (0, 2, 3, 5)),
    *((b"P%c%c" % (kind, space), "PPM") for kind in b"123456f" for space in b"\n \t\r"),
)  # fmt: skip
RAW = "a camera's RAW file: develop it to JPEG, TIFF or HEIC, or let the camera store a JPEG beside it"
_FOREIGN: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document"), (b"%!PS", "a PostScript file"), (b"8BPS", "a Photoshop file"),
    (b"PK\x03\x04", "a ZIP archive or office document"), (b"\x1f\x8b", "gzip-compressed data"),
    (b"\xff\x0a", "a JPEG XL image, which is not supported: convert it to JPEG, PNG or WebP"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image, which is not supported: convert it to JPEG, PNG or WebP"),
    *((start, RAW) for start in (b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FUJIFILMCCD-RAW", b"FOVb", b"\0MRM")),
)  # fmt: skip
TEXT = 120  # characters of a text that are kept
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}

# What Pillow and its decoders raise on damaged data. MemoryError is handled separately.
DAMAGE = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError, RuntimeError, AttributeError,
    AssertionError, struct.error, zlib.error,
)  # fmt: skip


@dataclass(frozen=True)
class Exif:
    """EXIF: orientation 1 to 8 (1 is upright), local time of the camera's clock, degrees north and east, and the
    camera's maker and model."""

    orientation: int = 1
    taken_at: datetime | None = None
    latitude: float | None = None
    longitude: float | None = None
    camera: str | None = None


def identify(data: bytes) -> tuple[str | None, str]:
    """Pillow's name of the format, or None and a description of what the data is instead."""
    head = data[:64]
    if head[8:10] == b"CR" and head[:4] in (b"II*\0", b"MM\0*"):
        return None, RAW
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP", ""
    if head[4:8] == b"ftyp":
        return _identify_container(head)
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind, ""
    for signature, description in _FOREIGN:
        if head.startswith(signature):
            return None, description
    text = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    readable = bool(text) and all(byte >= 32 or byte in b"\t\r\n" for byte in text)
    unknown = "text" if readable else f"data of an unknown kind, beginning {head[:8].hex(' ')}"
    return None, "markup (HTML, XML or SVG), not a bitmap" if text.startswith(b"<") else unknown


def _identify_container(head: bytes) -> tuple[str | None, str]:
    size = int.from_bytes(head[:4], "big")
    brands = {head[start : start + 4] for start in range(8, min(len(head), size), 4) if start != 12}
    if brands & {b"avif", b"avis"}:
        return "AVIF", ""
    if brands & _HEIC_BRANDS:
        return "HEIF", ""
    return None, RAW if b"crx " in brands else "a video or another container of media"


def is_raw(image: Image.Image) -> bool:
    """Whether an opened TIFF is a camera's RAW file, such as DNG, NEF or ARW: its first picture is only a preview."""
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    reduced = int(tags.get(ExifTags.Base.NewSubfileType, 0)) & 1
    return ExifTags.Base.DNGVersion in tags or bool(reduced and ExifTags.Base.SubIFDs in tags)


def read_exif(image: Image.Image) -> Exif:
    """Orientation, time, place and camera. Damaged EXIF counts as missing: the pixels may be sound."""
    try:
        tags = image.getexif()
        orientation = tags.get(ExifTags.Base.Orientation)
        taken = _time_taken(tags.get_ifd(ExifTags.IFD.Exif), tags)
        place = tags.get_ifd(ExifTags.IFD.GPSInfo)
    except DAMAGE:
        return Exif()
    latitude = _degrees(place.get(ExifTags.GPS.GPSLatitude), place.get(ExifTags.GPS.GPSLatitudeRef), "S", 90)
    longitude = _degrees(place.get(ExifTags.GPS.GPSLongitude), place.get(ExifTags.GPS.GPSLongitudeRef), "W", 180)
    if latitude is None or longitude is None:
        latitude = longitude = None
    upright = orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1
    return Exif(upright, _parse_time(taken), latitude, longitude, camera_name(tags))


def camera_name(tags: Mapping[int, Any]) -> str | None:
    """Maker and model of the camera; the maker once, because many models begin with it."""
    maker, model = exif_text(tags.get(ExifTags.Base.Make)), exif_text(tags.get(ExifTags.Base.Model))
    if maker is None or (model or "").casefold().startswith(maker.casefold()):
        return model
    return f"{maker} {model or ''}".strip()


def exif_text(value: Any) -> str | None:
    """A text as one line that can be shown, at most `TEXT` characters; None for anything else."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value if isinstance(value, str) else ""
    clean = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return clean[:TEXT] or None


def _time_taken(block: Mapping[int, Any], beside: Mapping[int, Any]) -> Any:
    """When the picture was taken, else digitized. Some programs write it `beside` the block that it belongs in."""
    for tag in (ExifTags.Base.DateTimeOriginal, ExifTags.Base.DateTimeDigitized):
        for tags in (block, beside):
            if _parse_time(tags.get(tag)):
                return tags.get(tag)
    return None


def _parse_time(value: Any) -> datetime | None:
    try:
        return datetime.strptime(str(value).strip(" \0")[:19], "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007
    except ValueError:
        return None


def _degrees(value: Any, reference: Any, negative: str, bound: float) -> float | None:
    """Degrees, minutes and seconds as one number; None if they are not three numbers or lie outside ±`bound`."""
    try:
        degrees, minutes, seconds = (float(part) for part in value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    total = degrees + minutes / 60 + seconds / 3600
    if not math.isfinite(total) or abs(total) > bound:
        return None
    name = reference.decode("latin-1") if isinstance(reference, bytes) else str(reference)
    return -total if name.strip(" \0").upper().startswith(negative) else total


def one_line(error: BaseException) -> str:
    """The error's text without memory addresses, so that it is the same in every run."""
    text = re.sub(r"<[^<>]* at 0x[0-9a-fA-F]+>", "", str(error))
    return " ".join(text.split()).rstrip(".")[:200] or type(error).__name__
