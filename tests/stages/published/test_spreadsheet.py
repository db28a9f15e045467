"""Text in CSV files: never a formula, and read again as it was."""

import pytest

from pipeline.stages.published.spreadsheet import escape_formula, unescape_formula


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-dash.jpg", "@x", "\tx", "\rx", "＝1", "'=1", "''@x"])
def test_a_formula_gets_an_apostrophe_and_comes_back(text: str) -> None:
    assert escape_formula(text) == f"'{text}"
    assert unescape_formula(escape_formula(text)) == text


@pytest.mark.parametrize("text", ["", "Herons", "a=b", "'s Gravenhage", "1-2", " x", "é"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert escape_formula(text) == text
    assert unescape_formula(text) == text
