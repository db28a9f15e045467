"""What must hold of the store of what was resolved: all categories read as one, and the first word stays."""

from pathlib import Path

import polars as pl
import pytest

from pipeline.stages.images.identity import CONTENTS_SCHEMA
from pipeline.storage.contents import ContentStore
from pipeline.storage.row_parts import SMALL_PARTS_KEPT


def everything(store: ContentStore) -> pl.DataFrame:
    """All rows; no part may be damaged."""
    damaged: list[Path] = []
    rows = store.read(damaged.append)
    assert not damaged
    return rows


def test_nothing_stored_is_an_empty_table(tmp_path: Path) -> None:
    store = ContentStore(tmp_path / "contents")
    store.append("posts", [])
    assert everything(store).schema == CONTENTS_SCHEMA
    assert not (tmp_path / "contents").exists()


def test_all_categories_are_read_as_one_and_each_content_once(tmp_path: Path) -> None:
    store = ContentStore(tmp_path)
    store.append("a", [("b1", "p", "b1"), ("b2", "p", "b1")])
    store.append("b", [("b2", "p", "b2"), ("b3", "q", "b3")])
    assert everything(store).rows() == [("b1", "p", "b1"), ("b2", "p", "b1"), ("b3", "q", "b3")]


def test_many_parts_become_one_with_the_same_rows_in_the_same_order(tmp_path: Path) -> None:
    store = ContentStore(tmp_path)
    for number in range(SMALL_PARTS_KEPT + 1):
        store.append("a", [(f"b{number:02d}", "p", "b00")])
    before = everything(store)
    store.compact("a")
    assert len(list((tmp_path / "a").glob("*.parquet"))) == 1
    store.append("a", [("later", "p", "b00")])
    assert everything(store).rows() == [*before.rows(), ("later", "p", "b00")]


def test_a_part_that_was_not_finished_is_not_read(tmp_path: Path) -> None:
    store = ContentStore(tmp_path)
    store.append("a", [("b1", "p", "b1")])
    (tmp_path / "a" / ".part-000001-aa.parquet").write_bytes(b"half")
    assert everything(store).equals(pl.DataFrame([("b1", "p", "b1")], schema=CONTENTS_SCHEMA, orient="row"))


@pytest.mark.parametrize("noise", [b"", b"PAR1", b"noise" * 1000])
def test_a_damaged_part_is_told_and_passed_over_and_never_deleted(tmp_path: Path, noise: bytes) -> None:
    store = ContentStore(tmp_path)
    for number in range(SMALL_PARTS_KEPT + 2):
        store.append("a", [(f"b{number:02d}", "p", "b00")])
    first = min((tmp_path / "a").glob("*.parquet"))
    first.write_bytes(noise)
    store.compact("a")
    told: list[Path] = []
    assert store.read(told.append).height == SMALL_PARTS_KEPT + 1
    assert told == [first]
    assert len(list((tmp_path / "a").glob("*.parquet"))) == 2


def test_a_part_with_other_columns_is_damage(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    pl.DataFrame({"content_hash": [1]}).write_parquet(tmp_path / "a" / "part.parquet")
    told: list[Path] = []
    assert ContentStore(tmp_path).read(told.append).is_empty()
    assert told == [tmp_path / "a" / "part.parquet"]


def test_a_part_that_was_recorded_and_is_gone_or_changed_is_lost(tmp_path: Path) -> None:
    store = ContentStore(tmp_path)
    store.append("a", [("b1", "p", "b1")])
    store.append("a", [("b2", "p", "b1")])
    store.append("b", [("b3", "p", "b1")])
    recorded = store.parts("a")
    assert len(recorded) == 2
    assert store.lost("a", recorded) == []
    store.append("a", [("b4", "p", "b1")])
    assert store.lost("a", recorded) == []
    first, second = (tmp_path / name for name in recorded)
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1])
    assert store.lost("a", recorded) == [first, second]
    assert store.lost("b", recorded) == []
