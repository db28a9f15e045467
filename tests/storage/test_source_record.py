"""A data directory knows which source its images come from."""

from pathlib import Path

from pipeline.storage.layout import open_layout
from pipeline.storage.source_record import SourceRecord, read_source, record_of, write_source


def test_a_folder_is_recorded_with_its_full_path_and_a_bucket_as_it_is(tmp_path: Path) -> None:
    layout = open_layout(tmp_path / "data")
    assert read_source(layout) is None
    for url, stored in (
        (str(tmp_path / "photos" / ".." / "photos"), str(tmp_path / "photos")),
        ("r2://b/x", "r2://b/x"),
    ):
        write_source(layout, record_of(url, ["a", "b"]))
        assert read_source(layout) == SourceRecord(stored, ["a", "b"])


def test_the_same_source_is_not_written_again(tmp_path: Path) -> None:
    layout = open_layout(tmp_path)
    write_source(layout, record_of("s3://one", "all"))
    before = layout.source.stat().st_ino
    write_source(layout, record_of("s3://one", "all"))
    assert layout.source.stat().st_ino == before


def test_a_damaged_record_is_as_none_and_written_anew(tmp_path: Path) -> None:
    layout = open_layout(tmp_path)
    for text in ("{", "[]", '{"url": 3}'):
        layout.source.write_text(text)
        assert read_source(layout) is None
    write_source(layout, record_of("s3://one", "single"))
    assert read_source(layout) == SourceRecord("s3://one", "single")
