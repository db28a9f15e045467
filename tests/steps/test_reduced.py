"""The map is computed by one method, from where the last one left the images, and its neighbours are searched once."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipeline.stages.reduced.contract import MAP_METHOD, Facts, reduced_schema
from pipeline.steps.reduced import reduced
from tests.steps.searches import counted_searches
from tests.steps.test_run import KINDS, Bench, add


@pytest.fixture
def library(tmp_path: Path) -> Path:
    root = tmp_path / "library"
    for seed in range(45):
        add(root, f"bollards/de/de-{seed:03d}-800w.png", list(KINDS)[seed % 3], seed)
    return root


def bench_of(library: Path, tmp_path: Path, **settings: Any) -> Bench:
    return Bench(library, tmp_path / "data", **{"reduced": {"method": "none"}, **settings})


def places(bench: Bench) -> np.ndarray:
    table = bench.project().store.require("bollards", "reduced").table("reduced", reduced_schema(0))
    return table.select("x", "y").to_numpy()


def test_the_map_and_the_clusterer_share_one_search(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched = counted_searches(monkeypatch)
    bench_of(library, tmp_path).run()
    assert searched == [45]


@pytest.mark.parametrize("reducer", ["none", "pca"])
def test_every_reducer_has_the_same_map(library: Path, tmp_path: Path, reducer: str) -> None:
    bench = bench_of(library, tmp_path)
    bench.run()
    other = Bench(library, tmp_path / "other", reduced={"method": reducer, "n_components": 2})
    other.run()
    table = other.project().store.require("bollards", "reduced")
    theirs = table.table("reduced", reduced_schema(table.facts(Facts).dimension)).select("x", "y").to_numpy()
    assert np.array_equal(theirs, places(bench))


def test_a_map_of_an_older_version_is_computed_once_more_from_its_own_positions(library: Path, tmp_path: Path) -> None:
    bench = bench_of(library, tmp_path)
    bench.run()
    project = bench.project()
    current = project.store.require("bollards", "reduced")
    turned = current.table("reduced", reduced_schema(0)).with_columns(x=-pl.col("y") / 9, y=pl.col("x") / 9)
    old = current.facts(Facts).model_copy(update={"map_method": None, "seen": "older"})
    tables = {"reduced": (turned, reduced_schema(0))}
    project.store.write(
        "bollards", "reduced", tables, fingerprint="older", created_at=project.now(),
        params=current.provenance.params, facts=old,
    )  # fmt: skip
    before = places(bench)
    assert not reduced(bench.project(), "bollards").unchanged
    after = places(bench)
    moved = np.linalg.norm(after - before, axis=1)
    assert 0 < np.median(moved) < 0.3 * np.linalg.norm(before - before.mean(axis=0), axis=1).max()
    assert bench.project().store.require("bollards", "reduced").facts(Facts).map_method == MAP_METHOD
    assert reduced(bench.project(), "bollards").unchanged
    assert not any("laid out afresh" in notice for notice in bench.notices)
