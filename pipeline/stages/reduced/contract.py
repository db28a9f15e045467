"""What `reduced` stores: its tables, its facts and the name of its file.

What belongs here: the schemas and the `Facts` that other links read. Not here: dimension reduction (`projection.py`),
the input vectors (`steps/features.py`).
"""

import polars as pl
from pydantic import Field, JsonValue

from pipeline.stages.contract import StageFacts

METRIC_FILE = "metric.npz"
MAP_METHOD = "t-SNE of 14 equal neighbours"  # another one is computed again, from the positions of the last
CONTEXT_SCHEMA = pl.Schema(
    {"content_hash": pl.String(), "hours": pl.Float64(), "latitude": pl.Float64(), "longitude": pl.Float64()}
)


def reduced_schema(dimension: int) -> pl.Schema:
    """One row per image; `vector` float32 [dimension] is clustered, `x` and `y` are the position on the map."""
    return pl.Schema(
        {
            "image_id": pl.String(),
            "content_hash": pl.String(),
            "vector": pl.Array(pl.Float32(), dimension),
            "x": pl.Float32(),
            "y": pl.Float32(),
        }
    )


class Facts(StageFacts):
    """`embeddings` is the fingerprint of the vectors used. `dimension` 0: the embeddings themselves are clustered.
    `map_method` None: a version that had other methods, by the number of images.

    `space` and the fields after it are present only if ratings, time or place count: a digest of the space, its
    settings, the settings in effect, and the rated pairs (content hash, content hash, same).
    """

    embeddings: str
    dimension: int
    map_method: str | None = None
    distinct: int = 0
    images: int | None = None
    space: str | None = None
    space_params: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    space_effective: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    pairs: list[tuple[str, str, bool]] | None = None
