"""How many cores there are to work with.

What belongs here: what the affinity of the process and the limits of its container leave. Not here: how many threads
of which kind are made of them.

A container that may use 4 of 64 cores still sees 64; as many threads would take turns on 4, and each hold an image.
"""

import math
import os
from collections.abc import MutableMapping
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
MOST_READERS = 8  # threads that read memory at a time: more do not read it any faster
POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")


def usable_cores(cgroup: Path = CGROUP) -> int:
    """Cores that this process may run on, at least 1. A quota of 2.5 cores counts as 3."""
    cores = _visible()
    quota = _quota(cgroup)
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def tell_libraries(environment: MutableMapping[str, str], cgroup: Path = CGROUP) -> None:
    """Where a quota grants fewer cores than are to be seen, tell the libraries that count for themselves.

    Each reads its variable when it is first imported; one that is set already is somebody's wish.
    """
    cores = usable_cores(cgroup)
    if cores < _visible():
        for name in POOLS:
            environment.setdefault(name, str(cores))


def _visible() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _quota(cgroup: Path) -> float | None:
    """Cores that the scheduler grants, None where it sets no limit: cgroups version 2, else version 1."""
    limit = _words(cgroup / "cpu.max") or [
        *_words(cgroup / "cpu" / "cpu.cfs_quota_us"), *_words(cgroup / "cpu" / "cpu.cfs_period_us")
    ]  # fmt: skip
    if len(limit) != 2 or not all(word.isdigit() for word in limit) or int(limit[1]) == 0:
        return None  # "max" in version 2, -1 in version 1
    return int(limit[0]) / int(limit[1])


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
