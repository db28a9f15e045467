"""The pages that are made from the code are those of this code."""

import pytest

from tests.manual.reference_pages import FOLDER, pages

MADE = pages()


@pytest.mark.parametrize("name", MADE)
def test_the_page_is_that_of_this_code(name: str) -> None:
    written = (FOLDER / name).read_text(encoding="utf-8")
    assert written == MADE[name], f"docs/reference/{name} is stale: run python -m tests.manual.reference_pages"
