"""Which known image a file shows: the bytes change when a keyword is written into it, the image does not.

What belongs here: the rule, and what is compared for it. Not here: where what is known lies (`storage/contents.py`),
decoding (`stages/images/decode.py`).

Decisions, cluster ids, vectors and thumbnails hang on an image's `content_hash`: the hash of the bytes in which it was
first seen. A file with other bytes is that image

1. if these bytes were resolved before, or an earlier version knew an image by them: what was told once stays,
2. if its pixels are the same; of several known images with these pixels the one that its key showed before,
3. if its key showed that image before and it looks nearly the same, as after saving it anew. This is all that can be
   compared where an earlier version kept no hash of the pixels.

Else it is an image of its own.
"""

import hashlib
import io
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet

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
# Both pictures are brought to a size that evens out the noise of compression. The fine one is for thin lines, as of a
# chart that is drawn anew under its name: their brightness differs there by 40 of 255, that of one saved anew by 15.
COARSE, FINE = (32, 32), (96, 96)
MOST_MEAN, MOST_COARSE, MOST_FINE = 2.0, 10.0, 20.0  # of 255: what saving anew changes, and no crop or other exposure
MOST_ASPECT = 0.02


def pixel_hash(pixels: np.ndarray, alpha: np.ndarray | None = None) -> str:
    """What uint8 [h, w, 3] pixels are called: SHA-256 cut to 16 bytes, which processors compute faster than BLAKE2.

    `alpha` is the opacity of those that are not all opaque: two white icons are the same pixels on a white ground.
    """
    found = hashlib.sha256(str(pixels.shape).encode())
    for values in (pixels, alpha):
        if values is not None:
            found.update(np.ascontiguousarray(values).data)
    return found.hexdigest()[:32]


def near_equal(one: bytes, other: bytes) -> bool:
    """Whether two thumbnails show the same picture up to the noise of compression."""
    with Image.open(io.BytesIO(one)) as first, Image.open(io.BytesIO(other)) as second:
        if abs(first.width * second.height - second.width * first.height) > MOST_ASPECT * first.width * second.height:
            return False
        coarse, fine = (_small(first, size) - _small(second, size) for size in (COARSE, FINE))
    alike = np.abs(coarse).mean() <= MOST_MEAN and np.abs(coarse).max() <= MOST_COARSE
    return bool(alike and np.abs(fine.mean(axis=2)).max() <= MOST_FINE)


def _small(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(image.convert("RGB").resize(size, Image.Resampling.BOX), dtype=np.float32)


class KnownImages:
    """What earlier runs and this one resolved. `stored` has `CONTENTS_SCHEMA`; `shown` is key → content_hash as the
    last run left it, for keys whose files changed; `named` are the hashes that its images are known by; `looks_like`
    compares a thumbnail with that of a known image.

    Held as sorted arrays: a million images take 130 MB, as dictionaries they would take several times that.
    """

    def __init__(
        self,
        stored: pl.DataFrame,
        shown: Mapping[str, str],
        named: AbstractSet[str],
        looks_like: Callable[[str, bytes], bool],
    ) -> None:
        self._shown, self._named, self._looks_like = shown, named, looks_like
        self._of_bytes = _Sorted(stored["content_hash"], stored["image"])
        self._of_pixels = _Sorted(stored["pixel_hash"], stored["image"])
        self._new_bytes: dict[str, str] = {}
        self._new_pixels: dict[str, list[str]] = {}
        self.found: list[tuple[str, str, str]] = []  # rows of `CONTENTS_SCHEMA` to be stored

    def of_bytes(self, digest: str) -> str:
        """The image that these bytes were resolved to, their own hash where they never were."""
        known = self._new_bytes.get(digest) or next(iter(self._of_bytes.get(digest)), None)
        return known or digest

    def resolve(self, key: str, digest: str, pixels: str, thumbnail: bytes | None) -> str:
        """The image (its content_hash) that a decoded file shows; remembered for what follows."""
        known = self._new_bytes.get(digest) or next(iter(self._of_bytes.get(digest)), None)
        if known is not None:
            return known
        image = self._same(key, digest, pixels, thumbnail)
        self._new_bytes[digest] = image
        same = self._new_pixels.setdefault(pixels, [])
        if image not in same:
            same.append(image)
        self.found.append((digest, pixels, image))
        return image

    def _same(self, key: str, digest: str, pixels: str, thumbnail: bytes | None) -> str:
        before = self._shown.get(key)
        if digest in self._named:
            return digest
        images = [*self._of_pixels.get(pixels), *self._new_pixels.get(pixels, [])]
        if images:
            return before if before in images else images[0]
        if before is not None and thumbnail is not None and self._looks_like(before, thumbnail):
            return before
        return digest


class _Sorted:
    """Text → texts, in the order in which they were stored, by bisection."""

    def __init__(self, names: pl.Series, values: pl.Series) -> None:
        keys = np.array(names.to_list(), dtype="S32")
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self._values = np.array(values.to_list(), dtype="S32")[order]

    def get(self, name: str) -> list[str]:
        start, stop = (int(np.searchsorted(self._keys, name.encode(), side)) for side in ("left", "right"))
        return [value.decode() for value in self._values[start:stop].tolist()]
