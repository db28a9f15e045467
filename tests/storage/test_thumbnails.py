"""Under one content hash lies one picture."""

from pathlib import Path

from pipeline.storage.thumbnails import ThumbnailStore


def test_a_thumbnail_is_found_under_its_hash_and_another_is_not(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path)
    store.write("ab12", b"picture")
    assert store.read("ab12") == b"picture"
    assert store.read("ab13") is None


def test_no_folder_holds_more_than_a_256th_of_the_library(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path)
    for name in ("ab12", "ab34", "cd12"):
        store.write(name, b"picture")
    assert {path.name: len(list(path.iterdir())) for path in tmp_path.iterdir()} == {"ab": 2, "cd": 1}


def test_a_picture_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path)
    store.write("ab12", b"first")
    store.write("ab12", b"second")
    assert store.read("ab12") == b"first"
    assert [path.name for path in (tmp_path / "ab").iterdir()] == ["ab12"]
