"""Under one content hash lies one picture, as it was written."""

import io
from pathlib import Path

import pytest
from PIL import Image

from pipeline.storage.thumbnails import ThumbnailStore, is_whole
from tests.odd_images import encoded, photograph, quadrants

PICTURE, OTHER = encoded(photograph(60, 40), "JPEG"), encoded(photograph(60, 40, 1), "JPEG")


def pixels(data: bytes | None) -> bytes:
    assert data is not None
    return Image.open(io.BytesIO(data)).tobytes()


def test_a_thumbnail_is_found_under_its_hash_and_another_is_not(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path)
    store.write("ab12", PICTURE)
    assert pixels(store.read("ab12")) == pixels(PICTURE)
    assert store.read("ab13") is None


def test_no_folder_holds_more_than_a_256th_of_the_library(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path)
    for name in ("ab12", "ab34", "cd12"):
        store.write(name, PICTURE)
    assert {path.name: len(list(path.iterdir())) for path in tmp_path.iterdir()} == {"ab": 2, "cd": 1}


def test_a_picture_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path)
    store.write("ab12", PICTURE)
    store.write("ab12", OTHER)
    assert pixels(store.read("ab12")) == pixels(PICTURE)
    assert [path.name for path in (tmp_path / "ab").iterdir()] == ["ab12"]


def test_every_changed_byte_is_noticed_and_a_whole_one_takes_its_place(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path)
    store.write("ab12", PICTURE)
    written = store.path("ab12").read_bytes()
    for at in range(0, len(written), 7):
        damaged = bytearray(written)
        damaged[at] ^= 0x10
        store.path("ab12").write_bytes(damaged)
        read = store.read("ab12")  # where the mark itself is hit, the picture is whole
        assert read is None or pixels(read) == pixels(PICTURE), at
    for size in (0, 1, 30, len(written) - 1):
        store.path("ab12").write_bytes(written[:size])
        assert not store.has("ab12")
    store.write("ab12", PICTURE)
    assert store.path("ab12").read_bytes() == written


def test_the_thumbnail_of_another_image_is_noticed(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path)
    store.write("ab12", PICTURE)
    store.write("ab34", OTHER)
    store.path("ab34").replace(store.path("ab12"))
    assert store.read("ab12") is None


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
def test_thumbnails_of_earlier_versions_are_whole_or_they_are_not(kind: str) -> None:
    data = encoded(quadrants(), kind)
    assert is_whole("ab12", data)
    if kind != "PNG":  # only the beginning of these is looked at
        assert not is_whole("ab12", data[:-9])
    assert not is_whole("ab12", b"")
