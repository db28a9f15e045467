"""Similarity search over the embeddings: a FAISS index that can be rebuilt at any time.

What belongs here: building, updating, opening and searching one index, and moving a query towards images that people
liked. Not here: the vectors, from which the index is built (`storage/vectors.py`), the image of a row
(`steps/search.py`), making cells and choosing how many to search (`ivf_index.py`).

The index is flat, so exact. One core cannot use the whole memory bandwidth, so each core scans a range of rows. Above a
million vectors the index is divided into cells and reports its recall. Its file is memory-mapped, so opening it costs
nothing.
"""

import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.runtime.cpu import MOST_READERS, usable_cores
from pipeline.stages.similarity import ivf_index as inverted
from pipeline.stages.similarity.contract import CellSearch

ORIGINAL, LIKED, DISLIKED = 1.0, 0.75, 0.35  # weights of Rocchio's formula
STRETCH = 20_000  # rows per thread at least: about a millisecond for 512 float16


@dataclass(frozen=True)
class Hit:
    """Row of the index, and the cosine similarity (1 = the same vector)."""

    row: int
    score: float


def build(vectors: np.ndarray) -> bytes:
    """A flat float16 inner-product index over L2-normalised [n, d] vectors, as bytes; empty for none.

    Flat, so exact; float16 halves the memory traffic that bounds a scan (recall@50 0.9999 of float32).
    """
    if not len(vectors):
        return b""
    import faiss

    index: Any = faiss.IndexScalarQuantizer(vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    index.train(np.ascontiguousarray(vectors[:1], dtype=np.float32))
    inverted.add(index, vectors)
    return _to_bytes(index)


def build_cells(vectors: np.ndarray, min_recall: float) -> tuple[bytes, CellSearch]:
    """An index in cells over L2-normalised [n, d] vectors, n at least 1, as bytes; and its cells, probes and measured
    recall."""
    index, cells = inverted.build(vectors, min_recall)
    return _to_bytes(index), cells


def update(data: bytes, removed: Sequence[int], vectors: np.ndarray) -> bytes:
    """The index of `build` without the rows `removed`, and with [n, d] `vectors` appended.

    The remaining rows keep their order.
    """
    if not data:
        return build(vectors)
    index = load(data)
    if inverted.is_inverted(index):
        inverted.update(index, removed, vectors)
    else:
        if len(removed):
            index.remove_ids(np.array(sorted(removed), dtype=np.int64))
        inverted.add(index, vectors)
    return _to_bytes(index) if index.ntotal else b""


def load(data: bytes) -> Any:
    """The index from the bytes of `build`."""
    import faiss

    return faiss.deserialize_index(np.frombuffer(data, dtype=np.uint8))


def open_mapped(path: Path) -> Any | None:
    """The index in a file, memory-mapped and read-only; None for an empty file."""
    if not path.stat().st_size:
        return None
    import faiss

    with path.open("rb") as file:
        cells = file.read(2) == b"Iw"  # how FAISS marks an inverted file
    return faiss.read_index(str(path), faiss.IO_FLAG_MMAP if cells else faiss.IO_FLAG_MMAP_IFC)


def vector_of(index: Any, row: int) -> np.ndarray:
    """The vector in a row, float32 [d], as stored."""
    return np.asarray(index.reconstruct(row), dtype=np.float32)


def search(index: Any, query: np.ndarray, top_k: int, allowed: np.ndarray | None = None) -> list[Hit]:
    """The `top_k` rows most similar to one float [d] query, best first, equal scores by row.

    `allowed` bool [n] restricts the search itself, so there are `top_k` results if at least so many rows are allowed.
    """
    import faiss

    count = int(index.ntotal) if allowed is None else int(np.count_nonzero(allowed))
    k = min(top_k, count)
    if k == 0:
        return []
    library: Any = faiss  # its Python signatures are made at run time
    selector: Any = None
    if allowed is not None:
        bits = np.packbits(allowed, bitorder="little")  # must outlive the selector, which keeps a bare pointer to it
        selector = library.IDSelectorBitmap(bits)
    queries = np.ascontiguousarray(query, dtype=np.float32)[None, :]
    if inverted.is_inverted(index):
        scores, rows = inverted.search(index, queries, k, selector)
    else:
        scores, rows = _parallel_scan(index, queries, k, selector)
    hits = [Hit(int(row), float(score)) for row, score in zip(rows[0], scores[0], strict=True) if row >= 0]
    return sorted(hits, key=lambda hit: (-round(hit.score, 5), hit.row))[:k]


def _parallel_scan(index: Any, queries: np.ndarray, k: int, selector: Any) -> tuple[np.ndarray, np.ndarray]:
    """Scores and rows [1, at least k] of one query: the best k of each range of rows; one thread per range."""
    import faiss

    library: Any = faiss
    count = int(index.ntotal)
    threads = max(1, min(usable_cores(), MOST_READERS, count // STRETCH))
    if threads == 1:
        return index.search(queries, k, params=None if selector is None else library.SearchParameters(sel=selector))
    ends = np.linspace(0, count, threads + 1).astype(np.int64).tolist()

    def best(stretch: int) -> tuple[np.ndarray, np.ndarray]:
        rows = library.IDSelectorRange(ends[stretch], ends[stretch + 1], True)
        both = rows if selector is None else library.IDSelectorAnd(rows, selector)
        return index.search(queries, k, params=library.SearchParameters(sel=both))

    # the caller scans one range itself instead of waiting
    others = [_threads().submit(best, stretch) for stretch in range(1, threads)]
    results = [best(0), *(other.result() for other in others)]
    return np.concatenate([scores for scores, _ in results], axis=1), np.concatenate(
        [rows for _, rows in results], axis=1
    )


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(MOST_READERS, thread_name_prefix="similarity")


def refined(query: np.ndarray, liked: np.ndarray, disliked: np.ndarray) -> np.ndarray:
    """The query moved towards liked images and away from disliked ones, float32 [d], of length 1.

    `liked` [n, d] and `disliked` [m, d] may be empty. Rocchio (1971), "Relevance feedback in information retrieval".
    Disliked images have a small weight: they lie in many directions and say less.
    """
    moved = ORIGINAL * query.astype(np.float32)
    if len(liked):
        moved = moved + LIKED * liked.astype(np.float32).mean(axis=0)
    if len(disliked):
        moved = moved - DISLIKED * disliked.astype(np.float32).mean(axis=0)
    length = float(np.linalg.norm(moved))
    return (moved / length if length > 1e-6 else query).astype(np.float32)


def _to_bytes(index: Any) -> bytes:
    import faiss

    serialized: np.ndarray = faiss.serialize_index(index)
    return serialized.tobytes()
