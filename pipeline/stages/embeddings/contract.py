"""What `embeddings` stores: its table and its facts; the vectors lie apart (`storage/vectors.py`).

What belongs here: the schema and the `Facts` that documents read. Not here: encoding (`stream.py`).
"""

from typing import Literal

import polars as pl

from pipeline.stages.contract import StageFacts

Unit = Literal["image", "object"]
EMBEDDINGS_SCHEMA = pl.Schema({"content_hash": pl.String(), "fingerprint": pl.String()})


class Facts(StageFacts):
    """The encoder that made the vectors, the background colour, the device, and what was embedded."""

    background: str | None = None
    device: str | None = None
    dimension: int | None = None
    fingerprint: str | None = None
    spec: str | None = None
    unit: Unit = "image"
