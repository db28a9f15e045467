"""`docs/formats.md` says what becomes of each format, and holds."""

from pathlib import Path

from tests.formats_table import table

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"


def test_the_table_of_formats_says_what_becomes_of_the_files() -> None:
    assert table() in PAGE.read_text(), "Run `python -m tests.formats_table` and put its table into docs/formats.md."
