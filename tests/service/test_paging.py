"""Cursors survive a change of the list."""

from pipeline.service.paging import cut


def test_a_page_goes_on_after_its_last_item_wherever_that_is_now() -> None:
    items = list("abcdefgh")
    first = cut(items, str, None, 3)
    assert (list(first.items), first.total) == (["a", "b", "c"], 8)
    assert list(cut(["x", *items], str, first.cursor, 3).items) == ["d", "e", "f"]
    assert list(cut(["a", "b", "d", "e"], str, first.cursor, 3).items) == ["e"]
    assert list(cut(["a", "c", "d"], str, first.cursor, 3).items) == ["d"]
    assert cut(items, str, None, 8).cursor is None
    assert cut([], str, first.cursor, 3).cursor is None
