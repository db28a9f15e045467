"""The categories of a data directory are kept under their slugs, and a renamed one is followed."""

from pathlib import Path

from pipeline.storage.categories import (
    Rename,
    goes_on_as,
    read_renames,
    read_slugs,
    write_renames,
    write_slugs,
)
from pipeline.storage.layout import open_layout


def test_slugs_are_kept(tmp_path: Path) -> None:
    layout = open_layout(tmp_path)
    write_slugs(layout, {"strassen": "Straßen"})
    assert read_slugs(layout) == {"strassen": "Straßen"}


def test_slugs_that_did_not_change_are_not_written_again(tmp_path: Path) -> None:
    layout = open_layout(tmp_path)
    write_slugs(layout, {"cars": "Cars"})
    before = layout.slugs.stat().st_ino
    write_slugs(layout, {"cars": "Cars"})
    assert layout.slugs.stat().st_ino == before
    assert read_slugs(open_layout(tmp_path / "new")) == {}


def test_a_renamed_category_is_followed_to_the_name_that_it_has_now(tmp_path: Path) -> None:
    layout = open_layout(tmp_path)
    write_slugs(layout, {"c": "C", "back": "Back"})
    renames = {"a": Rename("A", "b", "t"), "b": Rename("B", "c", "t"), "back": Rename("Back", "c", "t")}
    write_renames(layout, renames)
    assert read_renames(layout) == renames
    assert [goes_on_as(layout, slug) for slug in ("a", "b", "c", "back", "never")] == ["c", "c", None, None, None]


def test_renames_that_go_round_in_a_circle_lead_nowhere(tmp_path: Path) -> None:
    layout = open_layout(tmp_path)
    write_renames(layout, {"a": Rename("A", "b", "t"), "b": Rename("B", "a", "t")})
    assert goes_on_as(layout, "a") is None
