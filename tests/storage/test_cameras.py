"""What must hold of the stored cameras: the last word stays, and a damaged part loses only its own rows."""

from pathlib import Path

from pipeline.storage.cameras import CameraStore
from pipeline.storage.row_parts import SMALL_PARTS_KEPT


def test_an_image_has_the_camera_that_was_stored_last(tmp_path: Path) -> None:
    store = CameraStore(tmp_path / "cameras")
    store.append([])
    assert not (tmp_path / "cameras").exists()
    store.append([("a", "Canon EOS R6"), ("b", "Pixel 8")])
    store.append([("a", "Canon EOS R5")])
    assert dict(store.read().iter_rows()) == {"a": "Canon EOS R5", "b": "Pixel 8"}


def test_many_parts_become_one_with_the_same_rows(tmp_path: Path) -> None:
    store = CameraStore(tmp_path)
    for number in range(SMALL_PARTS_KEPT + 1):
        store.append([(f"{number:02d}", "Pixel 8"), ("same", f"model {number}")])
    store.compact()
    assert len(list(tmp_path.iterdir())) == 1
    store.append([("new", "Nikon Z6")])
    found = dict(store.read().iter_rows())
    assert len(found) == SMALL_PARTS_KEPT + 3
    assert found["same"] == f"model {SMALL_PARTS_KEPT}"


def test_a_damaged_part_loses_only_its_own_rows(tmp_path: Path) -> None:
    store = CameraStore(tmp_path)
    store.append([("a", "Pixel 8")])
    store.append([("b", "Nikon Z6")])
    min(tmp_path.iterdir()).write_bytes(b"nothing")
    assert dict(store.read().iter_rows()) == {"b": "Nikon Z6"}
