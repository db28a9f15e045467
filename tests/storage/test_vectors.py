"""Vectors are found by content hash, whichever category, part or order they were stored in."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipeline.errors import MissingArtifactError
from pipeline.storage.layout import Layout
from pipeline.storage.vector_names import NAMES_SCHEMA, with_names
from pipeline.storage.vectors import SMALL_PARTS_KEPT, VectorStore, open_vectors


def test_rows_come_back_in_the_order_asked_for_from_any_category(tmp_path: Path) -> None:
    store = VectorStore(tmp_path)
    store.append("cars", ["a", "b", "c"], np.arange(12).reshape(3, 4))
    store.append("bollards", ["d"], np.full((1, 4), 9))
    assert store.read(["c", "d", "a", "c"])[:, 0].tolist() == [8, 9, 0, 8]
    assert store.known() == {"a", "b", "c", "d"}


def test_a_hash_without_a_vector_is_an_error_with_the_count_never_zeros(tmp_path: Path) -> None:
    store = VectorStore(tmp_path)
    store.append("cars", ["a"], np.ones((1, 4)))
    with pytest.raises(MissingArtifactError, match="2 of 3"):
        store.read(["a", "x", "y"])


def test_a_part_whose_writing_was_cut_off_is_not_seen(tmp_path: Path) -> None:
    store = VectorStore(tmp_path)
    store.append("cars", ["a"], np.ones((1, 4)))
    np.save(tmp_path / "cars" / "part-000001-dead.npy", np.ones((5, 4)))
    (tmp_path / "cars" / ".part-000001-dead.tmp.parquet").write_bytes(b"half")
    assert store.known() == {"a"}


def test_many_small_parts_are_merged_without_losing_or_changing_a_vector(tmp_path: Path) -> None:
    store = VectorStore(tmp_path)
    names = [f"h{n}" for n in range(SMALL_PARTS_KEPT + 4)]
    for n, name in enumerate(names):
        store.append("cars", [name], np.full((1, 4), n))
    store.compact("cars")
    assert len(list((tmp_path / "cars").glob("*.parquet"))) == 1
    assert store.read(names)[:, 0].tolist() == list(range(len(names)))


def test_a_few_of_many_come_back_the_same_by_bisection_as_by_a_join(tmp_path: Path) -> None:
    store, rng = VectorStore(tmp_path), np.random.default_rng(0)
    names = [f"{value:08x}" for value in rng.permutation(1000)]
    vectors = rng.normal(size=(1000, 3)).astype(np.float16)
    for part in range(4):
        store.append(f"slug-{part % 2}", names[part * 250 : part * 250 + 250], vectors[part * 250 : part * 250 + 250])
    store.append("again", names[:2], vectors[2:4])  # stored a second time: the first part in the order of names wins
    wanted = [3, 999, 3, 500, 251]
    few = store.read([names[one] for one in wanted])
    assert few.tolist() == vectors[wanted].tolist()
    assert store.read(names)[wanted].tolist() == few.tolist()
    assert store.read(names[:1]).tolist() == store.read(names)[:1].tolist() == vectors[2:3].tolist()
    with pytest.raises(MissingArtifactError, match="1 of 2"):
        store.read([names[0], "zzz"])
    for path in tmp_path.rglob("*.hashes.npy"):
        path.unlink()  # as an earlier version left them
    assert store.read([names[one] for one in wanted]).tolist() == few.tolist()


def test_names_and_vectors_must_be_as_many(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 hashes but 3"):
        VectorStore(tmp_path).append("cars", ["a", "b"], np.ones((3, 4)))


def test_merging_parts_moves_no_vector_to_another_name(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for number in range(SMALL_PARTS_KEPT + 2):
        open_vectors(layout, "f").append("posts", [f"h{number}"], np.full((1, 2), number))
    named = with_names(layout, "f", pl.DataFrame([("h0", "h1")], schema=NAMES_SCHEMA, orient="row"), "d")
    open_vectors(layout, named).compact("posts")
    assert open_vectors(layout, "f").read(["h0"])[0, 0] == 0
    assert open_vectors(layout, named).read(["h0"])[0, 0] == 1
