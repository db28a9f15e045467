"""The lasting id of an object: that of the box which it overlaps, else a hash of its image and its box.

What belongs here: the rule. Not here: the tables (`table.py`), storing them (`steps/objects.py`).

Decisions and clusters hang on an object's `content_hash`. A better detector draws other boxes around the same things,
so a box inherits the id of a known box of its image that it overlaps by at least `SAME_OBJECT` (IoU). Its vector has a
name of its own, `crop`: a box that overlaps the embedded one by less than `SAME_CROP` is embedded anew.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from pipeline.stages.objects.boxes import Box, overlap

SAME_OBJECT = 0.5
SAME_CROP = 0.9  # a redrawn outline moves its box by less; the vector changes no more than by saving an image again


@dataclass(frozen=True)
class Known:
    """An object that was seen: its lasting id, and the name and box of its vector."""

    content_hash: str
    crop: str
    box: Box
    here: bool = True


def crop_name(image_hash: str, box: Box, salt: int = 0) -> str:
    """BLAKE2b of an image's content hash and a rounded box, 16 bytes, hexadecimal."""
    text = f"{image_hash} {' '.join(f'{value:.4f}' for value in box)}{f' {salt}' if salt else ''}"
    return blake2b(text.encode(), digest_size=16).hexdigest()


def object_id(image_id: str, content_hash: str) -> str:
    """The id of an object of one image; copies of the image share content hashes, but not ids."""
    return blake2b(f"{image_id} {content_hash}".encode(), digest_size=8).hexdigest()


def identified(image_hash: str, boxes: Sequence[Box], known: Iterable[Known]) -> list[Known]:
    """The lasting object behind each box of one image, in the order of `boxes`; no two share one.

    `known` are all objects of this image so far. The pairs with the largest overlap are matched first.
    """
    before = list(known)
    pairs = sorted(
        (-share, not past.here, past.content_hash, number, row)
        for number, box in enumerate(boxes)
        for row, past in enumerate(before)
        if (share := overlap(box, past.box)) >= SAME_OBJECT
    )
    result: dict[int, Known] = {}
    taken: set[int] = set()
    for share, _, _, number, row in pairs:
        if number in result or row in taken:
            continue
        taken.add(row)
        past = before[row]
        same = -share >= SAME_CROP
        changed = past if same else replace(past, crop=crop_name(image_hash, boxes[number]), box=boxes[number])
        result[number] = replace(changed, here=True)
    ids = {past.content_hash for past in before}
    for number, box in enumerate(boxes):
        if number not in result:
            name = _new_id(image_hash, box, ids)
            ids.add(name)
            result[number] = Known(name, crop_name(image_hash, box), box)
    return [result[number] for number in range(len(boxes))]


def _new_id(image_hash: str, box: Box, taken: set[str]) -> str:
    """An id that no object of this image has: one that wandered off may hold the id of its first box."""
    salt = 0
    while (name := crop_name(image_hash, box, salt)) in taken:
        salt += 1
    return name
