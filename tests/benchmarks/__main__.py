"""The table of speeds: `python -m tests.benchmarks [NAME ...] [--write]`.

What belongs here: which benchmarks there are, running each in a process of its own, gathering their rows, and writing
them into benchmarks.md and benchmarks.json of docs/appendix. Not here: any measuring (`bench_*.py`), whose rows these
are.

One after the other, as two cores are soon busy. Rows of benchmarks that were not run now stay as they were.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.rows import markdown

DOCS = Path("docs/appendix")
BEGIN, END = "<!-- table of speeds -->", "<!-- end of the table -->"
BENCHES: dict[str, list[str]] = {
    "embedding": ["bench_embedding"],
    "embedding-vit": ["bench_embedding", "--encoder", "vit", "--images", "80"],
    "bucket": ["bench_bucket"],
    "first-run": ["bench_first_run"],
    "driver": ["bench_driver"],
    "nights": ["bench_nights_cost"],
    "nights-large": ["bench_nights_cost", "--images", "100000"],
    "grouping": ["bench_clustering", "--sizes", "2500,10000"],
    "grouping-large": ["bench_clustering", "--sizes", "50000,100000,200000", "--recipes", "ours,evoc"],
    "grouping-exact": ["bench_clustering", "--sizes", "100000", "--recipes", "ours,exact"],
    "grouping-million": ["bench_clustering", "--sizes", "1000000", "--recipes", "ours"],
    "vectors": ["bench_vectors"],
    "similarity": ["bench_similarity"],
    "similarity-million": ["bench_similarity", "--vectors", "1000000"],
    "similarity-cells": ["bench_similarity", "--vectors", "1000000", "--cells"],
    "answers": ["bench_answers"],
    "service": ["bench_service"],
    "load": ["bench_load"],
    "big": ["bench_big"],
}
LONG = (
    "grouping-large",
    "grouping-exact",
    "grouping-million",
    "nights-large",
    "similarity-million",
    "similarity-cells",
    "load",
    "big",
)  # minutes to an hour; by name or with --all


def main() -> int:
    """Run, print, and write where asked; 1 where a benchmark failed to run, whatever it measured."""
    options = _options()
    wanted = options.names or [name for name in BENCHES if options.all or name not in LONG]
    held: dict[str, Any] = _held()
    failed: list[str] = []
    for name in wanted:
        print(f"## {name}", flush=True)
        rows = _run(BENCHES[name])
        if rows is None:
            failed.append(name)
            continue
        print(markdown(rows), flush=True)
        held[name] = {"measured": datetime.now(UTC).date().isoformat(), "machine": _machine(),
                      "command": f"python -m tests.benchmarks.{' '.join(BENCHES[name])}", "rows": rows}  # fmt: skip
        if options.write:
            _write({known: held[known] for known in BENCHES if known in held})
    if failed:
        print(f"Not measured, as they failed: {', '.join(failed)}.", file=sys.stderr)
    return int(bool(failed))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"names: {', '.join(BENCHES)}\nonly by name or with --all: {', '.join(LONG)}",
    )  # fmt: skip
    parser.add_argument("names", nargs="*", choices=[[], *BENCHES], metavar="NAME")
    parser.add_argument("--all", action="store_true", help="the long ones as well")
    parser.add_argument("--write", action="store_true", help="write docs/appendix/benchmarks.json and .md")
    return parser.parse_args()


def _run(arguments: list[str]) -> list[Any] | None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.json"
        command = [sys.executable, "-m", f"tests.benchmarks.{arguments[0]}", *arguments[1:], "--json", str(out)]
        done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
        return json.loads(out.read_text()) if done.returncode == 0 and out.exists() else None


def _machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}"


def _held() -> dict[str, Any]:
    path = DOCS / "benchmarks.json"
    return json.loads(path.read_text()) if path.exists() else {}


def _write(held: dict[str, Any]) -> None:
    (DOCS / "benchmarks.json").write_text(json.dumps(held, indent=1) + "\n")
    page = DOCS / "benchmarks.md"
    text = page.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    parts = [
        f"`{one['command']}`, {one['measured']}, {one['machine']}:\n\n{markdown(one['rows'])}" for one in held.values()
    ]
    page.write_text("\n\n".join([before + BEGIN, *parts, END + after]))


if __name__ == "__main__":
    sys.exit(main())
