"""The stage `images`: bytes → pixels, or a status with a reason.

- `formats.py`: what a file says of itself before its pixels are decoded.
- `decode.py`: pixels, thumbnails, and every way in which a file can be unusable.

Not here: reading objects and storing rows (`steps/ingest.py`).
"""
