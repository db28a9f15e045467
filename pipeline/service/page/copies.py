"""Groups of duplicates as the page shows them: which images, what differs between them, which ones may go.

What belongs here: choosing and comparing. Not here: finding duplicates (`stages/duplicates/`), the page's route
(`more_views.py`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from pipeline.curation.decisions import KeepBoth
from pipeline.curation.events import active_events
from pipeline.service.context import Service
from pipeline.service.models import ImageShape, image_shapes
from pipeline.service.page.language import number, t
from pipeline.stages.duplicates.contract import DUPLICATES_SCHEMA, SIGNATURES_SCHEMA
from pipeline.steps.library_view.snapshot import Snapshot

Level = Literal["same", "exact", "near", "similar"]
LEVELS: dict[Level, str] = {
    "same": "The same picture", "exact": "Exact copies", "near": "Other versions", "similar": "Similar pictures",
}  # fmt: skip
KILO = 1000
Text = Callable[[ImageShape], str]
PROPERTIES: tuple[tuple[str, Text], ...] = (
    ("Pixels", lambda image: f"{image.width} × {image.height}" if image.width else ""),
    ("File", lambda image: f"{number(round(image.bytes / KILO))} kB" if image.bytes else ""),
    ("Format", lambda image: image.format or ""),
    ("Taken", lambda image: (image.taken_at or "").replace("T", " ")),
    ("Cluster", lambda image: image.cluster_name or image.cluster or t(image.state)),
)


@dataclass(frozen=True)
class Difference:
    """One property of the images of a group, in their order, as text. `differs`: they do not all have the same."""

    label: str
    values: list[str]
    differs: bool


@dataclass
class Group:
    """One group. `rest` are the ids that may be excluded: all but the kept image and its exact copies."""

    id: str
    level: str
    rows: list[int]
    hashes: set[str]
    kept: dict[str, bool]
    reasons: dict[str, str]
    images: list[ImageShape]
    rest: list[str]
    differences: list[Difference]


def read_groups(service: Service, snapshot: Snapshot, stored: Any, level: Level) -> list[Group]:
    """Groups of a level with two images or more that people neither excluded nor marked as different."""
    wanted = ["exact", "near"] if level == "same" else [level]
    table = stored.table("duplicates", DUPLICATES_SCHEMA).filter(pl.col("level").is_in(wanted))
    state, row_of = snapshot.frame["state"], snapshot.base.row_of
    groups: dict[str, Group] = {}
    for record in table.iter_rows(named=True):
        row = row_of.get(record["image_id"])
        if row is None or state[row] == "excluded":
            continue
        name = record["group_id"]
        group = groups.setdefault(name, Group(name, record["level"], [], set(), {}, {}, [], [], []))
        group.rows.append(row)
        group.hashes.add(record["content_hash"])
        group.kept[record["image_id"]] = record["kept"] and record["level"] != "similar"
        group.reasons[record["image_id"]] = record["reason"]
    different = _pairs_to_keep(service, snapshot)
    return [group for group in groups.values()
            if len(group.rows) > 1 and not any(group.hashes <= pair for pair in different)]  # fmt: skip


def fill_groups(snapshot: Snapshot, stored: Any, groups: Sequence[Group]) -> None:
    """Add images, differences and the ids to exclude to the groups that are shown."""
    wanted = {value for group in groups for value in group.hashes}
    signatures = stored.table("signatures", SIGNATURES_SCHEMA, ["content_hash", "sharpness"])
    sharpness = dict(signatures.filter(pl.col("content_hash").is_in(list(wanted))).iter_rows())
    for group in groups:
        group.images = image_shapes(snapshot, group.rows)
        group.differences = _differences(group.images, sharpness)
        if group.level != "similar":
            kept = {image.content_hash for image in group.images if group.kept[image.image_id]}
            group.rest = [image.image_id for image in group.images if image.content_hash not in kept]


def _differences(images: Sequence[ImageShape], sharpness: dict[str, float | None]) -> list[Difference]:
    def sharp(image: ImageShape) -> str:
        value = sharpness.get(image.content_hash or "")
        return "" if value is None else number(round(value)) if value >= 10 else f"{value:.2g}"

    rows = [(label, [text(image) for image in images]) for label, text in (*PROPERTIES, ("Sharpness", sharp))]
    return [Difference(label, values, len(set(values)) > 1) for label, values in rows if any(values)]


def _pairs_to_keep(service: Service, snapshot: Snapshot) -> list[frozenset[str]]:
    if service.curation is None:
        return []
    events = active_events(service.curation.store.events(snapshot.slug))
    return [frozenset(event.decision.images) for event in events if isinstance(event.decision, KeepBoth)]
