"""What `identities` stores: its tables and its facts.

What belongs here: the schemas and the `Facts` that other links read. Not here: matching (`matching.py`), superclusters
(`superclusters.py`).
"""

import polars as pl
from pydantic import Field

from pipeline.stages.contract import StageFacts

CLUSTERS_SCHEMA = pl.Schema(
    {
        "cluster_id": pl.String(),
        "fate": pl.String(),
        "parents": pl.List(pl.String()),
        "into": pl.List(pl.String()),
        "overlap": pl.Float32(),
        "similarity": pl.Float32(),
        "raw_group": pl.Int32(),
        "size": pl.Int64(),
        "previous_size": pl.Int64(),
    }
)
MEMBERS_SCHEMA = pl.Schema(
    {
        "image_id": pl.String(),
        "content_hash": pl.String(),
        "cluster_id": pl.String(),
        "probability": pl.Float32(),
        "nearest_cluster": pl.String(),
        "distance": pl.Float32(),
    }
)
LEDGER_SCHEMA = pl.Schema(
    {
        "cluster_id": pl.String(),
        "alive": pl.Boolean(),
        "members": pl.List(pl.String()),
        "into": pl.List(pl.String()),
    }
)
CENTROIDS_SCHEMA = pl.Schema({"cluster_id": pl.String(), "encoder": pl.String(), "centroid": pl.List(pl.Float32())})
FAMILIES_SCHEMA = pl.Schema({"family_id": pl.String(), "cluster_id": pl.String(), "fate": pl.String()})
FAMILY_LEDGER_SCHEMA = pl.Schema({"family_id": pl.String(), "alive": pl.Boolean(), "members": pl.List(pl.String())})


class Facts(StageFacts):
    """A version that was recovered after damage has no counts.

    `died`: id and last size of each cluster that no group continues; `died_into`: which clusters have how many of its
    members now. `fate_…`: how many clusters have that fate; absent if there is none.
    """

    clusters: int = 0
    unclustered: int = 0
    images: int = 0
    died: list[tuple[str, int]] = Field(default_factory=list[tuple[str, int]])
    died_into: dict[str, dict[str, int]] = Field(default_factory=dict[str, dict[str, int]])
    fate_born: int | None = None
    fate_grown: int | None = None
    fate_kept: int | None = None
    fate_merged: int | None = None
    fate_revived: int | None = None
    fate_shrunk: int | None = None
    fate_split: int | None = None
