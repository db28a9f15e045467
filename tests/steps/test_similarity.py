"""The index follows the library, exact or in cells, and says which it is."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.stages.similarity import index as searching
from pipeline.steps.search import Indexes, find_similar
from tests.steps.test_run import KINDS, Bench, add

CELLS = {"similarity": {"index": "cells", "min_recall": 1.0}}


@pytest.fixture
def library(tmp_path: Path) -> Path:
    root = tmp_path / "library"
    for seed in range(36):
        add(root, f"bollards/at/{seed:03d}.png", list(KINDS)[seed % 3], seed)
    return root


def facts(bench: Bench) -> dict[str, Any]:
    artifact = bench.project().store.require("bollards", "similarity")
    return {"index": artifact.provenance.params["index"], **artifact.provenance.facts}


def found(bench: Bench, key: str) -> list[tuple[str, float]]:
    return [(row["key"], row["score"]) for row in find_similar(bench.project(), key, top_k=12)]


def test_an_index_in_cells_answers_like_the_exact_one_and_tells_its_recall(library: Path, tmp_path: Path) -> None:
    exact, cells = Bench(library, tmp_path / "exact"), Bench(library, tmp_path / "cells", **CELLS)
    exact.run()
    cells.run()
    assert found(exact, "bollards/at/007.png") == found(cells, "bollards/at/007.png")
    assert found(cells, "bollards/at/007.png")[0] == ("bollards/at/007.png", 1.0)
    assert facts(exact)["index"] == "exact"
    assert facts(cells)["index"] == "cells"
    assert facts(cells)["search"]["recall"] == 1.0
    assert [index.recall for index in Indexes(cells.project()).all()] == [1.0]


def test_few_new_images_are_added_to_the_cells_and_many_cut_them_anew(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[int] = []
    build = searching.build_cells

    def counted(vectors: Any, min_recall: float) -> Any:
        built.append(len(vectors))
        return build(vectors, min_recall)

    monkeypatch.setattr(searching, "build_cells", counted)
    bench = Bench(library, tmp_path / "data", **CELLS)
    bench.run()
    add(library, "bollards/at/900.png", "red", 900)
    (library / "bollards/at/003.png").unlink()
    bench.run()
    assert built == [36]
    assert facts(bench)["search"]["built_of"] == 36
    assert found(bench, "bollards/at/900.png")[0] == ("bollards/at/900.png", 1.0)
    assert len(find_similar(bench.project(), "bollards/at/900.png", top_k=50)) == 36
    for seed in range(910, 920):
        add(library, f"bollards/at/{seed}.png", "blue", seed)
    bench.run()
    assert built == [36, 46]


def test_auto_is_exact_up_to_the_setting_and_changes_over_beyond(library: Path, tmp_path: Path) -> None:
    bench = Bench(library, tmp_path / "data", similarity={"exact_up_to": 36, "min_recall": 1.0})
    bench.run()
    assert facts(bench)["index"] == "exact"
    before = found(bench, "bollards/at/007.png")
    (library / "bollards/at/035.png").unlink()
    for name in ("900", "901"):
        add(library, f"bollards/at/{name}.png", "green", int(name))
    bench.run()
    assert facts(bench)["index"] == "cells"
    assert found(bench, "bollards/at/007.png")[:3] == before[:3]
