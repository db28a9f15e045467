"""A hundred thousand pictures from start to finish: `python -m tests.benchmarks.bench_big [--images N] [--folder DIR]`.

What belongs here: making the pictures, a whole run that is killed once in the middle, the run that goes on, the run
that finds nothing new; seconds, memory and counts of each. Not here: the rate against other ways
(`bench_embedding.py`), grouping alone (`bench_clustering.py`).
"""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.big_library import write
from tests.benchmarks.rows import Row, row, show

POLL = 0.5


def rows(images: int = 100_000, folder: Path | None = None, *, sizes: bool = True) -> list[Row]:
    """Stages, memory and counts of the whole way."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        pictures = folder or root / "pictures"
        write(pictures, images)
        found: list[Row] = []
        what = f"{images:,} pictures of 256 x 192, start to finish"
        killed = _run(pictures, root / "data", kill_after=images // 2)
        kept = _embedded(root / "data")
        found.append(row(what, "killed after so many were stored", kept, "", "", f"{killed['seconds']:.0f} s"))
        done = _run(pictures, root / "data")
        (summary,) = done["summary"]
        found.append(row(what, "read by the run that went on", summary["read"], "", f"<= {images - kept}"))
        found.append(row(what, "seconds of both", killed["seconds"] + done["seconds"], "s", "",
                         f"{killed['cpu'] + done['cpu']:.0f} s of CPU time"))  # fmt: skip
        found += [row(what, f"seconds of {name}", seconds, "s") for name, seconds in summary["seconds"].items()]
        found.append(row(what, "peak memory of the run that went on", done["memory"], "GB"))
        found.append(row(what, "peak memory while embedding", killed["memory"], "GB", "<= 2"))
        found.append(row(what, "clusters", summary["clusters"], "", "", f"{summary['unclustered']:,} unclustered"))
        again = _run(pictures, root / "data")
        found.append(
            row(what, "read when run again", again["summary"][0]["read"], "", "= 0", f"{again['seconds']:.0f} s")
        )
        if sizes:
            found += _memory(pictures, root, killed["memory"], images)
    return found


def _memory(pictures: Path, root: Path, most: float, images: int) -> list[Row]:
    """Memory while embedding a hundredth and a tenth of them, beside that of all."""
    found: list[Row] = []
    for count in (images // 100, images // 10):
        made = _run(pictures, root / f"data-{count}", "--sample", str(count), command="embed")
        text = f"{made['memory']:.2f} and {most:.2f} GB"
        found.append(row(f"embedding {images:,} pictures", f"peak memory over that of {count:,}", most / made["memory"],
                         "x", "<= 1.1", text))  # fmt: skip
    return found


def _run(pictures: Path, data: Path, *more: str, command: str = "run", kill_after: int = 0) -> dict[str, Any]:
    """One run in a process of its own: seconds, CPU seconds, peak memory in GB, and what it said at its end."""
    arguments = [
        sys.executable,
        "-m",
        "pipeline.cli",
        command,
        str(pictures),
        "--out",
        str(data),
        "--json",
        "--quiet",
        *more,
    ]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(arguments, stdout=said, env=os.environ.copy())
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, _peak(process.pid))
            if kill_after and _embedded(data) >= kill_after:
                process.send_signal(signal.SIGKILL)
                process.wait()
            time.sleep(POLL)
        said.seek(0)
        text = said.read()
    if process.returncode not in (0, -signal.SIGKILL if kill_after else 0):
        raise RuntimeError(f"{' '.join(arguments[2:])} ended with {process.returncode}.")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": time.perf_counter() - started, "cpu": cpu, "memory": peak,
            "summary": json.loads(text) if text.strip() else None}  # fmt: skip


def _peak(process: int) -> float:
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return 0.0
    found = status.partition("VmHWM:")[2].split()
    return int(found[0]) / 1e6 if found else 0.0


def _embedded(data: Path) -> int:
    """How many vectors are stored."""
    from pipeline.storage.vectors import VectorStore

    return sum(VectorStore(root).index().height for root in (data / "vectors").glob("*") if root.is_dir())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="keep the pictures there, or use those that are there")
    parser.add_argument("--json", type=Path, help="write the rows there")
    options = parser.parse_args()
    show(rows(options.images, options.folder), options.json)


if __name__ == "__main__":
    main()
