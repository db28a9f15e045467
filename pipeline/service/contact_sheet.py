"""Several thumbnails as one picture with a number on each, for a program that looks at pictures.

What belongs here: laying out and numbering. Not here: which images (`agent.py`), Dagster's sheet (`assets/`).
"""

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

TILE, GAP, BAND = 176, 6, 22  # pixels
MOST_COLUMNS = 6
QUALITY = 82


def numbered_sheet(thumbnails: Sequence[bytes | None]) -> bytes:
    """A JPEG of the thumbnails in rows, each below its number, from 1 on; None leaves a gap. Needs at least one."""
    columns = min(MOST_COLUMNS, max(1, len(thumbnails)))
    rows = -(-len(thumbnails) // columns)
    size = (columns * (TILE + GAP) + GAP, rows * (TILE + BAND + GAP) + GAP)
    sheet = Image.new("RGB", size, "#f5f3ef")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for number, data in enumerate(thumbnails):
        left = GAP + number % columns * (TILE + GAP)
        top = GAP + number // columns * (TILE + BAND + GAP)
        draw.text((left + 2, top), str(number + 1), fill="#1c1a17", font=font)
        if data is None:
            continue
        with Image.open(io.BytesIO(data)) as opened:
            tile = opened.convert("RGB")
        tile.thumbnail((TILE, TILE))
        sheet.paste(tile, (left + (TILE - tile.width) // 2, top + BAND + (TILE - tile.height) // 2))
    return encoded(sheet, max(size))


def scaled(data: bytes, longest: int) -> bytes:
    """A stored picture as a JPEG whose longer side has at most that many pixels."""
    with Image.open(io.BytesIO(data)) as opened:
        return encoded(opened.convert("RGB"), longest)


def encoded(picture: Image.Image, longest: int) -> bytes:
    """A JPEG whose longer side has at most that many pixels."""
    picture.thumbnail((longest, longest))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
