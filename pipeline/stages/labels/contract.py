"""What `labels` stores: its tables and its facts.

What belongs here: the schemas and the `Facts` that other links read. Not here: the clusterers (`clusterers.py`), when
clustering is due (`incremental.py`).
"""

from typing import Any, Literal

import polars as pl

from pipeline.stages.contract import Part, StageFacts

LABELS_SCHEMA = pl.Schema(
    {
        "image_id": pl.String(),
        "content_hash": pl.String(),
        "raw_group": pl.Int32(),
        "parent_group": pl.Int32(),
        "probability": pl.Float32(),
        "outlier_score": pl.Float32(),
    }
)
SUGGESTIONS_SCHEMA = pl.Schema(
    {
        "image_id": pl.String(),
        "content_hash": pl.String(),
        "raw_group": pl.Int32(),
        "confidence": pl.Float32(),
        "accepted": pl.Boolean(),
    }
)
# the last full clustering, one row per point, and its figures (`stages/labels/incremental.py`)
BASE_SCHEMA = pl.Schema({name: kind for name, kind in LABELS_SCHEMA.items() if name != "image_id"})
RANGES_SCHEMA = pl.Schema({"raw_group": pl.Int32(), "near": pl.Float64()})
LIBRARY_SCHEMA = pl.Schema(
    {"images": pl.Int64(), "spread": pl.Float64(), "isolation": pl.Float64(), "centre": pl.List(pl.Float32())}
)

NONE = -1  # no group, inside arrays only; in tables it is a null


class Base(Part):
    """The last full clustering: when (ISO 8601), of how many images, and a digest of encoder and parameters."""

    at: str
    images: int
    made_of: str


class Former(Part):
    """A full clustering by an encoder or settings that are no longer in force, to go on with if they come back.

    `version` of `labels` holds it and all that was placed in it; the rest are the parameters and facts of that version.
    """

    full: Base
    version: str
    params: dict[str, Any]
    digests: dict[str, str]
    modularity_ratio: float | None = None


class Facts(StageFacts):
    """Counts of images and groups; how this version was made and why; what changed since the last full clustering.

    `inputs` is a digest of all that the version is made from but the mode. `accepted` and `pairs_kept` are there where
    suggestions are accepted and pairs are rated. `modularity_ratio`: see `community/null_model.py`, of the last full
    clustering. `median_probability`: of the clustered images. `copies_only`: groups that hold only near copies of one
    picture. `formers`: the newest first; there where the encoder or a setting was changed.
    """

    groups: int
    unclustered: int
    largest: int
    images: int
    families: int = 0
    mode: Literal["full", "incremental"] | None = None
    reason: str | None = None
    why: str | None = None
    inputs: str | None = None
    came_since_full: int = 0
    went_since_full: int = 0
    full: Base | None = None
    placed: int = 0
    new_unclustered: int = 0
    compared: int = 0
    accepted: int | None = None
    pairs_kept: int | None = None
    modularity_ratio: float | None = None
    median_probability: float | None = None
    copies_only: int = 0
    formers: list[Former] | None = None
