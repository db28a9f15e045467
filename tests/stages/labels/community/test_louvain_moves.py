"""The compiled loop partitions as scikit-network's own does, to the last label, alone and several at a time."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from pipeline.stages.labels.community import structure as partitions
from pipeline.stages.labels.community.louvain_moves import quick_louvain
from pipeline.stages.labels.community.resolution import CANDIDATES, USUAL
from pipeline.stages.labels.community.structure import consensus, louvains


def graph(n: int, degree: int, seed: int, *, even: bool = False) -> sparse.csr_matrix:
    """Symmetric, of some groups, with a few nodes that nothing touches; `even` weights make many gains equal."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, max(2, n // 30), n)
    order = np.argsort(group, kind="stable")
    near = order[(np.argsort(order)[:, None] + rng.integers(1, degree, (n, degree))) % n]
    rows, columns = np.repeat(np.arange(n), degree), near.ravel()
    touched = (rows % 97 != 0) & (columns % 97 != 0)
    weights = np.ones(rows.size) if even else rng.uniform(1e-3, 1, rows.size)
    one_way = sparse.csr_matrix((weights[touched], (rows[touched], columns[touched])), shape=(n, n))
    return sparse.csr_matrix(one_way.maximum(one_way.T), dtype=np.float32)


def labels(louvain: Any, of: sparse.csr_matrix, resolution: float, seed: int) -> np.ndarray:
    model = louvain(resolution=resolution, shuffle_nodes=True, random_state=seed, tol_optimization=1e-5,
                    tol_aggregation=1e-5, return_probs=False, return_aggregate=False)  # fmt: skip
    return np.asarray(model.fit_predict(of))


@pytest.mark.parametrize("even", [False, True])
@pytest.mark.parametrize("resolution", [0.1, USUAL, 30.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_compiled_loop_gives_the_same_labels(resolution: float, seed: int, even: bool) -> None:
    from sknetwork.clustering import Louvain

    some = graph(400, 6, seed, even=even)
    theirs = labels(Louvain, some, resolution, seed)
    np.testing.assert_array_equal(labels(quick_louvain(), some, resolution, seed), theirs)


@pytest.mark.parametrize("cores", [1, 3])
def test_neither_compiling_nor_cores_nor_memory_change_a_group(monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    some = graph(900, 8, 5)
    plain = consensus(some, USUAL, 7)
    several = louvains(some, CANDIDATES, 0)
    monkeypatch.setattr(partitions, "usable_cores", lambda: cores)
    monkeypatch.setattr(partitions, "COMPILED", 1)
    np.testing.assert_array_equal(consensus(some, USUAL, 7), plain)
    for one, other in zip(louvains(some, CANDIDATES, 0), several, strict=True):
        np.testing.assert_array_equal(one, other)
    monkeypatch.setattr(partitions, "SIDE_BY_SIDE", 1)
    np.testing.assert_array_equal(consensus(some, USUAL, 7), plain)


def test_a_node_that_nothing_touches_stays_alone() -> None:
    alone = labels(quick_louvain(), graph(400, 6, 0), USUAL, 0)
    own = alone[np.arange(0, 400, 97)]
    assert all((alone == one).sum() == 1 for one in own)
