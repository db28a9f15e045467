"""The parameters by which requests choose images: the same for lists, exports and pages.

What belongs here: reading and checking them. Not here: which images fit (`steps/library_view/filters.py`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Annotated, cast

from fastapi import Query
from pydantic import AfterValidator, BeforeValidator, TypeAdapter

from pipeline.curation.fields import NAME_LENGTH, TAG_LENGTH
from pipeline.service.context import Service
from pipeline.service.problems import unknown
from pipeline.service.routes.common import cluster_of
from pipeline.steps.library_view.filters import ImageFilter, Order, Status, fitting, in_order
from pipeline.steps.library_view.snapshot import Snapshot
from pipeline.steps.library_view.words import words_of

_TIME = TypeAdapter(datetime)


def _written_out(value: object) -> object:
    """A day or a time, as its length says: pydantic would take midnight for a day, and a number for seconds since
    1970."""
    if not isinstance(value, str):
        return value
    try:
        if not re.match(r"\d{4}-\d\d-\d\d", value):
            raise ValueError(value)
        found = date.fromisoformat(value) if len(value) == len("2026-11-21") else _TIME.validate_python(value)
    except ValueError as error:
        raise ValueError("write a day or a time as 2026-11-21 or 2026-11-21T03:00:00") from error
    return _has_utc(found) if isinstance(found, datetime) else found


def _has_utc(moment: datetime) -> datetime:
    if moment.tzinfo is not None:
        try:
            moment.astimezone(UTC)
        except OverflowError as error:
            raise ValueError("that time has no date in UTC; write one of the years 2 to 9998") from error
    return moment


Moment = Annotated[datetime, AfterValidator(_has_utc)]  # for fields that take no day
_Written = BeforeValidator(_written_out)
_COMMON = "Repeat it for several."
Clusters = Annotated[
    list[Annotated[str, Query(max_length=NAME_LENGTH)]] | None,
    Query(description=f"Clusters, by id or name. {_COMMON}", max_length=100),
]
Tags = Annotated[
    list[Annotated[str, Query(max_length=TAG_LENGTH)]] | None,
    Query(description="Tags. Repeat it for images that have all of several.", max_length=100),
]
Groups = Annotated[list[Annotated[str, Query(max_length=200)]] | None, Query(description=f"Groups. {_COMMON}")]
Cameras = Annotated[
    list[Annotated[str, Query(max_length=200)]] | None,
    Query(description=f"Maker and model, as the images say. {_COMMON}", max_length=100),
]
States = Annotated[
    list[Status] | None,
    Query(description="States of images, or of their clusters: named, unnamed, review (to be reviewed), hidden. "
          f"{_COMMON}", max_length=9),
]  # fmt: skip
Since = Annotated[
    date | datetime | None, _Written, Query(description="Taken (or else last modified) at this day or time, or later.")
]
Until = Annotated[date | datetime | None, _Written, Query(description="As `since`; a day counts to its end.")]
Words = Annotated[str, Query(max_length=200, description="Words, as in /categories/{category}/search.")]


@dataclass(frozen=True)
class ImageQuery:
    """Filters of images, which hold together, and their order."""

    cluster: Clusters = None
    group: Groups = None
    tag: Tags = None
    camera: Cameras = None
    state: States = None
    since: Since = None
    until: Until = None
    q: Words = ""
    sort: Annotated[
        Order | None,
        Query(description="typical: most typical first; edge: least; date, name: - before it turns it round. By "
              "default typical in clusters, by name with groups, tags or words, else by id."),
    ] = None  # fmt: skip

    def filter(self, service: Service, snapshot: Snapshot) -> ImageFilter:
        """The filter. Raises `Problem` 404 for a cluster or group that is not there."""
        clusters = [cluster_of(service, name, snapshot)[1] for name in given(self.cluster)]
        groups = given(self.group)
        for group in groups:
            if group not in snapshot.rows_by_group:
                raise unknown("group", group, snapshot.rows_by_group)
        return ImageFilter(
            clusters=clusters, groups=groups, tags=given(self.tag), cameras=given(self.camera),
            statuses=cast("list[Status]", given(self.state)), since=moment(self.since),
            until=moment(self.until, end=True), words=self.q,
        )  # fmt: skip

    def rows(self, service: Service, snapshot: Snapshot) -> list[int]:
        """The images that fit, in order."""
        wanted = self.filter(service, snapshot)
        rows = fitting(snapshot, service.texts, wanted).nonzero()[0]
        order = self.sort or ("typical" if wanted.clusters else None)
        if order is None and not (wanted.groups or wanted.tags or words_of(self.q)):
            return rows.tolist()
        return in_order(snapshot, rows, order or "name")


def moment(day: date | datetime | None, *, end: bool = False) -> datetime | None:
    """A day as its first or last moment; a time as it is."""
    if day is None or isinstance(day, datetime):
        return day
    return datetime.combine(day, time.max if end else time.min)


def given(values: Sequence[str] | None) -> list[str]:
    """Without empty ones, which a form may send for “all”."""
    return [value for value in values or () if value]
