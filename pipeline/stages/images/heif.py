"""HEIC files, which iPhones write: Pillow's door to libheif.

What belongs here: making Pillow able to open them. Not here: what a file is (`formats.py`), decoding (`decode.py`).

libheif turns and mirrors the picture itself, as its boxes say, and pi-heif then resets the EXIF orientation to 1. Of a
burst or a live photo the primary picture is opened, which is the one that viewers show. A file that is cut off is an
error: libheif reads each picture's data whole or not at all.
"""

import functools


@functools.cache
def teach_pillow() -> None:
    """Register the format HEIF with Pillow. Later calls do nothing; the import waits until a file needs it."""
    import pi_heif

    pi_heif.register_heif_opener(thumbnails=False, decode_threads=1)  # decoders run in threads of ours
