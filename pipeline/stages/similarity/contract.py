"""What `similarity` stores: its table, its facts and the name of its file.

What belongs here: the schema and the `Facts` that searches read. Not here: the index (`index.py`, `ivf_index.py`).
"""

import polars as pl

from pipeline.stages.contract import Part, StageFacts

INDEX_FILE = "index.faiss"
IDS_SCHEMA = pl.Schema({"row": pl.Int64(), "image_id": pl.String(), "content_hash": pl.String(), "key": pl.String()})


class CellSearch(Part):
    """An index in cells: their number, how many are searched, and the recall measured with `sample` queries for the
    `top` nearest; `built_of`: number of vectors that the cells were made from. All None for an exact index."""

    cells: int | None = None
    probes: int | None = None
    recall: float = 1.0
    top: int | None = None
    sample: int | None = None
    built_of: int | None = None


class Facts(StageFacts):
    """`embeddings`: the fingerprint of the indexed vectors. `added`: vectors that the previous version lacks."""

    vectors: int = 0
    embeddings: str = ""
    added: int | None = None
    search: CellSearch = CellSearch()
