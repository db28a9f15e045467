"""What `images` stores: its table and its facts.

What belongs here: the schema and the `Facts` that the next run reads. Not here: decoding (`decode.py`), ingestion
(`steps/ingest_pass.py`).
"""

import polars as pl
from pydantic import Field

from pipeline.stages.contract import Part, StageFacts

IMAGES_SCHEMA = pl.Schema({
    "image_id": pl.String(),
    "key": pl.String(),
    "etag": pl.String(),
    "size": pl.Int64(),
    "group": pl.String(),
    "identifier": pl.String(),
    "status": pl.String(),  # ok, broken, missing, too_large, not_an_image or unreadable
    "reason": pl.String(),  # null when ok
    "content_hash": pl.String(),  # null when the bytes were never read
    "width": pl.Int32(),  # after orientation
    "height": pl.Int32(),
    "format": pl.String(),
    "taken_at": pl.Datetime("us"),  # local time of the camera's clock, no time zone
    "latitude": pl.Float64(),
    "longitude": pl.Float64(),
})  # fmt: skip


class Bytes(Part):
    """How many bytes were ingested."""

    bytes: int = 0


class Ingested(Part):
    """What a finished run records for the next; empty if the next run must not rely on it.

    `seen`: digest of all inputs of images and embeddings. `counts`: images by status. `sample`: some unusable images.
    `embeddings`: fingerprint of the version of `embeddings`; `parts`: the files of its vectors.
    """

    seen: str | None = None
    counts: dict[str, int] = Field(default_factory=dict[str, int])
    facts: Bytes = Bytes()
    sample: list[dict[str, str | None]] = Field(default_factory=list[dict[str, str | None]])
    embeddings: str = ""
    parts: list[str] = Field(default_factory=list[str])


class Facts(StageFacts):
    """`ingested`: the run that made this version. `contents`: the parts of resolved contents after the last run, and
    the digest of each."""

    ingested: Ingested = Ingested()
    contents: dict[str, str] = Field(default_factory=dict[str, str])
