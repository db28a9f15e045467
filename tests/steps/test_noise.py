"""Stored files that were changed and can still be read: noticed when they are read, and healed by a run."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from pipeline.errors import DamagedArtifactError, DamagedFileError
from pipeline.stages.labels.contract import LABELS_SCHEMA
from pipeline.steps.doctor.checkup import examine
from pipeline.storage.healing import heal
from tests.steps.named_library import Bench, bench, names
from tests.steps.test_run import add

__all__ = ["bench"]

TABLES = [
    "manifest/manifest", "images/images", "embeddings/embeddings", "reduced/reduced", "labels/labels",
    "identities/clusters", "identities/members", "identities/ledger", "representatives/members",
]  # fmt: skip


def shuffle(bench: Bench, table: str) -> None:
    """The same columns, types and number of rows; the first column belongs to other rows."""
    name, _, file = table.partition("/")
    path = bench.project().store.require("posts", name).folder / f"{file}.parquet"
    frame = pl.read_parquet(path)
    first = frame.columns[0]
    frame.with_columns(pl.col(first).reverse()).write_parquet(path)


def documents(bench: Bench) -> list[tuple[str, str, int]]:
    return sorted((one["id"], one["name"], one["size"]) for one in bench.document("posts")["clusters"])


@pytest.mark.parametrize("table", TABLES)
def test_a_table_that_was_changed_and_opens_is_healed_by_the_next_run_that_needs_it(bench: Bench, table: str) -> None:
    add(bench.library, "posts/de/300-800w.png", "red", 300)
    bench.run()  # ids have a version before the last one
    before = documents(bench)
    shuffle(bench, table)
    bench.run()
    assert documents(bench) == before
    add(bench.library, "posts/de/301-800w.png", "red", 301)
    bench.run()
    assert names(bench) == ["Kind 0", "Kind 1", "Kind 2"]
    assert {one[0] for one in documents(bench)} == {one[0] for one in before}
    assert [one for one in examine(bench.project(), repair=True) if one.state == "fault"] == []


def test_a_table_that_was_changed_is_never_shown(bench: Bench) -> None:
    shuffle(bench, "labels/labels")
    with pytest.raises(DamagedArtifactError, match="its bytes are not those that were written"):
        bench.project().store.require("posts", "labels").table("labels", LABELS_SCHEMA)


def other_vectors(values: np.ndarray) -> np.ndarray:
    return values[::-1].copy()


@pytest.mark.parametrize("change", [other_vectors, np.zeros_like])
def test_vectors_that_were_changed_are_never_used_and_are_made_again(
    bench: Bench, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    (part,) = [path for path in bench.data.glob("vectors/*/posts/*.npy") if "hashes" not in path.name]
    np.save(part, change(np.load(part)))
    with pytest.raises(DamagedFileError, match="its bytes are not those that were written"):
        bench.project().vectors(part.parent.parent.name).known()
    add(bench.library, "posts/de/300-800w.png", "red", 300)
    bench.encoder.batches.clear()
    bench.run()
    assert any("embeds its images again" in text for text in bench.notices)
    assert bench.encoder.encoded == 37
    assert names(bench) == ["Kind 0", "Kind 1", "Kind 2"]
    assert [one for one in examine(bench.project()) if one.state == "fault"] == []


def test_ids_that_were_changed_and_open_are_those_of_the_version_before(bench: Bench) -> None:
    add(bench.library, "posts/de/300-800w.png", "red", 300)
    bench.run()
    store = bench.project().store
    stored = store.require("posts", "identities")
    shuffle(bench, "identities/ledger")
    assert "the newest that is whole" in heal(store, "posts", "identities")
    assert store.require("posts", "identities").provenance.version < stored.provenance.version
