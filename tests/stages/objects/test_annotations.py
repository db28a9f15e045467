"""Files of boxes are read as their formats say, and what cannot be read says so."""

import json
from typing import Any

import pytest

from pipeline.stages.objects.annotations import Format, Images, class_names, number, other_picture, parse
from pipeline.stages.objects.boxes import Found


def found(data: str, key: str, form: Format, names: tuple[str, ...] = ()) -> tuple[Found, ...]:
    pictures = parse(data.encode(), key, form, dict(enumerate(names)))
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


def test_pictures_are_named_by_their_path_from_the_file_that_is_about_them() -> None:
    def name(data: str, key: str, form: Format) -> str:
        (picture,) = parse(data.encode(), key, form) or []
        return picture.name

    assert name(json.dumps(coco()), "posts/x.json", "coco") == "posts/de/a.jpg"
    assert name(VOC, "de/a.xml", "voc") == "de/a.xml"
    assert name("", "de/a.txt", "yolo") == "de/a.txt"


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
    names = {0: "post", 1: "sign"}
    assert class_names(b"post\nsign\n", "classes.txt") == class_names(b"\xef\xbb\xbfpost\nsign", "classes.txt") == names
    assert class_names(b"names: [post, sign]", "data.yaml") == names
    assert class_names(b"names: {1: sign, 0: post}", "data.yaml") == names
    assert class_names(b"names: {'7': post}", "data.yaml") == {7: "post"}
    assert class_names(b"- 1", "data.yaml") == class_names(b"nc: 2", "data.yaml") == {}


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"names: [", "no YAML"), (b"names: {post: 0}", "neither a list"), (b"names: {-1: a}", "neither a list")],
)
def test_names_of_classes_that_cannot_be_read_are_an_error(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        class_names(data, "data.yaml")


def test_a_text_that_a_windows_editor_saved_is_read_from_its_first_line() -> None:
    (item,) = found("\ufeff0 0.2 0.35 0.2 0.5", "de/a.txt", "yolo")
    assert item.box == pytest.approx((0.1, 0.1, 0.2, 0.5))


def test_ids_of_coco_are_the_same_as_numbers_and_as_texts_and_no_id_stops_a_file() -> None:
    rows = [{"id": n, "image_id": image, "category_id": kind, "bbox": [20, 10, 40, 50]}
            for n, (image, kind) in enumerate([("1", 3.0), (1.0, "3"), ([1], {})])]  # fmt: skip
    pictures = parse(json.dumps(coco(annotations=rows)).encode(), "x.json", "coco") or []
    assert [[item.label for item in picture.found] for picture in pictures] == [["post", "post"], ["{}"]]
    assert pictures[1].found[0].problem == "annotation 2 is about image [1], which the file does not list"


def test_a_class_may_be_written_with_a_decimal_point() -> None:
    assert found("1.0 0.5 0.5 0.2 0.2", "a.txt", "yolo", ("post", "sign"))[0].label == "sign"


def test_a_file_with_lines_of_numbers_that_are_no_boxes_is_not_passed_over_as_a_text() -> None:
    (item,) = found(f"0 0.5 0.5 0.2 0.2 {'0.5 0.5 2 ' * 3}", "a.txt", "yolo")
    assert (item.status, item.problem) == ("bad_box", "line 1 has 14 numbers, which is neither a box nor a polygon")
    assert parse(b"0.5 0.5 0.2 0.2 0.1", "a.txt", "yolo") is None


def test_a_class_with_more_digits_than_any_class_is_no_class() -> None:
    assert parse(b"9" * 400 + b" 0.5 0.5 0.2 0.2", "a.txt", "yolo") is None


def test_images_are_found_by_path_by_its_end_and_without_the_width() -> None:
    images = Images(["posts/de/de-1-800w.webp", "posts/at/at-1-800w.webp", "posts/de/b.png", "posts/at/b.png"])
    assert images.named("posts/de/de-1-800w") == images.named("de-1") == ["posts/de/de-1-800w.webp"]
    assert images.named("posts/labels/de/de-1") == ["posts/de/de-1-800w.webp"]
    assert images.named("C:\\data\\at\\b") == ["posts/at/b.png"]
    assert images.named("b") == ["posts/at/b.png", "posts/de/b.png"]
    assert images.named("c") == images.named("") == []


def test_a_path_through_a_folder_of_other_images_is_not_about_an_image_of_the_same_name_elsewhere() -> None:
    images = Images(["images/train/1.jpg", "images/train/2.jpg", "images/val/1.jpg", "images/val/3.jpg"], ["cars"])
    assert images.named("labels/train/1.txt") == ["images/train/1.jpg"]
    assert images.named("labels/train/3.txt") == images.named("labels/val/2.txt") == images.named("cars/2.jpg") == []
    assert images.named("labels/2.txt") == images.named("images/2.jpg") == ["images/train/2.jpg"]
    assert images.named("annotations/1.xml") == ["images/train/1.jpg", "images/val/1.jpg"]


def test_equal_names_in_the_folders_of_a_split_are_told_apart() -> None:
    images = Images(
        ["train/images/1.jpg", "valid/images/1.jpg", "voc/2007/JPEGImages/1.jpg", "voc/2012/JPEGImages/1.jpg"]
    )
    assert images.named("valid/labels/1.txt") == ["valid/images/1.jpg"]
    assert images.named("voc/2012/Annotations/1.xml") == ["voc/2012/JPEGImages/1.jpg"]


def test_images_whose_names_differ_by_their_ending_are_told_apart_by_it() -> None:
    images = Images(["a/1.jpg", "a/1.png", "a/frame.0001.jpg", "a/frame.jpg", "labels/1_drawn.png"])
    assert images.named("a/1.png") == ["a/1.png"]
    assert images.named("a/1.txt") == ["a/1.jpg", "a/1.png"]
    assert images.named("frame.0001") == images.named("frame.0001.txt") == ["a/frame.0001.jpg"]
    assert images.named("labels/frame.txt") == ["a/frame.jpg"]


def test_a_file_about_another_shape_is_not_about_this_image() -> None:
    assert other_picture((800, 600), 400, 300) == other_picture(None, 400, 300) == ""
    assert "turned upright" in other_picture((800, 600), 600, 800)
    assert "another picture" in other_picture((800, 600), 800, 800)


def test_only_numbers_are_numbers() -> None:
    assert (number("1.5"), number(2), number("x"), number(None), number([1])) == (1.5, 2, None, None, None)
