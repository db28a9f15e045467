"""What `duplicates` stores: its tables and its facts.

What belongs here: the schemas and the `Facts` that the next search and reports read. Not here: groups (`groups.py`),
signatures (`signatures.py`).
"""

import polars as pl

from pipeline.stages.contract import StageFacts

DUPLICATES_SCHEMA = pl.Schema({
    "group_id": pl.String(),
    "level": pl.String(),  # exact, near or similar
    "image_id": pl.String(),
    "content_hash": pl.String(),
    "kept": pl.Boolean(),  # false: proposed to go; always true on the level similar
    "reason": pl.String(),
    "distance": pl.Float32(),  # cosine distance to the centre of the group, which is the kept image of exact and near
    "hamming": pl.Int32(),  # bits of the perceptual hash that differ from the centre's; null without a hash
})  # fmt: skip
SIGNATURES_SCHEMA = pl.Schema({
    "content_hash": pl.String(),
    "phash": pl.UInt64(),  # null where there is no thumbnail
    "contrast": pl.Float32(),
    "sharpness": pl.Float32(),
    "tiny": pl.Binary(),  # uint8 [16, 16, 3]: the picture itself, to lay over others
})  # fmt: skip
COMPARED_SCHEMA = pl.Schema({"level": pl.String(), "content_hash": pl.String(), "asked": pl.Boolean()})
AGREED_SCHEMA = pl.Schema(
    {"level": pl.String(), "content_hash": pl.String(), "other": pl.String(), "distance": pl.Float32()}
)

Search = tuple[str, dict[str, int | float], int, int]  # fingerprint of the vectors, settings, two code versions


class Facts(StageFacts):
    """Counts of groups and images per level, and the bytes of the images proposed to go.

    `signatures` is the code version of the stored signatures. `compared` identifies the vectors and settings that the
    stored comparisons are valid for; `searched` counts the pairs that were compared.
    """

    exact_groups: int
    exact_images: int
    near_groups: int
    near_images: int
    similar_groups: int
    similar_images: int
    proposed_to_go: int
    bytes_saved: int
    images: int
    without_thumbnail: int = 0
    signatures: int | None = None
    compared: Search | None = None
    searched: int | None = None
