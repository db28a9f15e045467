"""Parts of rows: the first with a key stays, and a folder is read alone or with all others."""

from pathlib import Path

import polars as pl

from pipeline.storage.row_parts import RowParts

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
