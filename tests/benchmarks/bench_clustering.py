"""What grouping costs as the library grows: seconds, memory, and whether it is still right, ours beside its peers.

    python -m tests.benchmarks.bench_clustering [--sizes A,B] [--dimension D] [--recipes ours,map,umap,evoc]

The library: clusters of uneven size and width on the sphere and a fifth of true noise (`datasets.sphere_mixture`), so
that the truth is known at any size. Every figure comes from a fresh process, so that peak memory is its own and the
first-call compilation of numba's users is in it, as it is for people. CPU seconds stand beside seconds: on a busy
machine they are the steadier figure. The exponent is the slope of log CPU time over log size, first size to last.
"""

import argparse
import hashlib
import json
import multiprocessing
import resource
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import numpy as np

from tests.benchmarks.quality.datasets import sphere_mixture
from tests.benchmarks.rows import Row, row, show

SEED = 42
MILLION = 1_000_000
PEERS = {"umap": "seeded UMAP + HDBSCAN", "evoc": "EVoC"}


def main() -> None:
    """Measure and print."""
    options = _options()
    sizes = [int(size) for size in options.sizes.split(",")]
    measured: list[dict[str, Any]] = []
    for name in options.recipes.split(","):
        for size in sizes:
            print(f"{name}, {size} x {options.dimension} …", file=sys.stderr, flush=True)
            measured.append(apart(name, size, options.dimension))
            print(json.dumps(measured[-1]), file=sys.stderr, flush=True)
    print(_table(measured))
    if "ours" in options.recipes.split(","):
        again = apart("ours", sizes[0], options.dimension)["digest"] if sizes[0] < MILLION else None
        show(judged(measured, again), options.json)


def apart(name: str, size: int, dimension: int) -> dict[str, Any]:
    """One row, measured in a fresh process. The library is drawn in another, whose memory is not to be counted."""
    with TemporaryDirectory() as folder:
        for task in (draw, measure):
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
                found = process.submit(task, name, size, dimension, Path(folder)).result()
    return found


def draw(name: str, size: int, dimension: int, folder: Path) -> dict[str, Any]:
    """Write the library that is grouped to disk."""
    vectors, truth = sphere_mixture(size, dimension=dimension)
    np.save(folder / "vectors.npy", vectors)
    np.save(folder / "truth.npy", truth)
    return {"recipe": name}


def judged(measured: list[dict[str, Any]], again: str | None) -> list[Row]:
    """Ours against its bars, and beside each peer that was measured at the same size; `again` is the digest of a
    second run at the first size, None where that was not worth its minutes."""
    of = {(one["recipe"], one["images"]): one for one in measured}
    found: list[Row] = []
    for (name, size), ours in of.items():
        if name != "ours":
            continue
        what = f"grouping, {size:,} x {ours['dimension']}"
        found.append(row(what, "seconds", ours["seconds"], "s", "", f"{ours['cpu_seconds']} s of CPU time"))
        laid_out = of.get(("map", size))
        if laid_out:
            text = f"{laid_out['cpu_seconds']} s of CPU time"
            found.append(row(what, "seconds of the map, which no peer makes", laid_out["seconds"], "s", "", text))
        for peer, bar in (("umap", "<= 0.1"), ("evoc", "<= 0.8")):
            other = of.get((peer, size))
            if other:
                text = f"{other['seconds']} s, AMI {other['ami']}, {other['noise_recall']:.2f} of the noise"
                found.append(
                    row(what, f"seconds over {PEERS[peer]}", ours["seconds"] / other["seconds"], "x", bar, text)
                )
                of_cpu, text = ours["cpu_seconds"] / other["cpu_seconds"], f"{other['cpu_seconds']} s of CPU time"
                found.append(row(what, f"CPU seconds over {PEERS[peer]}", of_cpu, "x", "", text))
                found.append(row(what, f"AMI beyond that of {PEERS[peer]}", ours["ami"] - other["ami"], "", ">= 0",
                                 f"ours {ours['ami']}"))  # fmt: skip
        whole = of.get(("exact", size))
        if whole:
            text = f"ours {ours['ami']}, recall {ours['search_recall']}"
            worse = ours["ami"] - whole["ami"]
            found.append(row(what, "AMI beyond that with the exact neighbours", worse, "", ">= -0.02", text))
            quicker = ours["seconds"] / whole["seconds"]
            text = f"{whole['seconds']} s"
            found.append(row(what, "seconds over those with the exact neighbours", quicker, "x", "", text))
        text = f"AMI {ours['ami']}, {ours['clusters']:,} clusters of {ours['kinds']:,} kinds"
        found.append(row(what, "share of the true noise that is found", ours["noise_recall"], "", ">= 0.9", text))
        bar = "<= 8" if size >= MILLION else ""
        text = f"{ours['vectors_mb']} MB of vectors"
        found.append(row(what, "peak memory", ours["peak_mb"] / 1024, "GB", bar, text))
    grown = exponent([one for one in measured if one["recipe"] == "ours"])
    if grown is not None:
        found.append(row("grouping", "exponent of growth, CPU time", grown, "", "<= 1.2"))
    first = next(one for one in measured if one["recipe"] == "ours")
    what = f"two runs of {first['images']:,} are equal to the bit"
    return found if again is None else [*found, row("grouping", what, float(first["digest"] == again), "", "= 1")]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="2500,10000", help="numbers of images, with commas")
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--recipes", default="ours,map,umap,evoc", help=f"of {', '.join(RECIPES)}, with commas")
    parser.add_argument("--json", type=Path, help="write the rows there")
    return parser.parse_args()


def measure(name: str, size: int, dimension: int, folder: Path) -> dict[str, Any]:
    """One row: what `name` costs on `size` vectors, and how right it is."""
    from sklearn.metrics import adjusted_mutual_info_score

    vectors, truth = np.load(folder / "vectors.npy"), np.load(folder / "truth.npy")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started, cpu = perf_counter(), process_time()
    found, facts = RECIPES[name](vectors)
    figures: dict[str, Any] = {
        "recipe": name, "images": size, "dimension": dimension, "seconds": round(perf_counter() - started, 1),
        "cpu_seconds": round(process_time() - cpu, 1), "vectors_mb": vectors.nbytes >> 20,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10, "peak_before_mb": before >> 10,
        "clusters": None, "kinds": int(truth.max()) + 1, "ami": None, "noise_recall": None, **facts,
    }  # fmt: skip
    if found is not None:
        kind = truth >= 0
        figures |= {
            "digest": hashlib.blake2b(np.ascontiguousarray(found, dtype=np.int64).tobytes(), digest_size=8).hexdigest(),
            "clusters": len(np.unique(found[found >= 0])),
            "ami": round(float(adjusted_mutual_info_score(truth[kind], found[kind])), 4),
            "noise_recall": round(float((found[~kind] < 0).mean()), 3),
        }
    return figures


def _ours(vectors: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    from pipeline.settings import ClusterParams
    from pipeline.stages.labels.community.clusterer import group_communities

    found = group_communities(vectors, ClusterParams(min_cluster_size=5, seed=SEED))
    return found.groups, {"search_recall": found.effective.get("search_recall", 1.0)}


def _exact(vectors: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """Ours, with each vector compared with each."""
    from pipeline.settings import ClusterParams
    from pipeline.stages.labels.community.clusterer import NEIGHBOURS, group_communities
    from pipeline.stages.neighbours.knn import nearest_neighbours

    neighbours = nearest_neighbours(vectors, NEIGHBOURS - 1, exact=len(vectors))
    return group_communities(vectors, ClusterParams(min_cluster_size=5, seed=SEED), neighbours=neighbours).groups, {}


def _map(vectors: np.ndarray) -> tuple[None, dict[str, Any]]:
    """The positions on the map, which a full run makes too."""
    from pipeline.stages.reduced.map_layout import layout

    layout(vectors)
    return None, {}


def _umap_hdbscan(vectors: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    import hdbscan
    import umap

    flat = umap.UMAP(n_components=5, n_neighbors=15, min_dist=0.0, metric="cosine", random_state=SEED)
    found = hdbscan.HDBSCAN(min_cluster_size=10, core_dist_n_jobs=1).fit_predict(flat.fit_transform(vectors))
    return np.asarray(found), {}


def _evoc(vectors: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    import evoc

    return np.asarray(evoc.EVoC(random_state=SEED).fit_predict(vectors)), {}


RECIPES: dict[str, Callable[[np.ndarray], tuple[np.ndarray | None, dict[str, Any]]]] = {
    "ours": _ours,
    "exact": _exact,
    "map": _map,
    "umap": _umap_hdbscan,
    "evoc": _evoc,
}


def exponent(rows: list[dict[str, Any]]) -> float | None:
    """The growth of CPU time with size, from the first to the last of one recipe's rows; None of a single size."""
    if len(rows) < 2 or rows[0]["images"] == rows[-1]["images"]:
        return None
    times = np.log([max(row["cpu_seconds"], 0.1) for row in (rows[0], rows[-1])])
    sizes = np.log([row["images"] for row in (rows[0], rows[-1])])
    return round(float(np.diff(times)[0] / np.diff(sizes)[0]), 2)


def _table(measured: list[dict[str, Any]]) -> str:
    names = ("recipe", "images", "seconds", "cpu_seconds", "peak_mb", "clusters", "kinds", "ami", "noise_recall")
    lines = ["| " + " | ".join(name.replace("_", " ") for name in names) + " |", "|---" * len(names) + "|"]
    cells = [["–" if one[name] is None else str(one[name]) for name in names] for one in measured]
    return "\n".join([*lines, *(f"| {' | '.join(line)} |" for line in cells), ""])


if __name__ == "__main__":
    main()
