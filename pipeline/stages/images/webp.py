"""Animated WebP files: the first picture, which is the one that is looked at.

What belongs here: cutting it out of the file. Not here: decoding (`stages/images/decode.py`).

Pillow prepares every WebP for playing, which takes 16 bytes for each pixel. The first picture alone takes half.
"""

from collections.abc import Iterator

_VP8X_ALPHA = 0x10


def first_picture(data: bytes) -> bytes | None:
    """The first picture of an animation as a file of its own; None if it does not cover the whole canvas."""
    chunks = list(_chunks(data, 12))
    extended = next((body for name, body in chunks if name == b"VP8X"), None)
    frame = next((body for name, body in chunks if name == b"ANMF"), None)
    if extended is None or frame is None or len(extended) < 10 or len(frame) < 16:
        return None
    if frame[:6] != bytes(6) or frame[6:12] != extended[4:10]:  # left and top; width and height
        return None
    inside = [(name, body) for name, body in _chunks(frame, 16) if name in (b"ALPH", b"VP8 ", b"VP8L")]
    if not inside or inside[-1][0] == b"ALPH":
        return None
    alpha = bytes([extended[0] & _VP8X_ALPHA, 0, 0, 0]) + extended[4:10]
    body = b"WEBP" + b"".join(_chunk(name, part) for name, part in [(b"VP8X", alpha), *inside])
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _chunks(data: bytes, at: int) -> Iterator[tuple[bytes, bytes]]:
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + size > len(data):
            return
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)
