"""Figures of the clusters that decisions changed: centroid, similarities, order, representatives, cohesion.

What belongs here: finding these clusters, and computing their figures from the vectors. Not here: the geometry
(`stages/representatives/ranking.py`), the stored figures of all other clusters (`tables.py`).

The cost is proportional to the images in changed clusters. Clusters with the same images as in an earlier snapshot
reuse its figures, so one decision costs one or two clusters.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pipeline.curation.clusters import Computed, Curated
from pipeline.stages.contract import columns
from pipeline.stages.representatives.contract import MEMBERS_SCHEMA
from pipeline.steps.project import Project

if TYPE_CHECKING:
    from pipeline.stages.representatives.ranking import Represented

RANKS = columns(MEMBERS_SCHEMA, "rank", "similarity", "chosen")


@dataclass(frozen=True)
class Figures:
    """The figures of one cluster. `image_ids` and `hashes` are in the row order of `represented`."""

    image_ids: list[str]
    hashes: list[str]
    represented: "Represented"

    def ranks(self) -> pl.DataFrame:
        """One row per image: `RANKS`, and image_id."""
        ranking = self.represented
        place = {row: number for number, row in enumerate(ranking.chosen)}
        order = ranking.order.tolist()
        values = {
            "image_id": [self.image_ids[row] for row in order],
            "rank": range(len(order)),
            "similarity": ranking.similarity[ranking.order],
            "chosen": [place.get(row) for row in order],
        }
        return pl.DataFrame(values, schema={"image_id": pl.String(), **RANKS})


def changed_clusters(computed: Computed, curated: Curated) -> list[str]:
    """Ids of the clusters whose members differ from the computed ones."""
    return [cluster.id for cluster in curated.clusters.values() if computed.clusters.get(cluster.id) != cluster.members]


def figures_of(
    project: Project,
    fingerprint: str,
    frame: pl.DataFrame,
    clusters: Iterable[str],
    previous: Mapping[str, Figures],
) -> dict[str, Figures]:
    """The figures of these clusters; `frame` holds their images, sorted by id.

    `previous` are figures from vectors of the same fingerprint. Raises `MissingArtifactError` for an image without a
    vector.
    """
    from pipeline.stages.representatives.ranking import represent

    rows = frame.filter((pl.col("state") == "clustered") & pl.col("cluster_id").is_in(list(clusters)))
    vectors, params = project.vectors(fingerprint), project.settings.representatives
    result: dict[str, Figures] = {}
    for (cluster,), part in rows.group_by("cluster_id", maintain_order=True):
        names, hashes = part["image_id"].to_list(), part["content_hash"].to_list()
        figures = previous.get(str(cluster))
        if figures is None or figures.image_ids != names or figures.hashes != hashes:
            figures = Figures(names, hashes, represent(vectors.read(hashes), names, params))
        result[str(cluster)] = figures
    return result
