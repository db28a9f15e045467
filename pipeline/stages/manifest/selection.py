"""Which one of an image's objects is read.

What belongs here: choosing among the variants of each image, and names that may end in a width or not. Not here: the
meaning of a key (`keys.py`), whether several widths show one picture (`variants.py`), the manifest (`build.py`).
"""

from typing import NamedTuple

import polars as pl

from pipeline.stages.manifest.bucket import ObjectInfo
from pipeline.stages.manifest.contract import MANIFEST_SCHEMA
from pipeline.stages.manifest.keys import ParsedKey, image_id, variant_order


class Candidate(NamedTuple):
    """One variant of an image."""

    info: ObjectInfo
    parsed: ParsedKey
    source_url: str | None


class Selection:
    """Chooses the one object to read per image, as objects are offered."""

    def __init__(self, wanted: str) -> None:
        self._wanted = wanted
        self._best: dict[tuple[str | None, str], tuple[tuple[tuple[int, int], str], Candidate]] = {}
        self._doubtful: dict[tuple[str | None, str], list[tuple[Candidate, Candidate]]] = {}
        self.offered = 0

    def add(self, candidate: Candidate) -> None:
        """Offer one object. Among objects with the same variant, the lower key wins."""
        self.offered += 1
        parsed = candidate.parsed
        rank = (variant_order(parsed.variant, self._wanted), candidate.info.key)
        best = self._best.get((parsed.group, parsed.identifier))
        if best is None or rank < best[0]:
            self._best[parsed.group, parsed.identifier] = (rank, candidate)

    def add_doubtful(self, sized: Candidate, named: Candidate) -> None:
        """Offer an object whose name may end in a width (`sized`), or may be an identifier as a whole (`named`).

        It is a width if the image has another variant that certainly is one, or no other variant at all.
        """
        self._doubtful.setdefault((sized.parsed.group, sized.parsed.identifier), []).append((sized, named))

    def settle(self) -> None:
        """Decide the doubtful objects, after all objects were offered."""
        for image, candidates in self._doubtful.items():
            several = len({sized.parsed.variant for sized, _ in candidates}) > 1
            own_names = several and image not in self._best
            for sized, named in candidates:
                self.add(named if own_names else sized)
        self._doubtful = {}

    def frame(self, category: str) -> pl.DataFrame:
        """The chosen objects with `MANIFEST_SCHEMA`, `change` still null."""
        rows = [
            (image_id(category, parsed.group, parsed.identifier), *info[:4], category, parsed.group, parsed.identifier,
             parsed.variant, source_url, None)
            for _, (info, parsed, source_url) in self._best.values()
        ]  # fmt: skip
        return pl.DataFrame(rows, schema=MANIFEST_SCHEMA, orient="row")
