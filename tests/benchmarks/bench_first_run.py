"""What a first run costs beside reading and embedding, on a machine that has no cache of ours yet.

    python -m tests.benchmarks.bench_first_run [--images 2000] [--folder PICTURES] [--json FILE]

What belongs here: drawing a library of bursts, one run in a fresh process with an empty data directory, an empty cache
of models and no compiled code, and its seconds per step. Not here: the rate of reading and embedding
(`bench_embedding.py`), later nights (`bench_nights_cost.py`).

The pictures are scenes of the demo, five shots of each, cut, mirrored and lit differently: near copies are many, so
the search for duplicates has much to compare. `--folder` measures photographs of your own. The encoder is opened before
the run, so that `ingest` holds nothing but reading, decoding and embedding; everything else is counted from the start
of the process to its end. On a busy machine the CPU seconds are the steadier figure.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time

from tests.benchmarks.big_library import write
from tests.benchmarks.rows import Row, row, show

SHOTS = 5  # of one scene
WITHOUT = ("ingest",)


def first_run(pictures: Path, data: Path) -> dict[str, list[float]]:
    """Wall and CPU seconds of each part of a run in this process."""
    from tests.benchmarks.bench_nights_cost import timed_steps

    started, cpu = perf_counter(), process_time()
    from pipeline.settings import Settings
    from pipeline.steps import run as steps
    from pipeline.steps.each import raise_failures
    from pipeline.steps.project import Project

    project = Project(Settings.model_validate({"data_dir": str(data), "source": {"url": str(pictures)}}))
    cost = timed_steps(steps)
    imported, imported_cpu = perf_counter(), process_time()
    _ = project.encoder
    opened, opened_cpu = perf_counter(), process_time()
    done = steps.run(project)
    raise_failures(done.failures, len(done.finished))
    return {
        "importing the steps": [imported - started, imported_cpu - cpu],
        "opening the encoder": [opened - imported, opened_cpu - imported_cpu],
        **cost,
    }


def rows(images: int, folder: Path | None) -> list[Row]:
    """Draw, run, measure; nothing is kept."""
    with tempfile.TemporaryDirectory(prefix="first-run-") as scratch:
        root = Path(scratch)
        pictures = folder or root / "pictures"
        if folder is None:
            write(pictures, images, SHOTS)
        count = sum(path.is_file() for path in pictures.rglob("*"))
        given = json.dumps([str(pictures), str(root / "data")])
        empty = {"IMAGE_CLUSTER_CACHE": str(root / "models"), "NUMBA_CACHE_DIR": str(root / "compiled")}
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.bench_first_run", "--run", given],
            stdout=subprocess.PIPE, check=True, text=True, env=os.environ | empty,
        )  # fmt: skip
        wall, after = perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cost: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return _judged(f"a first run on {count:,} pictures, no caches", wall, cpu, cost)


def _judged(what: str, wall: float, cpu: float, cost: dict[str, list[float]]) -> list[Row]:
    apart = [sum(cost[name][at] for name in WITHOUT) for at in (0, 1)]
    text = f"{cpu - apart[1]:.1f} s of CPU time"
    found = [row(what, "seconds of everything but reading and embedding", wall - apart[0], "s", "<= 20", text)]
    opening = cost["opening the encoder"]
    found.append(row(what, "CPU seconds of opening the encoder", opening[1], "s", "<= 4", f"{opening[0]:.1f} s"))
    found += [
        row(what, f"seconds of {name}", seconds, "s", "", f"{of_cpu:.1f} s of CPU time")
        for name, (seconds, of_cpu) in cost.items()
    ]
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--folder", type=Path, help="photographs of your own, instead of drawn ones")
    parser.add_argument("--json", type=Path, help="write the rows there")
    parser.add_argument("--run", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(first_run(*map(Path, options.run))))
        return
    show(rows(options.images, options.folder), options.json)


if __name__ == "__main__":
    main()
