"""The stage `images`: bytes → pixels, or a status with a reason.

- `formats.py`: the format and EXIF of a file, read without decoding its pixels.
- `jpeg.py`, `png.py`: whether a file has all of its pixels, and which parts they do not depend on.
- `heif.py`, `jpeg2000.py`, `webp.py`: what is special about these formats.
- `pixels.py`: colour modes and transparency; `colour.py`: colour profiles; `camera.py`: EXIF for people.
- `budget.py`: the memory of decoding; `attempts.py`: crashes of decoders.
- `decode.py`: pixels, thumbnails, and every way in which a file can be unusable; `torchvision_codecs.py`: the fast way
  for JPEG and WebP; `decode_ahead.py`: many images ahead, in order.
- `identity.py`: which known image a file shows.

Not here: reading objects and storing rows (`steps/ingest_pass.py`, `steps/ingest.py`).
"""
