"""What an entry of a document is called, and how entries count: images, or objects in images."""

from pipeline.stages.published.entries import count_entries, image_name, usable_entries, with_fragment
from tests.stages.published.objects import objects_document


def test_an_object_is_named_by_the_key_of_its_image_and_its_box() -> None:
    (left, *_) = objects_document()["clusters"][0]["images"]
    assert left["box"] == {"x": 0.1, "y": 0.2, "w": 0.3, "h": 0.4}
    assert image_name(left) == "bollards/de/de-1-800w.webp#xywh=percent:10,20,30,40"
    assert image_name(left) == with_fragment(left["key"], (0.1, 0.2, 0.3, 0.4))
    assert image_name({"key": "a.jpg"}) == "a.jpg"


def test_an_image_with_several_objects_counts_once_and_each_object_counts() -> None:
    made = objects_document()
    counts = count_entries(made)
    assert sum(counts[state] for state in ("clustered", "unclustered", "rejected")) == made["summary"]["images"] == 5
    assert counts["objects"] == {"found": 7, "clustered": 4, "unclustered": 1, "rejected": 2}
    assert usable_entries(made) == 5
