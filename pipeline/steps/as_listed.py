"""Whether the bytes that came are those that were listed, by their number.

What belongs here: the comparison, and what follows for unusable bytes. Not here: reading (`reading.py`),
decoding (`stages/images/decode.py`).

A page of a captive portal, an empty answer or a file that is just being replaced says nothing of the listed object. If
it were stored as that object's row, the object would be set aside until its listing changes, which is never.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from pipeline.errors import ObjectMissingError
from pipeline.stages.images.decode import ImageInfo, Rejected

T = TypeVar("T")


class AsListed:
    """`sizes`: key → listed bytes; zero and less are unknown."""

    def __init__(self, sizes: Mapping[str, int] | None = None) -> None:
        self._sizes = sizes or {}
        self._came: dict[str, int] = {}  # bytes of objects, by key, of which another number was listed

    def watch(self, objects: Iterable[tuple[str, T]]) -> Iterator[tuple[str, T]]:
        """The same objects, noting those that have another size than was listed."""
        for key, value in objects:
            if isinstance(value, bytes) and 0 < self._sizes.get(key, 0) != len(value):
                self._came[key] = len(value)
            yield key, value

    def judge(self, key: str, image: ImageInfo | Rejected) -> ImageInfo | Rejected:
        """`image`; or, if it is unusable and not what was listed, a row that the next run reads again."""
        came = self._came.pop(key, None)
        if came is None or not isinstance(image, Rejected):
            return image
        return Rejected(
            ObjectMissingError.status,
            f"{came:,} bytes came where {self._sizes[key]:,} were listed, and they are no usable image "
            f"({image.reason}). The next run reads it again.",
        )
