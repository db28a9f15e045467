"""What `representatives` stores: its tables and its facts.

What belongs here: the schemas and the `Facts` that other links read. Not here: ranking (`ranking.py`).
"""

import polars as pl

from pipeline.stages.contract import StageFacts

MEMBERS_SCHEMA = pl.Schema(
    {
        "cluster_id": pl.String(),
        "image_id": pl.String(),
        "rank": pl.Int32(),
        "similarity": pl.Float32(),
        "chosen": pl.Int32(),
    }
)
MADE_OF_SCHEMA = pl.Schema({"cluster_id": pl.String(), "digest": pl.String()})  # of the members and the parameters


def clusters_schema(dimension: int) -> pl.Schema:
    """One row per cluster; `centroid` is float32 [dimension], L2-normalised."""
    return pl.Schema(
        {
            "cluster_id": pl.String(),
            "size": pl.Int64(),
            "cohesion": pl.Float32(),
            "representative": pl.String(),
            "centroid": pl.Array(pl.Float32(), dimension),
        }
    )


class Facts(StageFacts):
    """`dimension`: numbers per centroid. `computed`: clusters that changed since the previous version."""

    dimension: int
    clusters: int = 0
    images: int | None = None
    computed: int | None = None
