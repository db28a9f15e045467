"""What a camera recorded about a picture (EXIF), in words and numbers for people.

What belongs here: reading these values from the bytes of an image. Not here: the orientation, time and place that the
pipeline uses (`formats.py`), pixels (`decode.py`).
"""

import io
import math
from collections.abc import Mapping
from typing import Any

from PIL import ExifTags, Image

from pipeline.stages.images.formats import DAMAGE, exif_text, read_exif


def read_camera(data: bytes, kind: str) -> dict[str, str | float | None]:
    """Camera, lens, software and artist as text; exposure (s), aperture (f-number), iso, focal_length (mm), latitude
    and longitude (degrees) as numbers; taken_at as ISO 8601 without a zone. Missing and damaged values are None.

    `data` may end after the header; `kind` is Pillow's name of the format.
    """
    try:
        with Image.open(io.BytesIO(data), formats=(kind,)) as image:
            tags = image.getexif()
            block: Mapping[int, Any] = tags.get_ifd(ExifTags.IFD.Exif)
            place = read_exif(image)
    except DAMAGE:
        return {}
    return {
        "camera": place.camera,
        "lens": exif_text(block.get(ExifTags.Base.LensModel)),
        "exposure": _number(block.get(ExifTags.Base.ExposureTime)),
        "aperture": _number(block.get(ExifTags.Base.FNumber)),
        "iso": _number(block.get(ExifTags.Base.ISOSpeedRatings)),
        "focal_length": _number(block.get(ExifTags.Base.FocalLength)),
        "software": exif_text(tags.get(ExifTags.Base.Software)),
        "artist": exif_text(tags.get(ExifTags.Base.Artist)),
        "taken_at": place.taken_at.isoformat() if place.taken_at else None,
        "latitude": place.latitude,
        "longitude": place.longitude,
    }


def _number(value: Any) -> float | None:
    """A positive number; cameras write 0 for what they do not know."""
    values: Any = value if isinstance(value, tuple) else (value,)
    try:
        number = float(values[0])
    except (IndexError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) and number > 0 else None
