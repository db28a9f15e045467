"""`embeddings` → `similarity`: the search index.

What belongs here: which vectors it holds and which of them are new, storing. Not here: the index
(`stages/similarity/index.py`) and asking it (`search.py`).
"""

import numpy as np
import polars as pl

from pipeline.stages.similarity import index as searching
from pipeline.stages.similarity.contract import IDS_SCHEMA, INDEX_FILE, CellSearch, Facts
from pipeline.steps.project import Project, Report
from pipeline.steps.stage import Made, Usable, run_stage
from pipeline.storage.artifacts import Artifact, digest

CODE = 1  # counted up when the same inputs give another result
DRIFT = 0.2  # of the images for which cells were cut: beyond, they are cut anew


def similarity(project: Project, slug: str) -> Report:
    """Bring the `similarity` index up to date: vectors that it holds already are not read again."""
    usable, params = Usable(project, slug), project.settings.similarity

    def asked() -> tuple[pl.DataFrame, str, bool]:
        wanted = usable.images.select("image_id", "content_hash", "key")
        cells = params.index == "cells" or (params.index == "auto" and wanted.height > params.exact_up_to)
        return wanted, usable.fingerprint, cells and wanted.height > 0

    def inputs() -> str:
        wanted, fingerprint, cells = asked()
        return digest(wanted, fingerprint, CODE, *([params.min_recall] if cells else []))

    def compute(current: Artifact | None) -> Made:
        wanted, fingerprint, cells = asked()
        facts = current.facts(Facts) if current is not None else Facts()
        same = current is not None and facts.embeddings == fingerprint
        held = current.table("ids", IDS_SCHEMA) if current is not None and same else _nothing()
        kept = held.drop("key").join(wanted, on=["image_id", "content_hash"], how="inner").sort("row")
        new = wanted.join(kept, on="image_id", how="anti").sort("image_id")
        vectors = project.vectors(fingerprint)
        gone = held.join(kept, on="row", how="anti")["row"].to_list()
        before = facts.search if current is not None and kept.height else None
        if current is not None and before is not None and not _to_be_rebuilt(before, cells, len(gone), wanted.height):
            added = vectors.read(new["content_hash"].to_list())
            index, told = searching.update(current.file(INDEX_FILE).read_bytes(), gone, added), before
            table = pl.concat([kept.select(wanted.columns), new])
        else:
            table = wanted.sort("image_id")
            index, told = _built(vectors.read(table["content_hash"].to_list()), cells, params.min_recall)
        table = table.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
        return Made(
            tables={"ids": (table, IDS_SCHEMA)},
            params={"index": "cells" if cells else "exact", **told.model_dump(exclude_unset=True)},
            facts=Facts(vectors=wanted.height, embeddings=fingerprint, added=new.height, search=told),
            files={INDEX_FILE: index},
        )

    report = run_stage(project, slug, "similarity", Facts, inputs, compute, seen=usable.seen(params.model_dump(), CODE))
    report.counts = {"vectors": int(report.facts["vectors"])}
    return report


def _built(vectors: np.ndarray, cells: bool, min_recall: float) -> tuple[bytes, CellSearch]:
    return searching.build_cells(vectors, min_recall) if cells else (searching.build(vectors), CellSearch())


def _to_be_rebuilt(before: CellSearch, cells: bool, gone: int, now: int) -> bool:
    """Whether the kind changed, or so much that the cells no longer fit and their recall is no longer known."""
    if before.built_of is None or not cells:
        return cells != (before.built_of is not None)
    return abs(now - before.built_of) + gone > DRIFT * before.built_of


def _nothing() -> pl.DataFrame:
    return pl.DataFrame(schema=IDS_SCHEMA)
