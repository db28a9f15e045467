"""One cluster for review: its images in sections, and what changed since the last review.

What belongs here: order, sections, and the comparison with the last review. Not here: the page (`views.py`), why a
cluster needs a review (`curation/review.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.curation.review import change_since_review
from pipeline.service.models import ImageShape, image_shapes
from pipeline.service.page.language import t
from pipeline.stages.published.document import country_code
from pipeline.steps.library_view.snapshot import Snapshot

Order = Literal["typical", "edge", "country", "time", "name"]
ORDERS: dict[Order, str] = {
    "typical": "Most typical first", "edge": "Least typical first", "country": "By country", "time": "By time",
    "name": "By file name",
}  # fmt: skip
CORE, EDGE, PLACED = "Core", "Edge: the least typical", "Placed here by people"
FILE_DATE = "(date of the file)"  # the camera recorded none
SHOWN_CHANGES = 24


@dataclass(frozen=True)
class Sections:
    """Rows in display order, with the heading of each."""

    rows: list[int]
    heading: dict[int, str]
    sizes: dict[str, int]


@dataclass(frozen=True)
class SinceReview:
    """Images that came and left since the last review; the lists are truncated, the numbers are complete."""

    came: list[ImageShape]
    went: list[ImageShape]
    number_came: int
    number_went: int
    share: float


def sections(
    snapshot: Snapshot, cluster: str, order: Order, group_label: str = "country", keep: np.ndarray | None = None
) -> Sections:
    """The images of a cluster under their headings; `keep` is a mask of the snapshot's rows, None for all.

    Edge images have a similarity to the centroid of more than one standard deviation below the cluster's mean.
    """
    members = snapshot.rows_by_cluster[cluster]
    rows = members if keep is None else [row for row in members if keep[row]]
    match order:
        case "name":
            keys = snapshot.frame["key"]
            heading = dict.fromkeys(rows, t("By file name"))
            rows = sorted(rows, key=lambda row: keys[row])
        case "country":
            groups = snapshot.frame["group"]
            heading = {row: country_code(groups[row]) or t("No {group}", group=t(group_label)) for row in rows}
            rows = sorted(rows, key=lambda row: heading[row])
        case "time":
            dates, taken = snapshot.frame["date"], snapshot.frame["taken_at"]
            guess, none = f" {t(FILE_DATE)}", t("No date")
            sure = {row: "" if taken[row] is not None else guess for row in rows}
            heading = {row: f"{dates[row]:%Y-%m}{sure[row]}" if dates[row] is not None else none for row in rows}
            rows = sorted(rows, key=lambda row: heading[row], reverse=True)
        case _:
            heading = _typicality(snapshot, cluster, members)
            parts = (PLACED, CORE, EDGE) if order == "typical" else (EDGE, PLACED, CORE)
            ranked = rows if order == "typical" else rows[::-1]
            rows = sorted(ranked, key=lambda row: parts.index(heading[row]))
            words = {part: t(part) for part in parts}
            heading = {row: words[heading[row]] for row in rows}
    sizes: dict[str, int] = {}
    for row in rows:
        sizes[heading[row]] = sizes.get(heading[row], 0) + 1
    return Sections(rows, heading, sizes)


def under_headings(snapshot: Snapshot, ordered: Sections, rows: Sequence[int]) -> list[tuple[str, list[ImageShape]]]:
    """One page of rows as images under their headings."""
    made: list[tuple[str, list[ImageShape]]] = []
    for row, image in zip(rows, image_shapes(snapshot, rows), strict=True):
        if not made or made[-1][0] != ordered.heading[row]:
            made.append((ordered.heading[row], []))
        made[-1][1].append(image)
    return made


def since_review(snapshot: Snapshot, cluster: str) -> SinceReview | None:
    """The changes since the last review; None if there was no review or no change."""
    curated = snapshot.curated.clusters.get(cluster) if snapshot.curated else None
    if curated is None or curated.baseline is None:
        return None
    came, went, share = change_since_review(curated)
    if not came and not went:
        return None

    def images(hashes: frozenset[str]) -> list[ImageShape]:
        rows = [row for value in sorted(hashes) for row in snapshot.rows_by_hash.get(value, ())[:1]]
        return image_shapes(snapshot, rows[:SHOWN_CHANGES])

    return SinceReview(images(came), images(went), len(came), len(went), share)


def _typicality(snapshot: Snapshot, cluster: str, rows: Sequence[int]) -> dict[int, str]:
    similarity = snapshot.frame["similarity"]
    hashes = snapshot.frame["content_hash"]
    placed = snapshot.curated.placed if snapshot.curated else {}
    computed = snapshot.base.frame["cluster_id"]
    homes = {cluster, *(snapshot.clusters[cluster]["merged"])}
    own = [row for row in rows if similarity[row] is not None and computed[row] in homes]
    values = np.array([similarity[row] for row in own], dtype=np.float64)
    floor = float(values.mean() - values.std()) if len(values) >= 4 else -1.0
    similarity_of = dict(zip(own, values.tolist(), strict=True))
    return {
        row: PLACED
        if row not in similarity_of and hashes[row] in placed
        else EDGE
        if similarity_of.get(row, 1.0) < floor
        else CORE
        for row in rows
    }
