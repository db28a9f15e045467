"""Parts of rows: the first with a key stays, and a folder is read alone or with all others."""

from pathlib import Path

import polars as pl

from pipeline.storage.row_parts import SMALL_PARTS_KEPT, RowParts

SCHEMA = pl.Schema({"key": pl.String(), "value": pl.Int64()})


def rows(*values: tuple[str, int]) -> pl.DataFrame:
    return pl.DataFrame(list(values), schema=SCHEMA, orient="row")


def test_the_first_row_of_a_key_stays_within_a_folder_and_over_all(tmp_path: Path) -> None:
    parts, damaged = RowParts(tmp_path, SCHEMA, "key"), list[Path]()
    parts.append("a", rows(("x", 1), ("y", 2)))
    parts.append("a", rows(("x", 3), ("z", 4)))
    parts.append("b", rows(("x", 5), ("w", 6)))
    assert parts.read(damaged.append, "b").rows() == [("x", 5), ("w", 6)]
    assert parts.read(damaged.append).rows() == [("x", 1), ("y", 2), ("z", 4), ("w", 6)]
    assert not damaged


def test_a_part_of_another_schema_is_told_and_stays(tmp_path: Path) -> None:
    parts, damaged = RowParts(tmp_path, SCHEMA, "key"), list[Path]()
    parts.append("a", rows(("x", 1)))
    (path,) = parts.paths("a")
    pl.DataFrame({"other": [1]}).write_parquet(path)
    assert parts.read(damaged.append).height == 0
    assert damaged == [path]
    assert path.exists()


def test_the_last_row_of_a_key_counts_where_that_is_wanted_also_after_parts_were_merged(tmp_path: Path) -> None:
    parts, damaged = RowParts(tmp_path, SCHEMA, "key", keep="last"), list[Path]()
    for number in range(SMALL_PARTS_KEPT + 1):
        parts.append("a", rows(("x", number), (f"k{number}", number)))
    parts.compact("a")
    assert len(parts.paths("a")) == 1
    parts.append("a", rows(("x", -1)))
    found = dict(parts.read(damaged.append, "a").iter_rows())
    assert (len(found), found["x"], damaged) == (SMALL_PARTS_KEPT + 2, -1, [])


def test_a_new_part_comes_after_one_with_a_large_number(tmp_path: Path) -> None:
    """Earlier versions gave the part that others were merged into the largest number."""
    parts = RowParts(tmp_path, SCHEMA, "key", keep="last")
    parts.append("a", rows(("x", 1)), number=17)
    parts.append("a", rows(("x", 2)))
    assert dict(parts.read(lambda _: None, "a").iter_rows()) == {"x": 2}
