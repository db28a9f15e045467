"""Objects of two documents that are the same although their boxes differ.

What belongs here: finding them. Not here: comparing the documents (`changes.py`), the overlap that makes two boxes one
object (`stages/objects/lineage.py`).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.stages.objects.boxes import Box, overlap
from pipeline.stages.objects.lineage import SAME_OBJECT

Json = dict[str, Any]


def at_new_boxes(previous: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    """`previous` with the boxes that its objects have in `document`: of an image's boxes in the two, those that overlap
    by half are one object, the largest overlap first."""
    if previous.get("unit") != "object" or document.get("unit") != "object":
        return previous
    before, after = _boxes(previous), _boxes(document)
    new_box = {(key, old): new for key, boxes in before.items() for old, new in _pairs(boxes, after.get(key, []))}

    def moved(image: Json) -> Json:
        box = new_box.get((image["key"], Box(**image["box"]))) if "box" in image else None
        return image if box is None else {**image, "box": box._asdict()}

    clusters = [{**cluster, "images": list(map(moved, cluster["images"]))} for cluster in previous["clusters"]]
    lists = {name: list(map(moved, previous[name])) for name in ("unclustered", "rejected")}
    return {**previous, "clusters": clusters, **lists}


def _boxes(document: Mapping[str, Any]) -> dict[str, list[Box]]:
    """The boxes of each image by its key."""
    boxes: defaultdict[str, list[Box]] = defaultdict(list)
    for image in _entries(document):
        if "box" in image:
            boxes[image["key"]].append(Box(**image["box"]))
    return boxes


def _entries(document: Mapping[str, Any]) -> Iterator[Json]:
    for cluster in document["clusters"]:
        yield from cluster["images"]
    for name in ("unclustered", "rejected"):
        yield from document[name]


def _pairs(before: list[Box], after: list[Box]) -> Iterator[tuple[Box, Box]]:
    """The boxes of one image that are the same object."""
    shares = sorted((-overlap(old, new), old, new) for old in before for new in after)
    taken_old, taken_new = set[Box](), set[Box]()
    for share, old, new in shares:
        if -share < SAME_OBJECT:
            return
        if old not in taken_old and new not in taken_new:
            taken_old.add(old)
            taken_new.add(new)
            yield old, new
