"""The digest of a category's objects, independent of their order.

What belongs here: the digest. Not here: which objects count (`stages/manifest/keys.py`), the stored digest
(`stages/manifest/build.py`), comparing it with the bucket (`stages/manifest/watch.py`).
"""

import hashlib
from dataclasses import dataclass

_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class CategoryDigest:
    """Number of image objects, and 16 hexadecimal digits over their keys, sizes and ETags."""

    count: int
    digest: str


class Tally:
    """Builds a `CategoryDigest` one object at a time. A sum of hashes, so neither order nor ticks matter."""

    def __init__(self, count: int = 0, total: int = 0) -> None:
        self.count: int = count
        self.total: int = total

    def add(self, key: str, size: int, etag: str) -> None:
        """Count one object. The caller leaves out hidden objects and objects that are no images."""
        hashed = hashlib.blake2b(f"{key}\0{size}\0{etag}".encode(), digest_size=8).digest()
        self.total = (self.total + int.from_bytes(hashed, "big")) & _MASK
        self.count += 1

    def result(self) -> CategoryDigest:
        """The digest of the objects added so far."""
        return CategoryDigest(self.count, f"{self.total:016x}")


EMPTY_DIGEST = Tally().result()
