"""Which boxes of a detector are kept, and that each image is looked at in its turn."""

import io

import numpy as np
from PIL import Image

from pipeline.settings import ImageParams
from pipeline.stages.images.decode import Rejected
from pipeline.stages.objects.boxes import Box, Found
from pipeline.stages.objects.detector import MOST_BOXES, detect_all, kept


def test_of_many_boxes_the_surest_are_kept_and_the_faintest_never() -> None:
    many = [Found(Box(0, 0, 0.5, 0.5), score=n / 1000) for n in range(1000)]
    result = kept(many)
    assert len(result) == MOST_BOXES
    assert result[0].score == 0.999
    assert kept([Found(Box(0, 0, 0.5, 0.5), score=0.01)]) == []


def test_boxes_that_reach_outside_are_cut_to_the_image() -> None:
    (one,) = kept([Found(Box(-0.1, 0.5, 0.3, 0.7), "post", 0.9, "x")])
    assert one == Found(Box(0.0, 0.5, 0.2, 0.5), "post", 0.9, "x")


class WidthDetector:
    """Tells the width of a picture as a score."""

    name, fingerprint, device = "width", "f", "CPU"

    def prepare(self, pixels: np.ndarray) -> int:
        return pixels.shape[1]

    def detect(self, prepared: int) -> list[Found]:
        return [Found(Box(0, 0, 1, 1), "", prepared / 100, self.name)]


def png(width: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, 20)).save(out, "PNG")
    return out.getvalue()


def test_images_are_seen_in_their_order_and_one_that_cannot_be_decoded_has_a_reason() -> None:
    items = [("a", png(30)), ("b", b"noise"), *((str(width), png(width)) for width in range(20, 40))]
    seen = list(detect_all(items, WidthDetector(), params=ImageParams()))
    assert [one.key for one in seen] == [key for key, _ in items]
    assert isinstance(seen[1].found, Rejected)
    assert [one.found[0].score for one in seen if not isinstance(one.found, Rejected)] == [
        0.3, *(width / 100 for width in range(20, 40))
    ]  # fmt: skip
