"""What else belongs to a kind that people make from some images: the nearest unclustered and edge images.

What belongs here: which images are candidates, and their scores. Not here: the search (`search.py`), HTTP
(`routes/similarity.py`), making the cluster (`curation/decisions.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipeline.service.problems import Problem
from pipeline.service.search import Searcher
from pipeline.steps.library_view.snapshot import Snapshot
from pipeline.steps.search import search_indexes

LEAST = 4  # images of a cluster from which on it has an edge


@dataclass(frozen=True)
class Belonging:
    """Rows of the snapshot with their cosine to the centre of the given images, best first. `floor` is one standard
    deviation below the mean of the given images' own; None for a single one."""

    rows: list[tuple[int, float]]
    floor: float | None


def edge_rows(snapshot: Snapshot) -> list[int]:
    """Images whose similarity to their centre is more than a standard deviation below the mean of their cluster."""
    similarity = pl.col("similarity")
    of_cluster = similarity.over("cluster_id")
    floor = similarity.mean().over("cluster_id") - similarity.std(ddof=0).over("cluster_id")
    many = of_cluster.count().over("cluster_id") >= LEAST
    edge = (pl.col("state") == "clustered") & many & (similarity < floor)
    return snapshot.frame.with_row_index("row").filter(edge.fill_null(value=False))["row"].to_list()


def belonging(searcher: Searcher, snapshot: Snapshot, image_ids: Sequence[str], limit: int) -> Belonging:
    """The unclustered and edge images that are nearest to these images, of the same category.

    Raises `Problem` if an image is unknown, of another category, or has no vector.
    """
    strangers = [name for name in image_ids if name not in snapshot.base.row_of]
    if strangers:
        raise Problem(404, "unknown-image", f"There is no image {strangers[0][:100]!r} in {snapshot.base.category}.")
    vectors = searcher.vectors(image_ids).astype(np.float32)
    centre = vectors.mean(axis=0)
    centre /= max(float(np.linalg.norm(centre)), 1e-12)
    own = vectors @ centre
    index = next((opened for opened in searcher.indexes.all([snapshot.slug])), None)
    if index is None or index.index is None:
        raise Problem(409, "nothing-to-search", "Nothing is embedded yet. Run `image-cluster run` first.")
    names, given = snapshot.frame["image_id"], set(image_ids)
    candidates = sorted({*snapshot.rows_by_state.get("unclustered", []), *edge_rows(snapshot)})
    mask = index.mask([names[row] for row in candidates if names[row] not in given])
    hits = search_indexes([index], centre, top_k=limit, min_score=-1.0, allowed=lambda _: mask, own=None)
    rows = [(snapshot.base.row_of[hit.image_id], hit.score) for hit in hits if hit.image_id in snapshot.base.row_of]
    return Belonging(rows, float(own.mean() - own.std()) if len(own) > 1 else None)
