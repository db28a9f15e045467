"""An object is the same in two documents if its boxes overlap by half."""

from typing import Any

from pipeline.stages.published.same_objects import at_new_boxes


def document(unit: str = "object", **boxes: tuple[float, float, float, float]) -> dict[str, Any]:
    """A cluster of objects in the images a, b, …, by the first letter of a name."""
    images = [{"key": name[0], "box": dict(zip("xywh", box, strict=True))} for name, box in boxes.items()]
    rejected = [{"key": "z", "reason": "no_object: none"}]
    return {"unit": unit, "clusters": [{"id": "c-1", "images": images}], "unclustered": [], "rejected": rejected}


def boxes_of(value: Any) -> list[tuple[float, ...]]:
    return [tuple(image["box"].values()) for image in value["clusters"][0]["images"]]


LEFT, LEFT_ANEW, RIGHT = (0.1, 0.1, 0.3, 0.3), (0.12, 0.1, 0.32, 0.3), (0.6, 0.1, 0.3, 0.3)


def test_a_box_that_was_drawn_anew_is_that_of_the_same_object_of_the_same_image() -> None:
    before, after = document(a1=LEFT, a2=RIGHT, b=LEFT), document(a1=RIGHT, a2=LEFT_ANEW, b=RIGHT)
    assert boxes_of(at_new_boxes(before, after)) == [LEFT_ANEW, RIGHT, LEFT]
    assert boxes_of(before) == [LEFT, RIGHT, LEFT]


def test_of_two_boxes_that_overlap_one_the_nearer_is_the_same_object() -> None:
    near, far = (0.1, 0.1, 0.3, 0.31), (0.1, 0.1, 0.3, 0.45)
    assert boxes_of(at_new_boxes(document(a1=far, a2=near), document(a=LEFT))) == [far, LEFT]


def test_documents_of_whole_images_stay_as_they_are() -> None:
    before = document("image")
    assert at_new_boxes(before, document(a=LEFT)) is before
    assert at_new_boxes(document(a=LEFT), before)["rejected"] == before["rejected"]
