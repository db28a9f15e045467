"""Whether an object that was read has as many bytes as its listing says.

What belongs here: the comparison, and the row of an unusable image whose size differs. Not here: reading
(`reading.py`), decoding (`stages/images/decode.py`).

A page of a captive portal, an empty answer or a file that is being replaced says nothing about the listed object.
Stored as that object's row, it would set the object aside until its listing changes, which is never.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from pipeline.errors import ObjectMissingError
from pipeline.stages.images.decode import ImageInfo, Rejected

T = TypeVar("T")


class AsListed:
    """The sizes that a listing gave, and those that differed.

    `sizes`: key → listed bytes; zero or less means unknown.
    """

    def __init__(self, sizes: Mapping[str, int] | None = None) -> None:
        self._sizes = sizes or {}
        self._other_sizes: dict[str, int] = {}  # key → bytes read, where another number was listed

    def watch(self, objects: Iterable[tuple[str, T]]) -> Iterator[tuple[str, T]]:
        """The same objects, noting those that have another size than was listed."""
        for key, value in objects:
            if isinstance(value, bytes) and 0 < self._sizes.get(key, 0) != len(value):
                self._other_sizes[key] = len(value)
            yield key, value

    def judge(self, key: str, image: ImageInfo | Rejected) -> ImageInfo | Rejected:
        """`image`; or, if it is unusable and not what was listed, a row that the next run reads again."""
        size = self._other_sizes.pop(key, None)
        if size is None or not isinstance(image, Rejected):
            return image
        return Rejected(
            ObjectMissingError.status,
            f"{size:,} bytes came where {self._sizes[key]:,} were listed, and they are no usable image "
            f"({image.reason}). The next run reads it again.",
        )
