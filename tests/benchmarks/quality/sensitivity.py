"""What each constant of the default clusterer is worth: its AMI with 0.7 and 1.3 times the value, set by set.

    python -m tests.benchmarks.quality --sensitivity [--sets A,B]

What belongs here: the list of constants and the table. Not here: the constants (`pipeline/stages/labels/community/`),
data sets (`datasets.py`). Mean of `SEEDS`. Whole numbers are rounded, and move by one at least.
"""

import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any

import numpy as np

from tests.benchmarks.quality.datasets import DataSet
from tests.benchmarks.quality.scores import score

SEEDS = (42, 1042)
FACTORS = (0.7, 1.3)
PACKAGE = "pipeline.stages.labels"
CONSTANTS = (
    "NEIGHBOURS", "LIBRARY_SHARE", "SMALLEST_SHARE", "USUAL", "MOST_VOTERS", "FAINT", "ITERATIONS", "SWEEPS",
    "NEAREST", "ISOLATED", "REMOTE", "LEAST_SPREAD", "FEW", "MOST_NOISE",
)  # fmt: skip
MISSED = 0.03  # a change of AMI that makes a constant one that matters


def print_table(sets: Iterable[DataSet]) -> None:
    """One line per constant and factor: the mean change of AMI, and the sets that change by more than `MISSED`."""
    data = list(sets)
    before = {part.name: _ami(part) for part in data}
    head = ("constant", "value", "factor", "mean", f"sets that change by more than {MISSED}")
    print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|", flush=True)
    for name in CONSTANTS:
        for factor in FACTORS:
            with scaled(name, factor) as (value, changed):
                changes = {part.name: _ami(part) - before[part.name] for part in data}
            moved = [f"{part} {change:+.3f}" for part, change in changes.items() if abs(change) > MISSED]
            mean = float(np.mean(list(changes.values())))
            print(f"| {name} | {value:g} | {factor} → {changed:g} | {mean:+.3f} | {', '.join(moved) or '–'} |",
                  flush=True)  # fmt: skip


@contextmanager
def scaled(name: str, factor: float) -> Generator[tuple[float, float]]:
    """The constant times `factor` in every module of the clusterer that has it; gives the value before and now."""
    from pipeline.stages.labels.community import clusterer

    modules: list[Any] = [module for key, module in sys.modules.items() if key.startswith(PACKAGE)]
    home = next(module for module in (clusterer, *modules) if hasattr(module, name))
    value = getattr(home, name)
    changed: float = value * factor
    if isinstance(value, int):
        changed = min(value - 1, round(changed)) if factor < 1 else max(value + 1, round(changed))
    holders = [module for module in modules if getattr(module, name, None) == value]
    try:
        for module in holders:
            setattr(module, name, changed)
        yield value, changed
    finally:
        for module in holders:
            setattr(module, name, value)


def _ami(data: DataSet) -> float:
    from pipeline.settings import ClusterParams
    from pipeline.stages.labels.community import clusterer, outliers

    amis: list[float] = []
    for seed in SEEDS:
        params = ClusterParams(min_cluster_size=5, seed=seed)
        # the default of an argument was bound when the module was loaded, so the limit is passed on
        groups = clusterer.group_communities(data.vectors, params, noise_ratio=outliers.ISOLATED).groups
        amis.append(score(data.truth, groups).ami)
    return float(np.mean(amis))
