"""Which known image a file shows. Writing a keyword into a file changes its bytes, not its image.

What belongs here: the rule, and the comparison of pixels and thumbnails. Not here: storing the known images
(`storage/contents.py`), decoding (`stages/images/decode.py`).

Decisions, cluster ids, vectors and thumbnails refer to an image by its `content_hash`: the hash of the bytes in which
it was first seen. A file with other bytes shows that image

1. if these bytes were resolved before, or a stored image has their hash: a resolution never changes,
2. if its pixels are the same; among several known images with these pixels, the one that its key showed before,
3. if its key showed that image before and it looks nearly the same, as after saving it again, or is that picture
   turned or mirrored. Without a stored hash of the pixels, this is the only possible comparison.
4. if its key is new, and of the known images that its name may belong to (`other_names.py`) exactly one looks nearly
   the same, as after converting the library to another format.

Otherwise it is a new image.
"""

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import Literal

import numpy as np
import polars as pl
from PIL import Image

CONTENTS_SCHEMA = pl.Schema(
    {
        "content_hash": pl.String(),  # of the file's bytes
        "pixel_hash": pl.String(),  # of the upright pixels
        "image": pl.String(),  # the content_hash that the image is known by
    }
)
# Sizes at which the noise of compression evens out. The fine size is for thin lines: where a chart is redrawn under its
# old name, brightness differs by 40 of 255; where it is saved again, by 15. Colours of small flat pictures change most,
# because JPEG stores them at half the width: by 24 of 255 from quality 90 to 50, where brightness changes by 9.
COARSE, FINE = (32, 32), (96, 96)
MOST_MEAN, MOST_COARSE, MOST_FINE = 2.0, 10.0, 30.0  # of 255: more than saving again changes, less than any crop does
MOST_COLOUR = 28.0  # of 255, in any channel at the coarse size; `MOST_COARSE` is of brightness
BRIGHTNESS = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # of red, green, blue (BT.601, as in JPEG)
MOST_ASPECT = 0.02
TURNS = tuple(Image.Transpose)  # with the picture as it is, all turns by a quarter and mirror images
Likeness = Literal["same", "turned"]
RESIZED_MEAN, RESIZED_COARSE = 5.0, 32.0  # resizing by other filters, sharpening and stronger compression change more


def pixel_hash(pixels: np.ndarray, alpha: np.ndarray | None = None) -> str:
    """SHA-256 of uint8 [h, w, 3] pixels, cut to 16 bytes; processors compute it faster than BLAKE2.

    `alpha` is the opacity if not all pixels are opaque: on white, two different white icons have the same pixels.
    """
    digest = hashlib.sha256(str(pixels.shape).encode())
    for values in (pixels, alpha):
        if values is not None:
            digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()[:32]


def likeness(thumbnail: bytes, other: bytes) -> Likeness | None:
    """How alike two thumbnails are: the same picture up to the noise of compression, the same one turned by a quarter,
    a half or mirrored, or neither."""
    with Image.open(io.BytesIO(thumbnail)) as first, Image.open(io.BytesIO(other)) as second:
        if _near_equal(first, second):
            return "same"
        return "turned" if any(_near_equal(first, second.transpose(turn)) for turn in TURNS) else None


def _near_equal(first: Image.Image, second: Image.Image) -> bool:
    if abs(first.width * second.height - second.width * first.height) > MOST_ASPECT * first.width * second.height:
        return False
    coarse, fine = (_shrink(first, size) - _shrink(second, size) for size in (COARSE, FINE))
    alike = np.abs(coarse).mean() <= MOST_MEAN and np.abs(coarse).max() <= MOST_COLOUR
    return bool(
        alike and np.abs(coarse @ BRIGHTNESS).max() <= MOST_COARSE and np.abs(fine.mean(axis=2)).max() <= MOST_FINE
    )


def same_in_another_size(thumbnail: bytes, other: bytes) -> bool:
    """Whether two thumbnails show one picture that was resized: equal aspect, and equal look but for sharpness."""
    with Image.open(io.BytesIO(thumbnail)) as first, Image.open(io.BytesIO(other)) as second:
        if abs(first.width * second.height - second.width * first.height) > MOST_ASPECT * first.width * second.height:
            return False
        coarse = np.abs(_shrink(first, COARSE) - _shrink(second, COARSE))
    return bool(coarse.mean() <= RESIZED_MEAN and coarse.max() <= RESIZED_COARSE)


def _shrink(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(image.convert("RGB").resize(size, Image.Resampling.BOX), dtype=np.float32)


class KnownImages:
    """The resolutions of earlier runs and of this one.

    `stored` has `CONTENTS_SCHEMA`; `shown` is key → content_hash after the last run, for keys whose files changed;
    `named` are the content hashes of the last run; `looks_like` compares a thumbnail with that of a known image;
    `by_name` is key → known images that a new key may show by its name.
    Sorted arrays need 130 MB for a million images; dictionaries would need several times that.
    """

    def __init__(
        self,
        stored: pl.DataFrame,
        shown: Mapping[str, str],
        named: AbstractSet[str],
        looks_like: Callable[[str, bytes], Likeness | None],
        by_name: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        self._shown, self._named, self._looks_like, self._by_name = shown, named, looks_like, by_name
        self._of_bytes = _SortedLookup(stored["content_hash"], stored["image"])
        self._of_pixels = _SortedLookup(stored["pixel_hash"], stored["image"])
        looks = stored.unique(["image", "pixel_hash"])["image"]
        self._of_many_looks = set[str](looks.filter(looks.is_duplicated()))
        self._new_bytes: dict[str, str] = {}
        self._new_pixels: dict[str, list[str]] = {}
        self.new_rows: list[tuple[str, str, str]] = []  # rows of `CONTENTS_SCHEMA` to be stored

    def of_bytes(self, digest: str) -> str:
        """The content_hash that these bytes were resolved to, or their own hash if they never were."""
        image = self._new_bytes.get(digest) or next(iter(self._of_bytes.get(digest)), None)
        return image or digest

    def may_be_turned(self, image: str) -> bool:
        """Whether files with different pixels showed this image, so that its thumbnail may be that of another turn."""
        return image in self._of_many_looks

    def resolve(self, key: str, digest: str, pixels: str, thumbnail: bytes | None) -> str:
        """The image (its content_hash) that a decoded file shows; later files may resolve to it."""
        resolved = self._new_bytes.get(digest) or next(iter(self._of_bytes.get(digest)), None)
        if resolved is not None:
            return resolved
        image = self._find_image(key, digest, pixels, thumbnail)
        self._new_bytes[digest] = image
        same = self._new_pixels.setdefault(pixels, [])
        if image not in same:
            same.append(image)
        self.new_rows.append((digest, pixels, image))
        return image

    def _find_image(self, key: str, digest: str, pixels: str, thumbnail: bytes | None) -> str:
        before = self._shown.get(key)
        if digest in self._named:
            return digest
        images = [*self._of_pixels.get(pixels), *self._new_pixels.get(pixels, [])]
        if images:
            return before if before in images else images[0]
        if thumbnail is None:
            return digest
        if before is None:
            alike = [image for image in self._by_name.get(key, ()) if self._looks_like(image, thumbnail) == "same"]
            return alike[0] if len(alike) == 1 else digest
        likeness = self._looks_like(before, thumbnail)
        if likeness == "turned":
            self._of_many_looks.add(before)
        return before if likeness else digest


class _SortedLookup:
    """Text → texts in the order in which they were stored, looked up by bisection."""

    def __init__(self, names: pl.Series, values: pl.Series) -> None:
        keys = np.array(names.to_list(), dtype="S32")
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self._values = np.array(values.to_list(), dtype="S32")[order]

    def get(self, name: str) -> list[str]:
        start, stop = (int(np.searchsorted(self._keys, name.encode(), side)) for side in ("left", "right"))
        return [value.decode() for value in self._values[start:stop].tolist()]
