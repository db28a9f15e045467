"""Boxes that people refused or drew: the boxes of an image after their decisions.

What belongs here: what a correction does to boxes that were found. Not here: which corrections are in force
(`curation/boxes.py`), which boxes count (`boxes.py`).

A correction is about a place: it holds for a found box that overlaps its own by `SAME_OBJECT` (IoU) or more, whatever
found it. So a better detector neither brings a refused box back nor doubles one that was drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.stages.objects.boxes import PEOPLE, Box, Found, fault, overlap
from pipeline.stages.objects.lineage import SAME_OBJECT


@dataclass(frozen=True)
class Correction:
    """A decision of people about one place of an image: `wrong`, nothing is there; else a box is, with its label.

    `event` is the number of the decision, `image` the lasting id of the object that was refused.
    """

    event: int
    box: Box
    wrong: bool
    label: str = ""
    image: str = ""


Corrections = Mapping[str, Sequence[Correction]]  # content hash of an image → what is decided about its boxes


def correct(found: Sequence[Found], corrections: Sequence[Correction]) -> list[Found]:
    """The boxes of one image: those that people drew, then those found. Of these, the refused ones and those that were
    drawn anew have a status and a reason that say so."""
    if not corrections:
        return list(found)
    drawn = [Found(one.box, one.label, None, PEOPLE) for one in corrections if not one.wrong]
    return drawn + [_corrected(item, corrections) for item in found]


def _corrected(item: Found, corrections: Sequence[Correction]) -> Found:
    if item.box is None or item.status != "ok" or fault(item.box):
        return item
    box = item.box
    share, nearest = max(((overlap(box, one.box), one) for one in corrections), key=lambda pair: pair[0])
    if share < SAME_OBJECT:
        return item
    if nearest.wrong:
        return replace(item, status="wrong_box", problem=f"people said that it is wrong (event {nearest.event})")
    return replace(item, status="replaced", problem=f"people drew it anew (event {nearest.event})")
