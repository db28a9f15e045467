"""Thumbnails by content hash, one small file each, written when an image is first decoded.

What belongs here: storing and reading thumbnail bytes. Not here: making them (`stages/images/decode.py`). A deleted
thumbnail is made again when its image is read again: see `image-cluster doctor --repair`.
"""

import secrets
from collections.abc import Iterator
from pathlib import Path


class ThumbnailStore:
    """Thumbnails below one folder, in 256 subfolders, so that no folder gets too large."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, content_hash: str) -> Path:
        return self.root / content_hash[:2] / content_hash

    def write(self, content_hash: str, data: bytes) -> None:
        """Store a thumbnail unless it exists. Not synced to disk: a cache may lose its last second."""
        path = self.path(content_hash)
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        temporary.write_bytes(data)
        temporary.replace(path)

    def has(self, content_hash: str) -> bool:
        """Whether there is one."""
        return self.path(content_hash).exists()

    def stored(self) -> Iterator[Path]:
        """The files of all thumbnails; each is named by its content hash."""
        return (path for path in self.root.glob("*/*") if not path.name.startswith("."))

    def read(self, content_hash: str) -> bytes | None:
        path = self.path(content_hash)
        return path.read_bytes() if path.exists() else None
