"""What `embeddings` stores: its table and its facts; the vectors lie apart (`storage/vectors.py`).

What belongs here: the schema and the `Facts` that documents read. Not here: encoding (`stream.py`).
"""

import polars as pl

from pipeline.stages.contract import StageFacts

EMBEDDINGS_SCHEMA = pl.Schema({"content_hash": pl.String(), "fingerprint": pl.String()})


class Facts(StageFacts):
    """The encoder that made the vectors, the background colour, and the device."""

    background: str | None = None
    device: str | None = None
    dimension: int | None = None
    fingerprint: str | None = None
    spec: str | None = None
