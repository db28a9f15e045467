"""Files of boxes are read as their formats say, and what cannot be read says so."""

import json
from typing import Any

import pytest

from pipeline.stages.objects.annotations import Format, Images, class_names, number, other_picture, parse
from pipeline.stages.objects.boxes import Found


def found(data: str, key: str, form: Format, names: tuple[str, ...] = ()) -> tuple[Found, ...]:
    pictures = parse(data.encode(), key, form, names)
    assert pictures is not None
    return tuple(item for picture in pictures for item in picture.found)


def coco(**more: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 1, "file_name": "de/a.jpg", "width": 200, "height": 100}],
        "annotations": [{"id": 7, "image_id": 1, "category_id": 3, "bbox": [20, 10, 40, 50], "score": 0.5}],
        "categories": [{"id": 3, "name": "post"}],
        **more,
    }


VOC = """<annotation><filename>a.jpg</filename><size><width>200</width><height>100</height></size>
<object><name>post</name><bndbox><xmin>20</xmin><ymin>10</ymin><xmax>60</xmax><ymax>60</ymax></bndbox></object>
<object><name>post</name><bndbox><xmin>x</xmin></bndbox></object></annotation>"""


def test_the_same_box_in_three_formats_is_the_same_box() -> None:
    boxes = [
        found(json.dumps(coco()), "x.json", "coco")[0],
        found(VOC, "de/a.xml", "voc")[0],
        found("0 0.2 0.35 0.2 0.5", "de/a.txt", "yolo", ("post",))[0],
    ]
    for item in boxes:
        assert item.box == pytest.approx((0.1, 0.1, 0.2, 0.5))
        assert (item.label, item.status) == ("post", "ok")
    assert [item.source for item in boxes] == ["x.json", "de/a.xml", "de/a.txt"]


def test_pictures_are_named_without_their_ending() -> None:
    for data, key, form in ((json.dumps(coco()), "x.json", "coco"), (VOC, "de/a.xml", "voc"), ("", "de/a.txt", "yolo")):
        (picture,) = parse(data.encode(), key, form) or []  # pyright: ignore[reportArgumentType]
        assert picture.name == "de/a"


def test_yolo_has_scores_polygons_and_numbers_without_names() -> None:
    boxes = found("2 0.5 0.5 0.2 0.2 0.75\n\n1 0.1 0.1 0.3 0.1 0.3 0.4 0.1 0.4", "a.txt", "yolo", ("a", "b"))
    assert (boxes[0].label, boxes[0].score) == ("2", 0.75)
    assert boxes[1].label == "b"
    assert boxes[1].box == pytest.approx((0.1, 0.1, 0.2, 0.3))


def test_coco_has_polygons_without_a_box_and_classes_without_a_name() -> None:
    outline = {"id": 1, "image_id": 1, "category_id": 99, "segmentation": [[20, 10, 60, 10], [60, 60, 20, 60]]}
    (item,) = found(json.dumps(coco(annotations=[outline])), "x.json", "coco")
    assert item.box == pytest.approx((0.1, 0.1, 0.2, 0.5))
    assert (item.label, item.status) == ("99", "ok")


def test_a_crowd_is_no_object() -> None:
    crowd = {"id": 4, "image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40], "iscrowd": 1}
    (item,) = found(json.dumps(coco(annotations=[crowd])), "x.json", "coco")
    assert (item.status, item.problem) == ("bad_box", "annotation 4 marks a crowd (iscrowd), not one object")


@pytest.mark.parametrize("outline", [[], [[]], [[1, 2, 3]], [[1, "x", 3, 4]], [{}], {"counts": [1], "size": [2, 3]}, 7])
def test_what_is_no_polygon_is_no_box(outline: object) -> None:
    row = {"id": 8, "image_id": 1, "category_id": 1, "segmentation": outline}
    (item,) = found(json.dumps(coco(annotations=[row])), "x.json", "coco")
    assert item.problem == "annotation 8 has no bbox of four numbers"


@pytest.mark.parametrize(
    ("data", "form", "words"),
    [
        ("0 0.5 0.5 0.2 0.2\n0 0.5 0.5 0.2", "yolo", "line 2 is not"),
        ("0 0.5 0.5 0.2 0.2\n0 1 2 3 4 5 6 7", "yolo", "line 2 has 8 numbers"),
        (VOC, "voc", "object 2 has no bndbox"),
        (VOC.replace("<width>200</width>", ""), "voc", "does not give the size"),
        (json.dumps(coco(images=[{"id": 1, "file_name": "a.jpg"}])), "coco", "does not give the size"),
        (json.dumps(coco(images=[{"id": 1, "file_name": "a", "width": 1e999, "height": 9}])), "coco", "the size"),
        (json.dumps(coco(annotations=[{"id": 8, "image_id": 1, "bbox": [1, 2]}])), "coco", "annotation 8 has no bbox"),
        (json.dumps(coco(annotations=[{"id": 9, "image_id": 5, "bbox": [1, 2, 3, 4]}])), "coco", "about image 5"),
    ],
)
def test_what_cannot_be_read_is_a_box_with_the_problem(data: str, form: Format, words: str) -> None:
    problems = [item.problem for item in found(data, "a.x", form) if item.status == "bad_box"]
    assert len(problems) == (2 if "<width>" not in data and form == "voc" else 1)
    assert any(words in problem for problem in problems)


@pytest.mark.parametrize(
    ("data", "form"),
    [("A post by the road.", "yolo"), ('{"entries": []}', "coco"), ("<html/>", "voc"), ('["annotations"]', "coco")],
)
def test_other_files_are_none_of_ours(data: str, form: Format) -> None:
    assert parse(data.encode(), "a", form) is None


@pytest.mark.parametrize(
    ("data", "form", "words"),
    [
        ('{"images": [], "annotations": [', "coco", "Expecting"),
        ("<annotation><size>", "voc", "no XML"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation/>', "voc", "entities"),
        (f'{{"annotations": {"[" * 100_000}', "coco", ""),
    ],
)
def test_damaged_files_are_errors_with_the_reason(data: str, form: Format, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse(data.encode(), "a", form)


def test_names_of_classes_come_from_lists_and_from_data_yaml() -> None:
    assert class_names(b"post\nsign\n", "classes.txt") == ["post", "sign"]
    assert class_names(b"names: [post, sign]", "data.yaml") == ["post", "sign"]
    assert class_names(b"names: {1: sign, 0: post}", "data.yaml") == ["post", "sign"]
    assert class_names(b"names: [", "data.yaml") == class_names(b"- 1", "data.yaml") == []


def test_images_are_found_by_path_by_its_end_and_without_the_width() -> None:
    images = Images(["posts/de/de-1-800w.webp", "posts/at/at-1-800w.webp", "posts/de/b.png", "posts/at/b.png"])
    assert images.named("posts/de/de-1-800w") == images.named("de-1") == ["posts/de/de-1-800w.webp"]
    assert images.named("posts/labels/de/de-1") == ["posts/de/de-1-800w.webp"]
    assert images.named("C:\\data\\at\\b") == ["posts/at/b.png"]
    assert images.named("b") == ["posts/at/b.png", "posts/de/b.png"]
    assert images.named("c") == images.named("") == []


def test_a_file_about_another_shape_is_not_about_this_image() -> None:
    assert other_picture((800, 600), 400, 300) == other_picture(None, 400, 300) == ""
    assert "turned upright" in other_picture((800, 600), 600, 800)
    assert "another picture" in other_picture((800, 600), 800, 800)


def test_only_numbers_are_numbers() -> None:
    assert (number("1.5"), number(2), number("x"), number(None), number([1])) == (1.5, 2, None, None, None)
