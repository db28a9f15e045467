"""An index in cells: as many of the true nearest as it says, and the same after a change as before."""

from pathlib import Path

import numpy as np

from pipeline.stages.similarity import ivf_index
from pipeline.stages.similarity.index import build, build_cells, load, open_mapped, search, update, vector_of


def clumps(count: int, dimension: int = 24, seed: int = 2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(count // 40, dimension))[rng.integers(0, count // 40, count)]
    data = (data + 0.6 * rng.normal(size=data.shape)).astype(np.float32)
    return data / np.linalg.norm(data, axis=1, keepdims=True)


def test_an_index_in_cells_finds_as_many_of_the_true_nearest_as_it_says() -> None:
    data = clumps(6000)
    told: dict[str, float] = {}
    for asked in (0.7, 0.98):
        bytes_, told = build_cells(data.astype(np.float16), asked)
        index = load(bytes_)
        queries = clumps(6000, seed=2)[1::60]  # others than the recall was measured on
        true = np.argsort(-(queries @ data.T), axis=1)[:, :50]
        found = [{hit.row for hit in search(index, one, 50)} for one in queries]
        recall = np.mean([len(one & set(other.tolist())) / 50 for one, other in zip(found, true, strict=True)])
        assert told.recall >= asked
        assert abs(recall - told.recall) < 0.05
        assert search(index, data[17], 5)[0].row == 17
    assert told.probes < told.cells


def test_a_filter_finds_all_that_it_leaves_however_many_cells_away_they_lie() -> None:
    data = clumps(6000)
    index = load(build_cells(data, 0.7)[0])
    allowed = np.zeros(6000, dtype=bool)
    allowed[np.argsort(data @ data[0])[:60]] = True
    hits = search(index, data[0], 50, allowed)
    assert len({hit.row for hit in hits}) == 50
    assert all(allowed[hit.row] for hit in hits)


def test_an_index_in_cells_closes_up_after_a_removal_and_takes_in_what_is_new(tmp_path: Path) -> None:
    data, gone = clumps(3000), [0, 5, 77, 2000]
    rest = np.delete(data[:2900], gone, axis=0)
    path = tmp_path / "index.faiss"
    path.write_bytes(update(build_cells(data[:2900], 0.98)[0], gone, data[2900:]))
    mapped = open_mapped(path)
    assert mapped is not None
    assert mapped.ntotal == 2996
    for row, vector in ((0, rest[0]), (74, rest[74]), (2895, rest[2895]), (2896, data[2900]), (2995, data[2999])):
        assert np.abs(vector_of(mapped, row) - vector).max() < 1e-3
        assert search(mapped, vector, 3)[0].row == row


def test_two_builds_of_an_index_in_cells_are_the_same_bytes() -> None:
    data = clumps(1000)
    assert build_cells(data, 0.9) == build_cells(data, 0.9)


def test_an_index_in_cells_is_told_from_an_exact_one() -> None:
    data = clumps(400)
    assert ivf_index.is_inverted(ivf_index.build(data, 0.9)[0])
    assert not ivf_index.is_inverted(load(build(data)))
    assert ivf_index.is_inverted(load(build_cells(data, 0.9)[0]))


def test_an_index_of_one_vector_has_cells_and_finds_it() -> None:
    index, told = ivf_index.build(clumps(40)[:1], 0.98)
    assert (told.cells, told.built_of) == (1, 1)
    assert ivf_index.search(index, clumps(40)[:1], 1)[1].tolist() == [[0]]
