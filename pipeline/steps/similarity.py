"""`embeddings` → `similarity`: the search index.

What belongs here: choosing the vectors, finding the new ones, storing. Not here: the index
(`stages/similarity/index.py`), searching it (`search.py`).
"""

import numpy as np
import polars as pl

from pipeline.stages.similarity import index as searching
from pipeline.stages.similarity.contract import IDS_SCHEMA, INDEX_FILE, CellSearch, Facts
from pipeline.steps.project import Project, Report
from pipeline.steps.stage import StageResult, Usable, run_stage
from pipeline.storage.artifacts import Artifact, digest

CODE = 1  # increase when the same inputs give another result
DRIFT = 0.2  # share of changed images above which the cells are built anew


def similarity(project: Project, slug: str) -> Report:
    """Bring the `similarity` index up to date. Reads only vectors that are new to it."""
    usable, params = Usable(project, slug), project.settings.similarity

    def wanted_rows() -> tuple[pl.DataFrame, str, bool]:
        wanted = usable.images.select("image_id", "content_hash", "key")
        cells = params.index == "cells" or (params.index == "auto" and wanted.height > params.exact_up_to)
        return wanted, usable.fingerprint, cells and wanted.height > 0

    def inputs() -> str:
        wanted, fingerprint, cells = wanted_rows()
        return digest(wanted, fingerprint, CODE, *([params.min_recall] if cells else []))

    def compute(current: Artifact | None) -> StageResult:
        wanted, fingerprint, cells = wanted_rows()
        facts = current.facts(Facts) if current is not None else Facts()
        same = current is not None and facts.embeddings == fingerprint
        stored = current.table("ids", IDS_SCHEMA) if current is not None and same else _no_ids()
        kept = stored.drop("key").join(wanted, on=["image_id", "content_hash"], how="inner").sort("row")
        new = wanted.join(kept, on="image_id", how="anti").sort("image_id")
        vectors = project.vectors(fingerprint)
        gone = stored.join(kept, on="row", how="anti")["row"].to_list()
        before = facts.search if current is not None and kept.height else None
        if current is not None and before is not None and not _to_be_rebuilt(before, cells, len(gone), wanted.height):
            added = vectors.read(new["content_hash"].to_list())
            index, search = searching.update(current.file(INDEX_FILE).read_bytes(), gone, added), before
            table = pl.concat([kept.select(wanted.columns), new])
        else:
            table = wanted.sort("image_id")
            index, search = _build(vectors.read(table["content_hash"].to_list()), cells, params.min_recall)
        table = table.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
        return StageResult(
            tables={"ids": (table, IDS_SCHEMA)},
            params={"index": "cells" if cells else "exact", **search.model_dump(exclude_unset=True)},
            facts=Facts(vectors=wanted.height, embeddings=fingerprint, added=new.height, search=search),
            files={INDEX_FILE: index},
        )

    report = run_stage(project, slug, "similarity", Facts, inputs, compute, seen=usable.seen(params.model_dump(), CODE))
    report.counts = {"vectors": int(report.facts["vectors"])}
    return report


def _build(vectors: np.ndarray, cells: bool, min_recall: float) -> tuple[bytes, CellSearch]:
    return searching.build_cells(vectors, min_recall) if cells else (searching.build(vectors), CellSearch())


def _to_be_rebuilt(before: CellSearch, cells: bool, gone: int, now: int) -> bool:
    """Whether the kind of index changed, or so many images that the measured recall of the cells no longer holds."""
    if before.built_of is None or not cells:
        return cells != (before.built_of is not None)
    return abs(now - before.built_of) + gone > DRIFT * before.built_of


def _no_ids() -> pl.DataFrame:
    return pl.DataFrame(schema=IDS_SCHEMA)
