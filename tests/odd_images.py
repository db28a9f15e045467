"""Every odd kind of file that a bucket holds, made in memory, with what must become of it.

What belongs here: making files. Not here: what is asserted of them (`tests/stages/test_images.py` and others).
"""

import io
import random
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, TiffImagePlugin

from tests.profiles import DISPLAY_P3, rgb_profile

HEIC = Path(__file__).parent / "data" / "heic"
ODD_HEIC = ("plain", "turned", "burst", "clear")
RED, GREEN, BLUE, YELLOW = (200, 30, 30), (30, 160, 30), (30, 30, 200), (220, 200, 40)


@dataclass(frozen=True)
class Odd:
    """One file. `corners` are the upright picture's colours (left to right, then down), if known."""

    data: bytes
    status: str
    corners: tuple[tuple[int, int, int], ...] | None = (RED, GREEN, BLUE, YELLOW)
    tolerance: int = 12


def quadrants(width: int = 96, height: int = 64) -> Image.Image:
    """Four plain fields, so that every flip and every colour mistake shows."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2], pixels[: height // 2, width // 2 :] = RED, GREEN
    pixels[height // 2 :, : width // 2], pixels[height // 2 :, width // 2 :] = BLUE, YELLOW
    return Image.fromarray(pixels)


def photograph(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Uint8 [height, width, 3] with the spectrum of a photograph: broad shapes, finer detail, a little noise."""
    random = np.random.default_rng(seed)
    total = np.full((height, width, 3), 120.0, np.float32)
    for cells in (4, 16, 64, 200):
        shape = (max(2, height * cells // 800), max(2, width * cells // 800))
        for channel in range(3):
            layer = Image.fromarray(random.normal(size=shape).astype(np.float32))
            total[..., channel] += np.asarray(layer.resize((width, height), Image.Resampling.BICUBIC)) * (
                120 / cells**0.5
            )
    total += random.normal(size=(height, width, 1)) * 3
    return np.clip(total, 0, 255).astype(np.uint8)


def encoded(image: Image.Image | np.ndarray, kind: str, **options: Any) -> bytes:
    """The image as a file of Pillow's format `kind`."""
    out = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(out, kind, **options)
    return out.getvalue()


def with_exif(orientation: int, *, kind: str = "JPEG", **tags: Any) -> bytes:
    """The quadrants stored so that `orientation` (EXIF 1 to 8) brings them upright. `tags`: taken, latitude,
    longitude."""
    undo = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    stored = quadrants() if undo is None else quadrants().transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = orientation
    if "taken" in tags:
        exif.get_ifd(0x8769)[0x9003] = tags["taken"]
    if "latitude" in tags:
        exif.get_ifd(0x8825).update({1: "S", 2: tags["latitude"], 3: "E", 4: tags["longitude"]})
    return encoded(stored, kind, exif=exif, **({"quality": 95} if kind != "PNG" else {}))


def mutated(rng: random.Random) -> bytes:
    """An image file with bytes changed, cut out, doubled or appended."""
    kind = rng.choice(["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "JPEG2000"])
    data = bytearray(encoded(photograph(rng.randint(8, 90), rng.randint(8, 90), rng.randrange(1 << 30)), kind))
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data))
        match rng.randrange(5):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at : at + rng.randint(1, 40)] = rng.randbytes(rng.randint(1, 40))
            case 2:
                del data[at : at + rng.randint(1, 200)]
            case 3:
                data[at:at] = data[at : at + rng.randint(1, 200)]
            case _:
                data += rng.randbytes(rng.randint(1, 500))
        data = data or bytearray(b"\0")
    return bytes(data)


def odd_images() -> dict[str, Odd]:
    """All kinds by name."""
    return _rejected() | _modes() | _formats()


def _rejected() -> dict[str, Odd]:
    jpeg, picture = encoded(photograph(160, 120), "JPEG", quality=90), photograph(160, 120)
    bomb = bytearray(encoded(Image.new("1", (8, 8)), "PNG"))
    bomb[16:24] = struct.pack(">II", 60_000, 60_000)
    bomb[29:33] = struct.pack(">I", zlib.crc32(bytes(bomb[12:29])))
    cut = {
        f"truncated {kind}": encoded(picture, kind)[:-400]
        for kind in ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")
    }
    broken = {"empty": b"", "jpeg header only": jpeg[:20], "half a jpeg": jpeg[: len(jpeg) // 2], **cut}
    broken["cut heic"] = (HEIC / "plain.heic").read_bytes()[:-100]
    broken["heic header only"] = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)
    foreign = {
        "html": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
        "text": b"this is not an image\n",
        "json": b'{"error": "AccessDenied"}',
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>',
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n(/tmp/x) (w) file\n",
        "pdf": b"%PDF-1.7\n",
        "canon raw": b"II*\0\x10\0\0\0CR\2\0" + bytes(64),
        "canon raw 3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(64),
        "fuji raw": b"FUJIFILMCCD-RAW 0201" + bytes(64),
        "dng": _dng(),
        "jpeg xl": b"\xff\x0a" + bytes(64),
        "mp4": b"\0\0\0\x18ftypisom\0\0\0\0isomiso2" + bytes(64),
        "noise": bytes(range(128, 256)) * 3,
        "zeros": bytes(500),
    }
    return {
        **{name: Odd(data, "broken", None) for name, data in broken.items()},
        **{name: Odd(data, "not_an_image", None) for name, data in foreign.items()},
        "bomb": Odd(bytes(bomb), "too_large", None),
    }


def _modes() -> dict[str, Odd]:
    rgb = quadrants()
    grey = ((76, 76, 76),) * 4
    clear = rgb.convert("RGBA")
    clear.putalpha(Image.new("L", rgb.size, 0))
    palette = rgb.quantize(8)
    transparent = palette.getpixel((2, 2))
    white = ((255, 255, 255),) * 4
    sixteen = Image.fromarray(np.full((64, 96), 76 * 257, np.uint16))
    lab = ImageCms.applyTransform(
        rgb, ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    )
    return {
        "palette": Odd(encoded(palette, "PNG"), "ok"),
        "palette with a transparent colour": Odd(
            encoded(palette, "PNG", transparency=transparent), "ok", (white[0], GREEN, BLUE, YELLOW)
        ),
        "fully transparent": Odd(encoded(clear, "PNG"), "ok", white),
        "transparent webp": Odd(encoded(clear, "WEBP", exact=True), "ok", white),
        "grey": Odd(encoded(Image.new("L", (96, 64), 76), "JPEG"), "ok", grey),
        "grey with alpha": Odd(encoded(Image.new("LA", (96, 64), (76, 0)), "PNG"), "ok", white),
        "16-bit grey png": Odd(encoded(sixteen, "PNG"), "ok", grey, 1),
        "16-bit grey tiff": Odd(encoded(sixteen, "TIFF"), "ok", grey, 1),
        "16-bit colour png": Odd(_png16(), "ok", ((200, 30, 30),) * 4, 1),
        "float tiff": Odd(encoded(Image.new("F", (96, 64), 76 / 255), "TIFF"), "ok", None),
        "1-bit": Odd(encoded(Image.new("1", (96, 64), 1), "PNG"), "ok", white),
        "cmyk jpeg": Odd(encoded(rgb.convert("CMYK"), "JPEG", quality=95), "ok", None),
        "cmyk tiff": Odd(encoded(rgb.convert("CMYK"), "TIFF"), "ok"),
        "lab tiff": Odd(encoded(lab, "TIFF"), "ok", tolerance=16),
        "animated gif": Odd(
            encoded(rgb, "GIF", save_all=True, append_images=[Image.new("RGB", rgb.size)] * 3, duration=50), "ok"
        ),
        "animated webp": Odd(
            encoded(rgb, "WEBP", save_all=True, append_images=[Image.new("RGB", rgb.size)] * 3, quality=95), "ok"
        ),
        "one pixel": Odd(encoded(Image.new("RGB", (1, 1), RED), "PNG"), "ok", (RED,) * 4),
        "a thread": Odd(encoded(Image.new("RGB", (6000, 1), RED), "PNG"), "ok", (RED,) * 4),
    }


def _formats() -> dict[str, Odd]:
    rgb = quadrants()
    kinds: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": 95}, "PNG": {}, "GIF": {}, "BMP": {}, "TIFF": {}, "PPM": {}, "JPEG2000": {}, "SGI": {},
        "PCX": {}, "WEBP": {"lossless": True}, "AVIF": {"quality": 95}, "QOI": {}, "ICO": {"sizes": [(96, 64)]},
    }  # fmt: skip
    files = {kind: Odd(encoded(rgb, kind, **options), "ok") for kind, options in kinds.items()}
    white = ((255, 255, 255),) * 4
    heic = {f"{name} heic": (HEIC / f"{name}.heic").read_bytes() for name in ODD_HEIC}
    return {
        **files,
        "pages tiff": Odd(encoded(rgb, "TIFF", save_all=True, append_images=[Image.new("RGB", (9, 9))]), "ok"),
        "display p3": Odd(encoded(rgb, "JPEG", quality=95, icc_profile=rgb_profile(DISPLAY_P3)), "ok", tolerance=40),
        **{name: Odd(data, "ok", white) if name == "clear heic" else Odd(data, "ok") for name, data in heic.items()},
        "progressive jpeg": Odd(encoded(rgb, "JPEG", quality=95, progressive=True), "ok"),
        "rgb jpeg": Odd(encoded(rgb, "JPEG", quality=95, keep_rgb=True), "ok"),
        "lossy webp": Odd(encoded(rgb, "WEBP", quality=95), "ok"),
        "jpeg with a tail": Odd(encoded(rgb, "JPEG", quality=95) + b"\0" * 100, "ok"),
        **{f"orientation {number}": Odd(with_exif(number), "ok") for number in range(1, 9)},
        "oriented webp": Odd(with_exif(6, kind="WEBP"), "ok"),
        "oriented png": Odd(with_exif(6, kind="PNG"), "ok"),
        "oriented tiff": Odd(_oriented_tiff(), "ok"),
        "damaged exif": Odd(
            encoded(rgb, "JPEG", quality=95, exif=b"Exif\0\0II*\0\xff\xff\xff\x7f" + b"\xaa" * 40), "ok"
        ),
    }


def _dng() -> bytes:
    """A RAW file as cameras and converters write it: a TIFF whose first picture is a small preview."""
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[254], info[50706] = 1, b"\1\4\0\0"
    return encoded(quadrants(), "TIFF", tiffinfo=info)


def _oriented_tiff() -> bytes:
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[274] = 6
    return encoded(quadrants().transpose(Image.Transpose.ROTATE_90), "TIFF", tiffinfo=info)


def _png16() -> bytes:
    """A PNG of 16 bits per channel, which Pillow cannot write."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    row = b"\0" + struct.pack(">HHH", 200 * 257, 30 * 257, 30 * 257) * 96
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 96, 64, 16, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(row * 64)) + chunk(b"IEND", b"")
