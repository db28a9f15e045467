"""The number of cores that this process may use.

What belongs here: the affinity of the process and the limits of its container. Not here: numbers of threads (the
modules that start them).

A container that may use 4 of 64 cores still sees 64; 64 threads would share 4 cores and each hold an image in memory.
"""

import math
import os
from collections.abc import MutableMapping

CGROUP = "/sys/fs/cgroup"  # no Path: this is imported before anything else, while Ctrl-C is not yet taken
MOST_READERS = 8  # threads that read memory at a time; more are no faster
POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")


def usable_cores(cgroup: "str | os.PathLike[str]" = CGROUP) -> int:
    """Cores that this process may run on, at least 1. A quota of 2.5 cores counts as 3."""
    cores = _visible()
    quota = _quota(cgroup)
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def tell_libraries(environment: MutableMapping[str, str], cgroup: "str | os.PathLike[str]" = CGROUP) -> None:
    """Limit the threads of numerical libraries if a quota grants fewer cores than are visible.

    Each library reads its variable when it is first imported. Variables that are already set do not change.
    """
    cores = usable_cores(cgroup)
    if cores < _visible():
        for name in POOLS:
            environment.setdefault(name, str(cores))


def _visible() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _quota(cgroup: "str | os.PathLike[str]") -> float | None:
    """Cores that cgroups grant, None if there is no limit; version 2, else version 1."""
    limit = _words(cgroup, "cpu.max") or [
        *_words(cgroup, "cpu", "cpu.cfs_quota_us"), *_words(cgroup, "cpu", "cpu.cfs_period_us")
    ]  # fmt: skip
    if len(limit) != 2 or not all(word.isdigit() for word in limit) or int(limit[1]) == 0:
        return None  # "max" in version 2, -1 in version 1
    return int(limit[0]) / int(limit[1])


def _words(cgroup: "str | os.PathLike[str]", *parts: str) -> list[str]:
    try:
        with open(os.path.join(cgroup, *parts), encoding="ascii", errors="replace") as file:  # noqa: PTH118, PTH123
            return file.read().split()
    except OSError:
        return []
