"""`embeddings` → `similarity`: the search index.

What belongs here: which vectors it holds, storing. Not here: the index (`stages/similarity.py`) and asking it
(`search.py`).
"""

from typing import Any

import polars as pl

from pipeline.stages import similarity as searching
from pipeline.steps.project import Project, Report
from pipeline.steps.stage import embedded_images, run_stage
from pipeline.storage.artifacts import Artifact, digest

CODE = 1  # counted up when the same inputs give another result


def similarity(project: Project, slug: str) -> Report:
    """Bring the `similarity` index up to date."""
    images, fingerprint = embedded_images(project, slug)

    def compute(_: Artifact | None) -> dict[str, Any]:
        vectors = project.vectors(fingerprint).read(images["content_hash"].to_list())
        table = images.select("image_id", "content_hash", "key").with_row_index("row").select(
            pl.col("row").cast(pl.Int64), "image_id", "content_hash", "key"
        )  # fmt: skip
        return {
            "tables": {"ids": (table, searching.IDS_SCHEMA)},
            "files": {"index.faiss": searching.build(vectors) if len(vectors) else b""},
            "params": {"index": "flat float16, inner product, exact"},
            "facts": {"vectors": images.height, "embeddings": fingerprint},
        }

    inputs = digest(images.select("image_id", "content_hash", "key"), fingerprint, CODE)
    report = run_stage(project, slug, "similarity", inputs, compute)
    report.counts = {"vectors": int(report.facts["vectors"])}
    return report
