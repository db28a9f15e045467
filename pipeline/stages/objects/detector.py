"""The interface of a detector: a model that finds the objects in an image.

What belongs here: the interface, and the boxes of many images. Not here: detectors (`adapters/detectors/`), which boxes
count (`boxes.py`), storing what was found (`steps/detected.py`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from pipeline.settings import ImageParams
from pipeline.stages.images.attempts import Attempts
from pipeline.stages.images.decode import Decoded, Rejected
from pipeline.stages.images.decode_ahead import decode_ahead
from pipeline.stages.objects.boxes import Found, rounded

LEAST_SCORE = 0.05  # boxes below it are not kept, whatever objects.min_score is
MOST_BOXES = 300  # of one image; torchvision's and DETR's own limits are 100 to 300


class Detector(Protocol):
    """A model that finds objects. `prepare` is called from several threads at once, `detect` from one."""

    @property
    def name(self) -> str:
        """The spec as given in the settings, such as salient:."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digest of weights, preprocessing and words. Equal ones find the same boxes."""
        ...

    @property
    def device(self) -> str:
        """The device in use, such as CPU (OpenVINO, fp32)."""
        ...

    def prepare(self, pixels: np.ndarray) -> Any:
        """Uint8 [h, w, 3] → what `detect` needs, small enough to keep several in memory."""
        ...

    def detect(self, prepared: Any) -> list[Found]:
        """The boxes of one image with label and score, as shares of its width and height; in any order."""
        ...


@dataclass(frozen=True)
class Seen:
    """The boxes of one image, the surest first, or why there are none; `digest` is the hash of the bytes read."""

    key: str
    found: list[Found] | Rejected
    digest: str


def detect_all(
    items: Iterable[tuple[str, bytes | Exception]],
    detector: Detector,
    *,
    params: ImageParams,
    threads: int = 0,
    attempts: Attempts | None = None,
) -> Iterator[Seen]:
    """One result per image, in order. `threads` 0: one per usable core. Raises what `items` holds, `EncoderError`."""

    def prepare(_: str, decoded: Decoded) -> tuple[str, Any]:
        return decoded.content_hash, detector.prepare(decoded.pixels)

    for key, made in decode_ahead(items, prepare, params=params, threads=threads, attempts=attempts):
        if isinstance(made, Rejected):
            yield Seen(key, made, made.content_hash or "")
        else:
            yield Seen(key, kept(detector.detect(made[1])), made[0])


def kept(found: list[Found]) -> list[Found]:
    """The boxes worth keeping, the surest first, cut to the image."""
    usable = [one for one in found if one.box is not None and (one.score is None or one.score >= LEAST_SCORE)]
    usable.sort(key=lambda one: (-(one.score or 0.0), one.box or ()))
    return [
        Found(rounded(one.box), one.label, one.score, one.source) for one in usable[:MOST_BOXES] if one.box is not None
    ]
