"""Text in CSV files: never a formula, and read again as it was."""

import pytest

from pipeline.stages.published.spreadsheet import as_text, from_text


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-dash.jpg", "@x", "\tx", "\rx", "＝1", "'=1", "''@x"])
def test_a_formula_gets_an_apostrophe_and_comes_back(text: str) -> None:
    assert as_text(text) == f"'{text}"
    assert from_text(as_text(text)) == text


@pytest.mark.parametrize("text", ["", "Herons", "a=b", "'s Gravenhage", "1-2", " x", "é"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert as_text(text) == text
    assert from_text(text) == text
