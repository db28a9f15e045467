"""`reduced` → `labels`: the raw group of every image.

What belongs here: reading the vectors that are clustered, storing. Not here: the clusterers (`stages/labels.py`).
"""

from typing import Any

import numpy as np
import polars as pl

from pipeline.stages import labels as labelling
from pipeline.stages import reduced as reducing
from pipeline.steps.project import Project, Report
from pipeline.steps.stage import run_stage
from pipeline.storage.artifacts import Artifact, digest

CODE = 1  # counted up when the same inputs give another result


def labels(project: Project, slug: str) -> Report:
    """Bring `labels` up to date."""
    params = project.settings.labels
    source = project.store.require(slug, "reduced")

    def compute(_: Artifact | None) -> dict[str, Any]:
        dimension = int(source.provenance.facts["dimension"])
        frame = source.table("reduced", reducing.reduced_schema(dimension))
        unique = frame.unique("content_hash", keep="first", maintain_order=True)
        if dimension:
            vectors = unique["vector"].to_numpy().reshape(unique.height, dimension)
        else:
            store = project.vectors(str(source.provenance.facts["embeddings"]))
            vectors = store.read(unique["content_hash"].to_list()).astype(np.float32)
        found = labelling.group(vectors, params)
        groups = pl.Series("raw_group", found.groups, dtype=pl.Int32)
        table = pl.DataFrame(
            {
                "content_hash": unique["content_hash"],
                "raw_group": pl.select(pl.when(groups >= 0).then(groups)).to_series(),
                "probability": pl.Series(found.probability, dtype=pl.Float32),
                "outlier_score": pl.Series(found.outlier_score, dtype=pl.Float32),
            }
        )
        joined = frame.select("image_id", "content_hash").join(table, on="content_hash", maintain_order="left")
        grouped = joined.filter(pl.col("raw_group").is_not_null())
        largest = grouped.group_by("raw_group").len()["len"].max() if grouped.height else 0
        facts = {"groups": grouped["raw_group"].n_unique(), "unclustered": joined.height - grouped.height,
                 "largest": largest, "images": joined.height}  # fmt: skip
        return {"tables": {"labels": (joined, labelling.LABELS_SCHEMA)}, "params": found.effective, "facts": facts}

    inputs = digest(source.provenance.fingerprint, params.model_dump(), CODE)
    report = run_stage(project, slug, "labels", inputs, compute)
    report.counts = {name: int(report.facts[name]) for name in ("images", "groups", "unclustered", "largest")}
    return report
