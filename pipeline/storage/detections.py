"""What a detector found in each image: append-only parts of `DETECTIONS_SCHEMA`, one folder per category.

What belongs here: storing and reading boxes by image. Not here: which of them count (`stages/objects/boxes.py`).

It is a cache of the detector's work: what is lost is found again.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from pipeline.stages.objects.boxes import Box, Found
from pipeline.storage.row_parts import RowParts

DETECTIONS_SCHEMA = pl.Schema(
    {
        "content_hash": pl.String(),  # of the image
        "boxes": pl.List(
            pl.Struct(
                {
                    **dict.fromkeys(("x", "y", "w", "h"), pl.Float64()),  # shares of the upright image
                    "label": pl.String(),
                    "score": pl.Float64(),
                }
            )
        ),
    }
)


class DetectionStore:
    """The boxes that one detector found; `root` is `Layout.detections` of its fingerprint, `name` its spec."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self._rows = RowParts(root, DETECTIONS_SCHEMA, "content_hash")

    def append(self, slug: str, found: Mapping[str, Sequence[Found]]) -> None:
        """Add the boxes of images by content hash."""
        rows = [(image, [_row(one) for one in boxes if one.box is not None]) for image, boxes in found.items()]
        if rows:
            self._rows.append(slug, pl.DataFrame(rows, schema=DETECTIONS_SCHEMA, orient="row"))

    def read(self, slug: str) -> dict[str, list[Found]]:
        """All boxes of a category by the content hash of their image. A damaged part is removed: its images are looked
        at again."""
        rows = self._rows.read(lambda path: path.unlink(missing_ok=True), slug)
        return {
            image: [
                Found(Box(one["x"], one["y"], one["w"], one["h"]), one["label"], one["score"], self.name)
                for one in boxes
            ]
            for image, boxes in rows.iter_rows()
        }

    def compact(self, slug: str) -> None:
        """Merge this category's parts into one if there are many."""
        self._rows.compact(slug)


def _row(one: Found) -> dict[str, float | str | None]:
    sides = {name: float(value) for name, value in (one.box or Box(0, 0, 0, 0))._asdict().items()}
    return {**sides, "label": one.label, "score": one.score}
