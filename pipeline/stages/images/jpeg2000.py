"""JPEG 2000 files at a reduced scale: the decoder needs 16 to 20 bytes for each pixel.

What belongs here: how far a file must and can be reduced. Not here: decoding (`stages/images/decode.py`), the budget
(`stages/images/budget.py`).

A JPEG 2000 file holds its picture at several scales, each half as wide as the one before. What is embedded and shown is
hundreds of pixels wide, so a picture of 99 megapixels loses nothing by being read at half its width.
"""

import math

from PIL import Image

_SOC_SIZ, _COD, _SOT, _SOD = b"\xff\x4f\xff\x51", 0x52, 0x90, 0x93


def reduced(image: Image.Image, data: bytes, needed: int, most: int) -> int | str:
    """Make the opened image one that decodes in `most` bytes; the bytes that this needs, or why it is impossible.

    `needed` is for all pixels. `data` is the file.
    """
    if needed <= most:
        return needed
    halvings = math.ceil(math.log(needed / most, 4))
    if scales(data) < halvings:
        return (
            f"Decoding {image.width} x {image.height} pixels of this JPEG 2000 file needs {needed / 1e6:,.0f} MB, more "
            f"than decode_megabytes = {most / 1e6:g}, and the file has no smaller scale."
        )
    image.reduce = halvings  # pyright: ignore[reportAttributeAccessIssue]  # of Pillow's class for JPEG 2000
    return needed // 4**halvings


def scales(data: bytes) -> int:
    """How often the width of the picture can be halved; 0 if the header does not say."""
    at = data.find(_SOC_SIZ) + 2
    while at >= 2 and at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] not in (_SOT, _SOD):
        if data[at + 1] == _COD:  # length, style, progression, layers, transform, levels
            return data[at + 9] if at + 9 < len(data) else 0
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return 0
