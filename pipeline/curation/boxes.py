"""Decisions about boxes, folded: what is in force at each place of each image.

What belongs here: which decision replaces which. Not here: what they do to boxes that are found
(`stages/objects/corrected.py`), the clusters (`fold.py`).

Two decisions are about the same place if their boxes overlap by `SAME_OBJECT` (IoU) or more; the later one counts.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from pipeline.curation import decisions as d
from pipeline.stages.objects.boxes import Box, overlap
from pipeline.stages.objects.corrected import Correction
from pipeline.stages.objects.lineage import SAME_OBJECT


@dataclass
class Boxes:
    """Content hash of an image → the corrections in force, oldest first."""

    by_image: dict[str, list[Correction]] = field(default_factory=dict[str, list[Correction]])

    def refuse(self, number: int, decision: d.WrongBox) -> None:
        """A box is wrong: one that people drew there is gone, too."""
        self._put(decision.source, Correction(number, Box(*decision.box), wrong=True, image=decision.image))

    def draw(self, number: int, decision: d.AddBox) -> list[str]:
        """A box is drawn. Returns the objects that it is drawn in place of, so that they are no longer refused."""
        made = Correction(number, Box(*decision.box), wrong=False, label=decision.label or "")
        return [one.image for one in self._put(decision.source, made) if one.wrong]

    def take_back(self, images: Collection[str]) -> None:
        """Objects that were refused are included again."""
        for source, corrections in list(self.by_image.items()):
            kept = [one for one in corrections if not (one.wrong and one.image in images)]
            if len(kept) < len(corrections):
                self._keep(source, kept)

    def _put(self, source: str, made: Correction) -> list[Correction]:
        """Add a correction; returns those that it replaces."""
        before = self.by_image.get(source, [])
        replaced = [one for one in before if overlap(one.box, made.box) >= SAME_OBJECT]
        self._keep(source, [one for one in before if one not in replaced] + [made])
        return replaced

    def _keep(self, source: str, corrections: list[Correction]) -> None:
        if corrections:
            self.by_image[source] = corrections
        else:
            del self.by_image[source]
