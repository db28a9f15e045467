"""The stage `images`: bytes → pixels, or a status with a reason.

- `formats.py`: the format and EXIF of a file, read without decoding its pixels.
- `jpeg.py`, `png.py`: whether a file has all of its pixels, and which parts they do not depend on.
- `pixels.py`: colour modes and transparency; `budget.py`: the memory of decoding; `attempts.py`: crashes of decoders.
- `decode.py`: pixels, thumbnails, and every way in which a file can be unusable.
- `identity.py`: which known image a file shows.

Not here: reading objects and storing rows (`steps/ingest.py`).
"""
