"""The bars that lasting identity must hold: how many images keep their cluster id when a library changes.

`bollards-400.npz` holds 400 drawn bollards (`pipeline.demo`, seed 0) as EfficientNet-lite0 vectors, turned to their 96
principal directions. The table in docs/appendix/identity.md comes from the whole vectors and from more libraries.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.bench_identity import Clustered, Outcome, disturbed, full, incremental, outcome

FILE = Path(__file__).with_name("bollards-400.npz")


@cache
def library() -> tuple[np.ndarray, np.ndarray]:
    with np.load(FILE) as stored:
        vectors = stored["vectors"].astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), stored["kinds"]


@cache
def everything() -> Clustered:
    vectors, _ = library()
    return full(vectors, np.arange(len(vectors)))


def clustered_again(vectors: np.ndarray, before: Clustered, rows: np.ndarray) -> Clustered:
    return full(vectors, rows, before=before)


def outcomes(change: str, share: float, mode: str, times: int) -> list[Outcome]:
    vectors, _ = library()
    found: list[Outcome] = []
    for time in range(times):
        first, second = disturbed(vectors, change, share, time)
        before = everything() if change == "drop" else full(vectors, first)
        again = incremental if mode == "incremental" else clustered_again
        found.append(outcome(before, again(vectors, before, second), vectors))
    return found


@pytest.mark.parametrize(("share", "bar"), [(0.05, 0.97), (0.2, 0.90)])
@pytest.mark.parametrize("change", ["drop", "add"])
def test_images_keep_their_cluster_id_when_few_come_or_go(change: str, share: float, bar: float) -> None:
    found = outcomes(change, share, "incremental", 20 if change == "drop" else 5)
    assert min(one.kept for one in found) >= bar
    assert sum(one.broken + one.names_broken for one in found) == 0


@pytest.mark.parametrize(("share", "bar"), [(0.05, 0.90), (0.2, 0.80)])
@pytest.mark.parametrize("change", ["drop", "add"])
def test_most_images_keep_their_cluster_id_when_all_are_clustered_again(change: str, share: float, bar: float) -> None:
    found = outcomes(change, share, "full", 5)
    assert np.mean([one.kept for one in found]) >= bar
    assert sum(one.broken + one.names_broken for one in found) == 0


def test_matching_loses_next_to_nothing_of_what_the_clustering_left_together() -> None:
    found = outcomes("drop", 0.2, "full", 5)
    assert np.mean([one.possible - one.kept for one in found]) <= 0.01


@pytest.mark.parametrize(("smallest", "seed"), [(5, 42), (3, 1), (3, 2)])
def test_another_seed_or_least_size_moves_few_images(smallest: int, seed: int) -> None:
    vectors, _ = library()
    found = outcome(everything(), full(vectors, np.arange(len(vectors)), smallest=smallest, seed=seed), vectors)
    assert found.kept >= 0.95
    assert found.broken == found.names_broken == 0


def test_a_kind_that_comes_at_once_is_left_for_the_next_full_clustering() -> None:
    vectors, kinds = library()
    caught: list[float] = []
    for kind in sorted({str(kind) for kind in kinds if (kinds == kind).sum() >= 20 and kind}):
        late = np.flatnonzero(kinds == kind)[:12]
        before = full(vectors, np.flatnonzero(kinds != kind))
        rows = np.sort(np.concatenate([before.rows, late]))
        after = incremental(vectors, before, rows)
        caught.append(float((after.groups[np.isin(rows, late)] < 0).mean()))
    assert np.mean(caught) >= 0.5
