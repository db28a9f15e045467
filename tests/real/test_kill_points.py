"""A run that is killed at every rename and every flush to disk, one after the other.

What belongs here: the moments at which what is stored changes. Not here: random moments of all commands
(`test_campaign.py`).

    IMAGE_CLUSTER_CAMPAIGN=10 pytest -s tests/real/test_kill_points.py

tries every one; otherwise some, drawn from a seed.
"""

import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.real.campaign import bench, curated_names, decided, faults, names_by_id, published, told
from tests.steps.named_library import Bench
from tests.steps.test_run import add

__all__ = ["bench", "published"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(7200)]

WHOLE = int(os.environ.get("IMAGE_CLUSTER_CAMPAIGN", "1")) > 1
ROOT = Path(__file__).parents[2]
SOME = 8  # moments, where not all are tried
# The run that is killed: our own process dies just before the n-th rename or flush. It prints what it came to.
WORK = """
import os, signal, sys
from pathlib import Path
from pipeline.steps.each import raise_failures
from pipeline.steps.run import run
from tests.steps.named_library import Bench

at, library, data, log = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
count = 0

def counted(name, whole):
    def call(*arguments, **more):
        global count
        count += 1
        if count == at:
            log.write_text(name)
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(*arguments, **more)
    return call

for name in ("rename", "replace", "fsync", "link", "symlink"):
    setattr(os, name, counted(name, getattr(os, name)))
done = run(Bench(library, data).project())
raise_failures(done.failures, len(done.finished))
log.write_text(str(count))
os._exit(0)
"""


def killed_at(bench: Bench, number: int) -> str:
    """Run until the n-th moment; what was about to be called, or the number of moments if it ended before."""
    log = bench.data.with_name("log")
    ended = subprocess.run(
        [sys.executable, "-c", WORK, str(number), str(bench.library), str(bench.data), str(log)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert ended.returncode in (0, -9), ended.stderr
    return log.read_text()


def test_killed_at_a_rename_or_a_flush_a_run_loses_nothing_and_the_next_one_finishes(bench: Bench) -> None:
    for seed in range(300, 306):
        add(bench.library, f"posts/de/{seed}-800w.png", ("red", "green", "blue")[seed % 3], seed)
    whole = bench.data.with_name("whole")
    shutil.copytree(bench.data, whole, symlinks=True)
    before, published_names, events = curated_names(bench), names_by_id(bench), decided(bench)
    moments = int(killed_at(bench, 0))
    assert moments > 40
    after = names_by_id(bench)
    numbers = range(1, moments + 1) if WHOLE else random.Random(23).sample(range(1, moments + 1), SOME)
    tried, leftovers = Counter[str](), 0
    for number in numbers:
        shutil.rmtree(bench.data)
        shutil.copytree(whole, bench.data, symlinks=True)
        what = killed_at(bench, number)
        tried[what] += 1
        assert names_by_id(bench) in (published_names, after), number
        left = faults(bench)
        assert {one.check for one in left} <= {"leftovers"}, (number, what, left)
        leftovers += len(left)
        bench.run()
        assert faults(bench, repair=True) == [], (number, what)
        assert curated_names(bench) == before | after, (number, what)
        assert names_by_id(bench) == after, (number, what)
        assert decided(bench) == events, (number, what)
    told("killed at a rename or a flush of a run", len(numbers), len(numbers), 0, moments=moments, **tried,
         leftovers_swept=leftovers)  # fmt: skip
