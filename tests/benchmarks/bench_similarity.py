"""Searching beside what one would otherwise ask: `python -m tests.benchmarks.bench_similarity [--vectors N]`.

What belongs here: one query, many queries, opening, adding 1 %, exact and in cells, beside faiss's flat float32,
scikit-learn and DuckDB on the same vectors in the same run. Not here: what the answers must be
(`tests/stages/test_similarity.py`), the service around it (`bench_service.py`).
"""

import argparse
import functools
import statistics
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import faiss
import numpy as np

from pipeline.stages.similarity import index as searching
from tests.benchmarks.rows import Row, row, show

TOP = 50
DIMENSION = 512
QUERIES = 100
BATCH = 2_000
SLOW = 5  # queries of what takes long


def mixture(count: int, seed: int = 0) -> np.ndarray:
    """Float16 [count, 512], of length 1: points around centres, about a hundred to each."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((max(8, count // 100), DIMENSION)).astype(np.float32)
    vectors = np.empty((count, DIMENSION), dtype=np.float16)
    for start in range(0, count, 50_000):
        part = centres[rng.integers(0, len(centres), min(50_000, count - start))]
        part = part + 0.9 * rng.standard_normal(part.shape).astype(np.float32)
        vectors[start : start + len(part)] = part / np.linalg.norm(part, axis=1, keepdims=True)
    return vectors


def rows(count: int = 100_000, *, cells: bool = False) -> list[Row]:
    """What was measured, against its bars."""
    vectors = mixture(count)
    queries = vectors[:: count // QUERIES][:QUERIES].astype(np.float32)
    what = f"similarity search, {count:,} x {DIMENSION}, top {TOP}"
    with TemporaryDirectory() as folder:
        path = Path(folder) / "index.faiss"
        cpu, wall = process_time(), perf_counter()
        told: dict[str, Any] = {}
        if cells:
            data, told = searching.build_cells(vectors, 0.98)
            path.write_bytes(data)
        else:
            path.write_bytes(searching.build(vectors))
        build, built = process_time() - cpu, perf_counter() - wall
        started = perf_counter()
        index = searching.open_mapped(path)
        opening = perf_counter() - started
        ours = _each(lambda query: searching.search(index, query, TOP), queries)
        if cells:
            return _of_cells(what, path, vectors, ours, told, (build, built), opening)
        return _of_exact(what, vectors, queries, index, ours, opening)


def _of_exact(
    what: str, vectors: np.ndarray, queries: np.ndarray, index: Any, ours: list[float], opening: float
) -> list[Row]:
    full = vectors.astype(np.float32)
    flat: Any = faiss.IndexFlatIP(DIMENSION)
    flat.add(full)
    theirs = _each(functools.partial(_asked, flat), queries)
    true = flat.search(queries, TOP)[1]
    got = [{hit.row for hit in searching.search(index, query, TOP)} for query in queries]
    recall = float(np.mean([len(one & set(other.tolist())) / TOP for one, other in zip(got, true, strict=True)]))
    started = perf_counter()
    batch = full[:BATCH]
    started = perf_counter()
    faiss.knn(batch, full, TOP, metric=faiss.METRIC_INNER_PRODUCT)
    batched = (perf_counter() - started) / len(batch)
    one, other = statistics.median(ours), statistics.median(theirs)
    learn, duck = _sklearn(full, queries), _duckdb(full, queries)
    ms = f"{other * 1000:.1f} ms"
    return [
        row(what, "one query, ms, 95th percentile", float(np.quantile(ours, 0.95)) * 1000, "ms", "<= 8", ""),
        row(what, "one query over faiss IndexFlatIP", one / other, "x", "<= 0.5", ms),
        row(what, f"recall@{TOP}", recall, "", ">= 0.999", "IndexFlatIP = 1"),
        row(what, "one of many queries at once over one IndexFlatIP query", batched / other, "x", "<= 0.25", ms),
        row(what, "one query over scikit-learn's brute force", one / learn, "x", "<= 0.05", f"{learn * 1000:.0f} ms"),
        row(what, "one query over DuckDB's array functions", one / duck, "x", "<= 0.05", f"{duck * 1000:.0f} ms"),
        row(what, "opening the index", opening * 1000, "ms", "", ""),
    ]


def _asked(index: Any, query: np.ndarray) -> object:
    return index.search(query[None], TOP)


def _of_cells(
    what: str, path: Path, vectors: np.ndarray, ours: list[float], told: dict[str, Any],
    build: tuple[float, float], opening: float,
) -> list[Row]:  # fmt: skip
    data = path.read_bytes()
    extra = mixture(len(vectors) // 100, seed=1)
    started = process_time()
    searching.update(data, [], extra)
    adding = process_time() - started
    what += f", {told['probes']} of {told['cells']} cells"
    return [
        row(what, "one query, ms, 95th percentile", float(np.quantile(ours, 0.95)) * 1000, "ms", "<= 10", ""),
        row(what, f"recall@{TOP}, as stored beside the index", float(told["recall"]), "", ">= 0.98", ""),
        row(what, "CPU seconds to build", build[0], "s", "", f"{build[1]:.0f} s"),
        row(what, "adding 1 % over building", adding / build[0], "x", "<= 0.02", f"{adding:.1f} s"),
        row(what, "opening the index", opening * 1000, "ms", "", ""),
    ]


def _each(ask: Callable[[np.ndarray], object], queries: np.ndarray) -> list[float]:
    seconds: list[float] = []
    for query in [queries[0], *queries]:
        started = perf_counter()
        ask(query)
        seconds.append(perf_counter() - started)
    return seconds[1:]  # the first reads the pages


def _sklearn(full: np.ndarray, queries: np.ndarray) -> float:
    from sklearn.neighbors import NearestNeighbors

    model: Any = NearestNeighbors(n_neighbors=TOP, algorithm="brute", metric="cosine").fit(full)
    return statistics.median(_each(functools.partial(_neighbours, model), queries[:SLOW]))


def _neighbours(model: Any, query: np.ndarray) -> object:
    return model.kneighbors(query[None])


def _duckdb(full: np.ndarray, queries: np.ndarray) -> float:
    import duckdb
    import pyarrow as pa

    count, dimension = full.shape
    listed: Any = pa.FixedSizeListArray.from_arrays(pa.array(full.ravel()), dimension)
    table = pa.table({"id": pa.array(np.arange(count)), "vector": listed})
    with duckdb.connect() as connection:
        connection.register("given", table)
        connection.execute("CREATE TABLE stored AS SELECT * FROM given")
        text = f"SELECT id FROM stored ORDER BY array_inner_product(vector, ?::FLOAT[{dimension}]) DESC LIMIT {TOP}"
        return statistics.median(
            _each(lambda query: connection.execute(text, [query.tolist()]).fetchall(), queries[:SLOW])
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--cells", action="store_true", help="the index in cells instead of the exact one")
    parser.add_argument("--json", type=Path, help="write the rows there")
    options = parser.parse_args()
    show(rows(options.vectors, cells=options.cells), options.json)


if __name__ == "__main__":
    main()
