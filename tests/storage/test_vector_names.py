"""An image may have its vector under another name; the fingerprint says so."""

from pathlib import Path

import numpy as np
import polars as pl

from pipeline.storage.layout import Layout
from pipeline.storage.vector_names import NAMES_SCHEMA, comparable, with_names
from pipeline.storage.vectors import open_vectors


def test_an_id_may_have_its_vector_under_another_name_and_older_readers_see_what_they_saw(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    open_vectors(layout, "f").append("posts", ["a", "b", "new"], np.arange(6).reshape(3, 2))
    names = pl.DataFrame([("a", "new"), ("gone", "nowhere")], schema=NAMES_SCHEMA, orient="row")
    named = with_names(layout, "f", names, "d")
    assert open_vectors(layout, named).read(["b", "a"]).tolist() == [[2, 3], [4, 5]]
    assert open_vectors(layout, named).known() == {"a", "b", "new"}
    assert open_vectors(layout, "f").read(["a"]).tolist() == [[0, 1]]
    assert comparable(named, "f")
    assert not comparable(named, "g")


def test_without_other_names_the_fingerprint_is_itself(tmp_path: Path) -> None:
    assert with_names(Layout(tmp_path), "f", NAMES_SCHEMA.to_frame(), "d") == "f"
    assert not list(tmp_path.rglob("*"))
