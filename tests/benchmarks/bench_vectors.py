"""Vectors on disk beside the ways that one would otherwise keep them: `python -m tests.benchmarks.bench_vectors`.

What belongs here: writing, reading all and reading a few of our store (`pipeline/storage/vectors.py`), of one .npy file
mapped into memory and of a Parquet list column, in the same run, and their sizes. Not here: what the store must do
(`tests/storage/test_vectors.py`).

A fresh process reads, so that nothing is known beforehand; the files are in the system's cache for all of them.
"""

import argparse
import gc
import json
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import polars as pl

from pipeline.storage.vectors import VectorStore
from tests.benchmarks.rows import Row, row, show

PARTS = 16
SHARE = 10  # a Parquet list column holds so much less, and its seconds are taken times this: it takes minutes
FEW = 100


def rows(count: int = 1_000_000, dimension: int = 512) -> list[Row]:
    """What was measured, against its bars."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        sizes, writing = _written(root, count, dimension)
        seconds = {way: _apart(root, way) for way in ("store", "npy", "parquet")}
    ours, npy, parquet = (seconds[way] for way in ("store", "npy", "parquet"))
    what = f"vectors on disk, {count:,} x {dimension} float16"
    return [
        row(what, "write, seconds over a .npy file", writing["store"] / writing["npy"], "x", "",
            f"{writing['npy']:.2f} s"),
        row(what, "write, seconds over a Parquet list column", writing["store"] / writing["parquet"], "x", "",
            f"{writing['parquet']:.2f} s for all"),
        row(what, "read all, seconds over a .npy file", ours["all"] / npy["all"], "x", "<= 2", f"{npy['all']:.2f} s"),
        row(what, "a Parquet list column's seconds to read all over ours", parquet["all"] / ours["all"], "x", ">= 10",
            f"{parquet['all']:.2f} s"),
        row(what, f"read {FEW} random ids, a fresh store", ours["few"] * 1000, "ms", "<= 20",
            f".npy by row {npy['few'] * 1000:.1f} ms, Parquet {parquet['few'] * 1000:.0f} ms"),
        row(what, f"read {FEW} random ids, again", ours["again"] * 1000, "ms", "<= 20", ""),
        row(what, "size over a .npy file", sizes["store"] / sizes["npy"], "x", "", f"{sizes['npy'] / 1e9:.2f} GB"),
    ]  # fmt: skip


def _written(root: Path, count: int, dimension: int) -> tuple[dict[str, int], dict[str, float]]:
    rng = np.random.default_rng(0)
    block = rng.standard_normal((20_000, dimension)).astype(np.float16)
    vectors = np.concatenate([block] * -(-count // len(block)))[:count]
    hashes = [value.tobytes().hex() for value in rng.integers(0, 256, (count, 16), np.uint8)]
    seconds: dict[str, float] = {}
    store = VectorStore(root / "store")
    started = perf_counter()
    for at in np.array_split(np.arange(count), PARTS):
        store.append("all", hashes[at[0] : at[-1] + 1], vectors[at[0] : at[-1] + 1])
    seconds["store"] = perf_counter() - started
    started = perf_counter()
    np.save(root / "all.npy", vectors)
    seconds["npy"] = perf_counter() - started
    started = perf_counter()
    part = count // SHARE
    listed = pl.Series("vector", vectors[:part].astype(np.float32)).arr.to_list()
    pl.DataFrame({"content_hash": hashes[:part], "vector": listed}).write_parquet(root / "all.parquet")
    seconds["parquet"] = (perf_counter() - started) * SHARE
    (root / "hashes.json").write_text(json.dumps(hashes))
    found = rng.choice(part, FEW, replace=False)
    (root / "few.json").write_text(json.dumps([[hashes[one] for one in found], found.tolist()]))
    sizes = {"store": sum(one.stat().st_size for one in (root / "store").rglob("*") if one.is_file()),
             "npy": (root / "all.npy").stat().st_size}  # fmt: skip
    return sizes, seconds


def _apart(root: Path, way: str) -> dict[str, float]:
    """The median of three fresh processes."""
    said = [
        json.loads(subprocess.run([sys.executable, "-m", __spec__.name, "--read", way, str(root)], check=True,
                                  capture_output=True, text=True).stdout)
        for _ in range(3)
    ]  # fmt: skip
    return {name: statistics.median(one[name] for one in said) for name in said[0]}


def _read(way: str, root: Path) -> dict[str, float]:
    few, places = json.loads((root / "few.json").read_text())
    hashes = json.loads((root / "hashes.json").read_text())
    gc.freeze()  # or the collector looks through a million strings in the middle of a measurement

    def of_store(wanted: list[str]) -> np.ndarray:
        return VectorStore(root / "store").read(wanted)

    def of_parquet(wanted: list[str]) -> np.ndarray:
        frame = pl.scan_parquet(root / "all.parquet")
        if len(wanted) < len(hashes):
            frame = frame.filter(pl.col("content_hash").is_in(wanted))
        return frame.collect()["vector"].list.to_array(_width(root)).to_numpy()

    def of_npy(wanted: list[str]) -> np.ndarray:
        stored: Any = np.load(root / "all.npy", mmap_mode="r")
        return np.array(stored[places] if len(wanted) < len(hashes) else stored)

    read = {"store": of_store, "parquet": of_parquet, "npy": of_npy}[way]
    seconds: dict[str, float] = {}
    for name, wanted in (("few", few), ("again", few), ("all", hashes)):
        started = perf_counter()
        got = read(wanted)
        seconds[name] = perf_counter() - started
        if len(got) != len(wanted) // (SHARE if way == "parquet" and wanted is hashes else 1):
            raise RuntimeError(f"{way} gave {len(got)} of {len(wanted)} vectors.")
    return {name: value * (SHARE if way == "parquet" else 1) for name, value in seconds.items()}


def _width(root: Path) -> int:
    stored: Any = np.load(root / "all.npy", mmap_mode="r")
    return stored.shape[1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path, help="write the rows there")
    parser.add_argument("--read", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        print(json.dumps(_read(options.read[0], Path(options.read[1]))))
        return
    show(rows(options.vectors), options.json)


if __name__ == "__main__":
    main()
