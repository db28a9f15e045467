"""The mark that decisions were made is written once, survives damage, and is forgotten a category at a time."""

from pathlib import Path

import pytest

from pipeline.errors import DamagedFileError
from pipeline.storage.curation.marker import decided, forget, mark, was_decided
from pipeline.storage.layout import Layout


def test_it_keeps_the_time_of_the_first_decision(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert decided(layout) == {}
    mark(layout, ["cars"], "2026-01-01T00:00:00Z")
    mark(layout, ["cars", "bikes"], "2026-02-01T00:00:00Z")
    assert decided(layout) == {"bikes": "2026-02-01T00:00:00Z", "cars": "2026-01-01T00:00:00Z"}


def test_one_category_is_forgotten_alone(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    mark(layout, ["cars", "bikes"], "2026-01-01T00:00:00Z")
    forget(layout, "cars")
    forget(layout, "cars")
    assert [slug for slug in ("cars", "bikes") if was_decided(layout, slug)] == ["bikes"]


def test_a_damaged_mark_stops_nobody_and_the_next_decision_writes_it(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.decided.write_bytes(b'{"ca')
    assert not was_decided(layout, "cars")
    with pytest.raises(DamagedFileError, match="next decision writes it anew"):
        decided(layout)
    mark(layout, ["cars"], "2026-01-01T00:00:00Z")
    assert was_decided(layout, "cars")
