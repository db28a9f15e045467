"""Boxes that people have beside their images: COCO JSON, YOLO text, Pascal VOC XML.

What belongs here: reading these files, and finding the images that they are about. Not here: listing and reading them
in a bucket (`steps/annotated.py`), which boxes count (`boxes.py`).

A line or an entry that cannot be read is a `Found` with the problem, so that it becomes a row with a reason. Pixels are
divided by the size that the file gives, so one file serves every width of an image.

Sources: https://cocodataset.org/#format-data, https://docs.ultralytics.com/datasets/detect/ (the format, not the code),
http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/devkit_doc.html.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast
from xml.etree import ElementTree as ET

from pipeline.stages.objects.boxes import Box, Found, bad
from pipeline.stages.objects.json_lists import elements

Format = Literal["coco", "yolo", "voc"]
ENDINGS: dict[str, Format] = {"json": "coco", "txt": "yolo", "xml": "voc"}
CLASS_NAMES = ("classes.txt", "obj.names", "_darknet.labels", "data.yaml", "dataset.yaml")  # of YOLO's numbers
NO_NAMES: Mapping[int, str] = {}
MOST_DIGITS = 9  # of a class's number
MOST_ASPECT = 0.02  # least difference of aspect at which a file is about another picture
_VARIANT = re.compile(r"-(\d+w|original)$")
_NO_SIZE = "the file does not give the size of the image, so its pixels mean nothing"


@dataclass(frozen=True)
class Picture:
    """The boxes of one image as a file has them, normalised. `name` is the path of the image, or of the file of its
    own; `size` is the width and height that the file gives, None if it needs none."""

    name: str
    found: tuple[Found, ...]
    size: tuple[int, int] | None = None
    source: str = ""


def parse(data: bytes, key: str, form: Format, names: Mapping[int, str] = NO_NAMES) -> list[Picture] | None:
    """The pictures of one file; None if it is no file of this format. `names` are those of YOLO's classes by number.

    Raises `ValueError` if the file is of this format and damaged.
    """
    match form:
        case "coco":
            pictures = _coco(data, key.rpartition("/")[0])
        case "yolo":
            pictures = _yolo(data, key, names)
        case "voc":
            pictures = _voc(data, key)
    if pictures is None:
        return None
    for place, one in enumerate(pictures):  # in place: a large file is not held twice
        pictures[place] = replace(one, source=key, found=tuple(replace(item, source=key) for item in one.found))
    return pictures


def class_names(data: bytes, key: str) -> dict[int, str]:
    """The names of YOLO's classes by number, from a list of lines or from data.yaml; empty if there are none.

    Raises `ValueError` if there are names that cannot be read.
    """
    text = data.decode("utf-8-sig", "replace")
    if not key.endswith((".yaml", ".yml")):
        return dict(enumerate(line.strip() for line in text.splitlines() if line.strip()))
    import yaml

    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"it is no YAML: {' '.join(str(error).split())}") from error
    names: Any = cast("dict[str, Any]", document).get("names") if isinstance(document, dict) else None
    if isinstance(names, list):
        return dict(enumerate(map(str, cast("list[Any]", names))))
    if not isinstance(names, dict):
        return {}
    numbered = {str(number): str(name) for number, name in cast("dict[Any, Any]", names).items()}
    if not all(number.isdecimal() and len(number) <= MOST_DIGITS for number in numbered):
        raise ValueError("its `names` are neither a list nor `number: name`")
    return {int(number): name for number, name in numbered.items()}


class Images:
    """Finds the image that a file names: by its whole path, or by the end of it, with or without the width's suffix.

    A path through a folder of other images is about one of these: `labels/train/1.txt` is not about `images/val/1.jpg`.
    `elsewhere` are further folders with other images.
    """

    def __init__(self, keys: Iterable[str], elsewhere: Iterable[str] = ()) -> None:
        self._ends: defaultdict[str, set[str]] = defaultdict(set)
        self._folders = {part for folder in elsewhere for part in folder.split("/")}
        for key in keys:
            self._folders.update(key.split("/")[:-1])
            for name in {without_extension(key), _VARIANT.sub("", without_extension(key))}:
                parts = name.split("/")
                for start in range(len(parts)):
                    self._ends["/".join(parts[start:])].add(key)

    def named(self, name: str) -> list[str]:
        """The keys that fit best: none, one, or several if the name does not tell them apart."""
        parts = name.replace("\\", "/").strip("/").split("/")
        for start in range(len(parts)):
            end = "/".join(parts[start:])
            keys = self._ends.get(end) or self._ends.get(without_extension(end))
            if keys:
                others = {part for part in parts[:start] if part in self._folders and not holds_boxes(part)}
                fitting = sorted(key for key in keys if others.issubset(key.split("/")))
                return [key for key in fitting if key.endswith(f"/{parts[-1]}") or key == parts[-1]] or fitting
        return []


def holds_boxes(folder: str) -> bool:
    """Whether a folder of this name holds files of boxes about images that lie elsewhere."""
    return folder.casefold() in ("annotations", "labels")


def without_extension(key: str) -> str:
    """A path without the extension of its last part."""
    folder, slash, name = key.rpartition("/")
    return f"{folder}{slash}{name.rpartition('.')[0] or name}"


def other_picture(size: tuple[int, int] | None, width: int, height: int) -> str:
    """Why boxes of a picture of this size are not those of the upright image; empty if they may be."""
    if size is None or abs(size[0] * height - size[1] * width) <= MOST_ASPECT * size[0] * height:
        return ""
    turned = abs(size[1] * height - size[0] * width) <= MOST_ASPECT * size[1] * height
    hint = "draw them on the image turned upright" if turned else "they are those of another picture"
    return f"the file is about {size[0]} x {size[1]} pixels, the upright image has {width} x {height}: {hint}"


def number(value: Any) -> float | None:
    """A number from JSON or text; None for anything else."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _coco(data: bytes, folder: str) -> list[Picture] | None:
    """Reads the document twice, because boxes may come before the sizes of their images, and holds little of it."""
    if b'"annotations"' not in data:
        return None
    text = data.decode("utf-8-sig")
    try:
        images, names, lists = _coco_images(text)
        if not {"images", "annotations"} <= lists:
            return None
        found: defaultdict[str, list[Found]] = defaultdict(list)
        for name, row in elements(text):
            if name == "annotations" and isinstance(row, dict):
                annotation = cast("dict[str, Any]", row)
                image = _id(annotation.get("image_id"))
                found[image].append(_coco_box(annotation, images.get(image), names))
    except RecursionError as error:
        raise ValueError("its JSON is nested too deeply") from error
    strangers = [item for image, items in found.items() if image not in images for item in items]
    pictures = [
        Picture(f"{folder}/{row.get('file_name', '')}", tuple(found.pop(image, ())), _size(row))
        for image, row in images.items()
    ]
    return [*pictures, *([Picture("", tuple(strangers))] if strangers else [])]


def _coco_images(text: str) -> tuple[dict[str, dict[str, Any]], dict[str, str], set[str]]:
    """The images and the names of the categories, by id, and which lists there are."""
    images, names, lists = dict[str, dict[str, Any]](), dict[str, str](), set[str]()
    for name, value in elements(text):
        lists.add(name)
        if name not in ("images", "categories") or not isinstance(value, dict):
            continue
        row = cast("dict[str, Any]", value)
        if name == "images":
            images[_id(row.get("id"))] = row
        else:
            names[_id(row.get("id"))] = str(row.get("name", row.get("id")))
    return images, names, lists


def _id(value: Any) -> str:
    """An id as text: tools write the same one as 7, 7.0 and "7"."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _coco_box(row: Mapping[str, Any], image: Mapping[str, Any] | None, names: Mapping[str, str]) -> Found:
    category = row.get("category_id")
    label = names.get(_id(category)) or ("" if category is None else str(category))
    where = f"annotation {row.get('id')}"
    if image is None:
        return bad(f"{where} is about image {row.get('image_id')}, which the file does not list", label=label)
    if row.get("iscrowd") == 1:
        return bad(f"{where} marks a crowd (iscrowd), not one object", label=label)
    size, values = _size(image), _numbers(row.get("bbox")) or _box_around(row.get("segmentation"))
    if len(values) != 4:
        return bad(f"{where} has no bbox of four numbers", label=label)
    if size is None:
        return bad(f"{where}: {_NO_SIZE}", label=label)
    x, y, w, h = values
    return Found(Box(x / size[0], y / size[1], w / size[0], h / size[1]), label, number(row.get("score")))


def _box_around(outline: Any) -> list[float]:
    """The box around COCO's polygons, each x and y in turn; empty if they are none."""
    polygons = cast("list[Any]", outline) if isinstance(outline, list) else []
    points = [_numbers(polygon) for polygon in polygons]
    if not points or any(len(polygon) < 2 or len(polygon) % 2 for polygon in points):
        return []
    across, down = ([side for polygon in points for side in polygon[start::2]] for start in (0, 1))
    return [min(across), min(down), max(across) - min(across), max(down) - min(down)]


def _numbers(value: Any) -> list[float]:
    """The numbers of a list from JSON; empty if anything else is in it."""
    values = [number(one) for one in cast("list[Any]", value)] if isinstance(value, list) else []
    return [] if None in values else cast("list[float]", values)


def _size(row: Mapping[str, Any]) -> tuple[int, int] | None:
    width, height = number(row.get("width")), number(row.get("height"))
    if width is None or height is None or not (1 <= width < math.inf and 1 <= height < math.inf):
        return None
    return int(width), int(height)


def _yolo(data: bytes, key: str, names: Mapping[int, str]) -> list[Picture] | None:
    text = data.decode("utf-8-sig", "replace")
    lines = [(n, line.split()) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    found = [_yolo_line(n, cells, names) for n, cells in lines]
    if found and not any(item.label for item in found):
        return None  # a caption, a licence, a readme
    return [Picture(key, tuple(found))]


def _yolo_line(line: int, cells: Sequence[str], names: Mapping[int, str]) -> Found:
    """One line: class, centre, width and height, and perhaps a score; or class and the corners of a polygon."""
    values = [number(cell) for cell in cells]
    if None in values or len(values) < 5:
        return bad(f"line {line} is not `class x y width height`")
    first, *rest = cast("list[float]", values)
    if not (first.is_integer() and 0 <= first < 10**MOST_DIGITS):
        return bad(f"line {line} begins with {cells[0][:20]}, which is no number of a class")
    kind = int(first)  # some tools write 0.0
    label = names.get(kind, str(kind))
    if len(rest) >= 6 and len(rest) % 2 == 0:
        xs, ys = rest[0::2], rest[1::2]
        return Found(Box(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)), label)
    if len(rest) > 5:
        return bad(f"line {line} has {len(cells)} numbers, which is neither a box nor a polygon", label=label)
    x, y, w, h = rest[:4]
    return Found(Box(x - w / 2, y - h / 2, w, h), label, rest[4] if len(rest) == 5 else None)


def _voc(data: bytes, key: str) -> list[Picture] | None:
    if b"<annotation" not in data:
        return None
    if b"<!ENTITY" in data or b"<!DOCTYPE" in data:
        raise ValueError("it declares entities, which no annotation needs")
    try:
        root = ET.fromstring(data)  # noqa: S314  without entities, which were refused
    except ET.ParseError as error:
        raise ValueError(f"it is no XML: {error}") from error
    if root.tag != "annotation":
        return None
    size = _size({name: root.findtext(f"size/{name}") for name in ("width", "height")})
    found = [_voc_box(position, one, size) for position, one in enumerate(root.iter("object"), 1)]
    return [Picture(key, tuple(found), size)]


def _voc_box(position: int, row: ET.Element, size: tuple[int, int] | None) -> Found:
    label = (row.findtext("name") or "").strip()
    values = [number(row.findtext(f"bndbox/{name}")) for name in ("xmin", "ymin", "xmax", "ymax")]
    if None in values:
        return bad(f"object {position} has no bndbox of four numbers", label=label)
    if size is None:
        return bad(f"object {position}: {_NO_SIZE}", label=label)
    left, top, right, bottom = cast("list[float]", values)
    return Found(Box(left / size[0], top / size[1], (right - left) / size[0], (bottom - top) / size[1]), label)
