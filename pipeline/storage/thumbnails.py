"""Thumbnails by content hash, one small file each, written when an image is first decoded.

What belongs here: storing and reading thumbnail bytes. Not here: making them (`stages/images/decode.py`), making a lost
one again (`steps/thumbnails.py`).

A thumbnail is a JPEG whose comment holds a digest of its other bytes and its content hash. So every read sees whether
it is as it was written, and whether it is that of another image. Thumbnails of earlier versions have no comment: of
these only the start and the end are checked.
"""

import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path

from pipeline.storage.full_disk import writing

_START, _END = b"\xff\xd8", b"\xff\xd9"
_STARTS = (_START, b"RIFF", b"\x89PNG")  # JPEG, and the formats of earlier versions
_MARK = b"image-cluster digest "
_DIGEST = 32  # letters
_APP0, _COMMENT = b"\xff\xe0", b"\xff\xfe"
_HEAD = 128  # the comment lies within these first bytes


class ThumbnailStore:
    """Thumbnails below one folder, in 256 subfolders, so that no folder gets too large."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, content_hash: str) -> Path:
        return self.root / content_hash[:2] / content_hash

    def write(self, content_hash: str, data: bytes, *, again: bool = False) -> None:
        """Store a thumbnail unless a whole one exists; `again` replaces it.

        Not synced to disk: a cache may lose its last second.
        """
        if not again and self.has(content_hash):
            return
        path = self.path(content_hash)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with writing(path):
                temporary.write_bytes(_sealed(content_hash, data))
            temporary.replace(path)
        except BaseException:  # also Ctrl-C: half a thumbnail must not stay behind
            temporary.unlink(missing_ok=True)
            raise

    def has(self, content_hash: str) -> bool:
        """Whether there is a whole one."""
        return self.read(content_hash) is not None

    def stamp(self, content_hash: str) -> int:
        """When it was written, in nanoseconds; 0 if there is none."""
        try:
            return self.path(content_hash).stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def stored(self) -> Iterator[Path]:
        """The files of all thumbnails; each is named by its content hash."""
        return (path for path in self.root.glob("*/*") if not path.name.startswith("."))

    def read(self, content_hash: str) -> bytes | None:
        """The thumbnail; None if there is none, or if it is damaged."""
        try:
            data = self.path(content_hash).read_bytes()
        except FileNotFoundError:
            return None
        return data if is_whole(content_hash, data) else None


def is_whole(content_hash: str, data: bytes) -> bool:
    """Whether a stored thumbnail is as it was written for this image."""
    at = data.find(_MARK, 0, _HEAD)
    if at < 0:
        return _looks_whole(data)
    length = len(_MARK) + _DIGEST + 2
    if data[at - 4 : at] != _COMMENT + length.to_bytes(2):
        return False
    digest = data[at + len(_MARK) : at + len(_MARK) + _DIGEST]
    plain = data[: at - len(_COMMENT) - 2] + data[at + len(_MARK) + _DIGEST :]
    return digest == _digest(content_hash, plain)


def _looks_whole(data: bytes) -> bool:
    """Whether a thumbnail without a digest has its start and, if its format has one, its end."""
    if data.startswith(_START):
        return data.endswith(_END)
    if data.startswith(b"RIFF"):
        return int.from_bytes(data[4:8], "little") + 8 <= len(data)
    return data.startswith(_STARTS)


def _sealed(content_hash: str, data: bytes) -> bytes:
    """The JPEG with a comment that holds its digest, behind the first segment, where decoders expect comments."""
    if not data.startswith(_START):
        return data
    at = len(_START)
    if data[at : at + 2] == _APP0:
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    text = _MARK + _digest(content_hash, data)
    comment = _COMMENT + (len(text) + 2).to_bytes(2) + text
    return data[:at] + comment + data[at:]


def _digest(content_hash: str, plain: bytes) -> bytes:
    return hashlib.blake2b(content_hash.encode() + plain, digest_size=_DIGEST // 2).hexdigest().encode()
