"""Approximate search in many vectors: only those in the cells around the query are compared.

What belongs here: making the cells, how many to search, adding and removing vectors. Not here: the exact index, storing
and opening an index (`index.py`), the neighbours of every image at once (`neighbours/knn_ivf.py`).

An inverted file (Sivic, Zisserman, 2003; Jégou, Douze, Schmid, 2011) with float16 vectors. The number of cells to
search is measured on the library: the fewest that reach the wanted recall.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.stages.similarity.contract import CellSearch

CHUNK = 65_536  # vectors turned into float32 at a time
PER_CELL = 2.0  # times the root of n: the number of cells
PER_CENTROID = 48  # vectors per cell that k-means uses
ITERATIONS = 8
SEED = 1
SAMPLE = 256  # stored vectors used as queries to measure the recall
TOP = 50  # true nearest neighbours over which the recall is measured
FIRST_PROBES = 4
TIE = 1e-5  # of a cosine: two orders of summing the same products differ by less


def build(vectors: np.ndarray, min_recall: float) -> tuple[Any, CellSearch]:
    """An index of L2-normalised [n, d] vectors, n at least 1, and its `cells`, `probes` and `recall`.

    The recall is the share of the `top` true nearest neighbours that is found, over `sample` vectors of the library.
    """
    import faiss

    n, dimension = vectors.shape
    count = max(1, min(n, int(PER_CELL * n**0.5)))
    index: Any = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(dimension), dimension, count, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT, False
    )
    index.cp.niter, index.cp.seed, index.cp.max_points_per_centroid = ITERATIONS, SEED, PER_CENTROID
    learnt = np.unique(np.linspace(0, n - 1, PER_CENTROID * count).astype(np.int64))
    index.train(np.ascontiguousarray(vectors[learnt], dtype=np.float32))
    add(index, vectors)
    index.make_direct_map(True)
    rows = np.unique(np.linspace(0, n - 1, SAMPLE).astype(np.int64))
    recall = _set_probes(index, vectors, rows, min_recall)
    return index, CellSearch(
        cells=count, probes=int(index.nprobe), recall=round(recall, 4), top=min(TOP, n), sample=len(rows), built_of=n
    )


def is_inverted(index: Any) -> bool:
    """Whether this is an index in cells."""
    return hasattr(index, "nprobe")


def add(index: Any, vectors: np.ndarray) -> None:
    """Append [n, d] vectors, with bounded memory."""
    for start in range(0, len(vectors), CHUNK):
        index.add(np.ascontiguousarray(vectors[start : start + CHUNK], dtype=np.float32))


def update(index: Any, removed: Sequence[int], vectors: np.ndarray) -> None:
    """Remove the rows `removed`, renumber the others in their order, and append [n, d] `vectors`."""
    import faiss

    library: Any = faiss
    index.set_direct_map_type(library.DirectMap.NoMap)
    if len(removed):
        gone = np.array(sorted(removed), dtype=np.int64)
        index.remove_ids(gone)
        lists = index.invlists
        for cell in range(index.nlist):
            size = lists.list_size(cell)
            if size:
                ids: np.ndarray = library.rev_swig_ptr(lists.get_ids(cell), size)
                ids -= np.searchsorted(gone, ids)
    add(index, vectors)
    index.make_direct_map(True)


def search(index: Any, queries: np.ndarray, k: int, selector: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """Scores and rows [m, k] of float32 [m, d] queries.

    Searches more cells if a selector leaves fewer than k rows, until there are k or all cells are searched.
    """
    import faiss

    library: Any = faiss
    probes = int(index.nprobe)
    while True:
        parameters = library.SearchParametersIVF(sel=selector, nprobe=probes)
        scores, rows = index.search(queries, k, params=parameters)
        if probes >= index.nlist or (rows >= 0).all():
            return scores, rows
        probes = min(index.nlist, probes * 4)


def _set_probes(index: Any, vectors: np.ndarray, rows: np.ndarray, min_recall: float) -> float:
    """Set the fewest probes that reach `min_recall`; returns the measured recall."""
    import faiss

    queries = np.ascontiguousarray(vectors[rows], dtype=np.float32)
    k = min(TOP, len(vectors))
    best: Any = faiss.ResultHeap(len(rows), k, keep_max=True)
    for start in range(0, len(vectors), CHUNK):
        part = np.ascontiguousarray(vectors[start : start + CHUNK], dtype=np.float32)
        scores, nearest = faiss.knn(queries, part, min(k, len(part)), metric=faiss.METRIC_INNER_PRODUCT)
        best.add_result(scores, nearest + start)
    best.finalize()
    floor = best.D[:, -1:] - TIE  # any row as near as the last true neighbour counts as one
    probes = FIRST_PROBES
    while True:
        index.nprobe = min(probes, index.nlist)
        scores, _ = index.search(queries, k)
        recall = float((scores >= floor).mean())
        if recall >= min_recall or index.nprobe >= index.nlist:
            return recall
        probes = max(probes + 1, int(probes * 1.5))
