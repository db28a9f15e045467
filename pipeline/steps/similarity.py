"""`embeddings` → `similarity`: the search index.

What belongs here: which vectors it holds and which of them are new, storing. Not here: the index
(`stages/similarity.py`) and asking it (`search.py`).
"""

from typing import Any

import polars as pl

from pipeline.stages import similarity as searching
from pipeline.steps.project import Project, Report
from pipeline.steps.stage import embedded_images, run_stage
from pipeline.storage.artifacts import Artifact, digest

CODE = 1  # counted up when the same inputs give another result


def similarity(project: Project, slug: str) -> Report:
    """Bring the `similarity` index up to date: vectors that it holds already are not read again."""
    images, fingerprint = embedded_images(project, slug)
    wanted = images.select("image_id", "content_hash", "key")

    def compute(current: Artifact | None) -> dict[str, Any]:
        same = current is not None and current.provenance.facts.get("embeddings") == fingerprint
        held = current.table("ids", searching.IDS_SCHEMA) if current is not None and same else _nothing()
        kept = held.drop("key").join(wanted, on=["image_id", "content_hash"], how="inner").sort("row")
        new = wanted.join(kept, on="image_id", how="anti").sort("image_id")
        vectors = project.vectors(fingerprint).read(new["content_hash"].to_list())
        if current is None or not kept.height:
            index = searching.build(vectors)
        else:
            gone = held.join(kept, on="row", how="anti")["row"].to_list()
            index = searching.update(current.file("index.faiss").read_bytes(), gone, vectors)
        table = pl.concat([kept.select(wanted.columns), new]).with_row_index("row")
        return {
            "tables": {"ids": (table.with_columns(pl.col("row").cast(pl.Int64)), searching.IDS_SCHEMA)},
            "files": {"index.faiss": index},
            "params": {"index": "flat float16, inner product, exact"},
            "facts": {"vectors": images.height, "embeddings": fingerprint, "added": new.height},
        }

    inputs = digest(wanted, fingerprint, CODE)
    report = run_stage(project, slug, "similarity", inputs, compute)
    report.counts = {"vectors": int(report.facts["vectors"])}
    return report


def _nothing() -> pl.DataFrame:
    return pl.DataFrame(schema=searching.IDS_SCHEMA)
