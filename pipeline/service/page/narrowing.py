"""Filters of images in the address of a page, where each has one value.

What belongs here: reading them, and writing them into links. Not here: which images fit
(`steps/library_view/filters.py`), the parameters of the API (`routes/image_query.py`).
"""

from dataclasses import dataclass
from datetime import date
from typing import Annotated
from urllib.parse import urlencode

import numpy as np
from fastapi import Query
from pydantic import BeforeValidator

from pipeline.service.context import Service
from pipeline.service.routes.image_query import moment
from pipeline.steps.library_view.filters import ImageFilter, fitting
from pipeline.steps.library_view.snapshot import Snapshot

Day = Annotated[date | None, BeforeValidator(lambda value: None if value == "" else value), Query()]
FIELDS = ("group", "tag", "camera", "since", "until", "words")


@dataclass(frozen=True)
class Narrowing:
    """Only images that fit all of these; what is empty does not restrict."""

    group: Annotated[str, Query(max_length=200)] = ""
    tag: Annotated[str, Query(max_length=60)] = ""
    camera: Annotated[str, Query(max_length=200)] = ""
    since: Day = None
    until: Day = None
    words: Annotated[str, Query(max_length=200)] = ""

    def image_filter(self) -> ImageFilter:
        return ImageFilter(
            groups=[self.group] if self.group else [], tags=[self.tag] if self.tag else [],
            cameras=[self.camera] if self.camera else [], since=moment(self.since),
            until=moment(self.until, end=True), words=self.words,
        )  # fmt: skip

    def mask(self, service: Service, snapshot: Snapshot) -> np.ndarray | None:
        """Bool [rows of the snapshot's frame]; None if nothing is left out."""
        wanted = self.image_filter()
        return fitting(snapshot, service.texts, wanted) if wanted.narrows else None

    @property
    def rare(self) -> bool:
        """Whether a filter is set that stands below “More filters”."""
        return bool(self.camera or self.since or self.until or self.words)

    def values(self) -> dict[str, str]:
        """The filters that are set."""
        return {name: str(value) for name in FIELDS if (value := getattr(self, name))}

    @property
    def query(self) -> str:
        """The filters that are set, for a link."""
        return urlencode(self.values())
