"""What must hold of the cache of a detector's work."""

from pathlib import Path

from pipeline.stages.objects.boxes import Box, Found
from pipeline.storage.detections import DetectionStore

POST = Found(Box(0.1, 0.2, 0.3, 0.4), "post", 0.75, "onnx:m")


def test_boxes_are_read_as_they_were_stored_and_an_image_without_any_counts_as_seen(tmp_path: Path) -> None:
    store = DetectionStore(tmp_path, "onnx:m")
    store.append("posts", {"a": [POST, Found(Box(0, 0, 1, 1), "", None, "onnx:m")], "b": []})
    store.append("posts", {})
    assert store.read("posts") == {"a": [POST, Found(Box(0, 0, 1, 1), "", None, "onnx:m")], "b": []}
    assert store.read("others") == {}


def test_a_damaged_part_is_removed_so_that_its_images_are_looked_at_again(tmp_path: Path) -> None:
    store = DetectionStore(tmp_path, "onnx:m")
    store.append("posts", {"a": [POST]})
    (part,) = tmp_path.rglob("*.parquet")
    store.append("posts", {"b": [POST]})
    part.write_bytes(b"noise")
    assert store.read("posts") == {"b": [POST]}
    assert not part.exists()


def test_many_parts_become_one(tmp_path: Path) -> None:
    store = DetectionStore(tmp_path, "onnx:m")
    for number in range(20):
        store.append("posts", {str(number): [POST]})
    store.compact("posts")
    assert len(list(tmp_path.rglob("*.parquet"))) == 1
    assert len(store.read("posts")) == 20
