"""What `objects` stores: its tables and its facts.

What belongs here: the schemas, and the `Facts` that the next run reads. Not here: boxes (`boxes.py`), ids
(`lineage.py`), reading and storing (`steps/objects.py`).

A version also has the table `images` (`IMAGES_SCHEMA`), one row per object: the later links read it instead of the
`images` of the bucket. In it `image_id` is the object's, and `content_hash` its lasting id.
"""

import polars as pl
from pydantic import Field

from pipeline.stages.contract import StageFacts

OBJECTS_SCHEMA = pl.Schema(
    {
        "object_id": pl.String(),  # null if refused
        "image_id": pl.String(),  # of its image; null for a file of boxes that cannot be used
        "key": pl.String(),  # of its image, or of that file
        "content_hash": pl.String(),  # the lasting id; null if refused
        "x": pl.Float64(),  # left, top, width and height as shares of the upright image; null without a box
        "y": pl.Float64(),
        "w": pl.Float64(),
        "h": pl.Float64(),
        "label": pl.String(),
        "score": pl.Float64(),  # null if a person drew the box
        "source": pl.String(),  # the detector, or the file
        "status": pl.String(),  # ok, bad_box, bad_file, too_small, low_score, other_class, overlap, too_many,
        # or as people decided: wrong_box, replaced
        "reason": pl.String(),  # null when ok
    }
)
KNOWN_SCHEMA = pl.Schema(  # every object that was ever seen
    {
        "image_hash": pl.String(),  # content hash of its image
        "content_hash": pl.String(),  # its lasting id
        "crop": pl.String(),  # the name of its vector: a hash of the image and of the box that was embedded
        "x": pl.Float64(),  # that box
        "y": pl.Float64(),
        "w": pl.Float64(),
        "h": pl.Float64(),
        "here": pl.Boolean(),  # whether the last run saw it
    }
)


class Facts(StageFacts):
    """What a finished run records.

    `detector`: where the boxes come from. Counts of `images` (usable ones), of those `without` an object, of `objects`,
    of `refused` boxes, and of bad `files`. `embeddings` and `parts`: the version and files of the vectors that belong
    to it, empty if they must be looked at again. `corrections`: the numbers of the
    decisions about boxes that it follows.
    """

    detector: str = ""
    images: int = 0
    without: int = 0
    objects: int = 0
    refused: int = 0
    files: int = 0
    embeddings: str = ""
    parts: list[str] = Field(default_factory=list[str])
    corrections: list[int] = Field(default_factory=list[int])
