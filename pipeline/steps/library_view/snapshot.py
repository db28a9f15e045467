"""One category as people see it: computed rows with all decisions applied.

What belongs here: the snapshot of a category. Not here: reading tables (`tables.py`), figures of clusters that people
changed (`figures.py`), what a decision does (`curation/replay.py`), output formats (`service/models.py`, `listing.py`,
`published.py`), keeping snapshots (`cache.py`).

A snapshot is immutable, so its readers see one consistent library. 100,000 images take about 100 MB.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypedDict

import polars as pl

from pipeline.curation.addressing import namesakes
from pipeline.curation.clusters import Curated
from pipeline.stages.published.document import share
from pipeline.steps.curation import Curation
from pipeline.steps.library_view.figures import RANKS, Figures, changed_clusters, figures_of
from pipeline.steps.library_view.tables import Base
from pipeline.steps.project import Project
from pipeline.storage.artifacts import digest

MOVED_BY_PEOPLE = 1.0  # the probability of a member that a person put there


class GroupCount(TypedDict):
    """A group, such as a country, and how many images of a cluster it has."""

    group: str
    images: int


class ClusterRow(TypedDict):
    """One cluster after all decisions. Images are ids; `groups` are sorted, most images first."""

    id: str
    category: str
    name: str | None
    description: str | None
    status: str
    size: int
    cohesion: float | None
    needs_review: bool
    review_reasons: list[str]
    representative: str
    representatives: list[str]
    groups: list[GroupCount]
    group_count: int
    fate: str | None
    parents: list[str]
    merged: list[str]
    former_names: list[str]
    made_by_people: bool


@dataclass(frozen=True)
class Snapshot:
    """One category. `frame` has the rows of the base in their order, with `state` and the cluster_id after decisions.

    Rank, similarity, chosen and probability belong to that cluster and are null for other images. `figures` are those
    of clusters that decisions changed.
    """

    base: Base
    frame: pl.DataFrame
    curated: Curated | None
    reasons: dict[str, list[str]]
    figures: dict[str, Figures]

    @property
    def slug(self) -> str:
        return self.base.slug

    @cached_property
    def version(self) -> str:
        """A digest that changes with any content of the snapshot."""
        return digest([list(artifact) for artifact in self.base.versions], self.curated.events if self.curated else 0)

    @cached_property
    def rows_by_cluster(self) -> dict[str, list[int]]:
        """Cluster id → rows, most typical first."""
        ordered = (
            self.frame.lazy().with_row_index("row").filter(pl.col("state") == "clustered")
            .sort("rank", "image_id", nulls_last=True).group_by("cluster_id", maintain_order=True).agg("row")
        ).collect()  # fmt: skip
        return dict(ordered.iter_rows())

    @cached_property
    def rows_by_state(self) -> dict[str, list[int]]:
        """State → rows, sorted by key."""
        ordered = self.frame.lazy().with_row_index("row").sort("key").group_by("state").agg("row").collect()
        return dict(ordered.iter_rows())

    @cached_property
    def unclustered(self) -> list[int]:
        """Rows of unclustered images, nearest to a cluster first."""
        loose = self.frame.lazy().with_row_index("row").filter(pl.col("state") == "unclustered")
        return loose.sort("distance", "key", nulls_last=True).collect()["row"].to_list()

    @cached_property
    def rows_by_group(self) -> dict[str, list[int]]:
        """Group → rows, sorted by key."""
        ordered = self.frame.lazy().with_row_index("row").sort("key").group_by("group").agg("row").collect()
        return {group: rows for group, rows in ordered.iter_rows() if group is not None}

    @property
    def rows_by_hash(self) -> dict[str, list[int]]:
        """Content hash → rows."""
        return self.base.rows_by_hash

    @cached_property
    def rows_by_tag(self) -> dict[str, list[int]]:
        """Tag → rows, sorted by key."""
        keys = self.frame["key"]
        by_tag: dict[str, list[int]] = {}
        for value, tags in (self.curated.tags if self.curated else {}).items():
            for tag in tags:
                by_tag.setdefault(tag, []).extend(self.rows_by_hash.get(value, ()))
        return {tag: sorted(rows, key=keys.__getitem__) for tag, rows in sorted(by_tag.items()) if rows}

    def tags_of(self, content_hash: str | None) -> tuple[str, ...]:
        return self.curated.tags.get(content_hash, ()) if self.curated and content_hash else ()

    @cached_property
    def clusters(self) -> dict[str, ClusterRow]:
        """Cluster id → its row in a list of clusters."""
        names, groups = self.frame["image_id"], self._groups_by_cluster()
        chosen = self.frame["chosen"].to_list()
        result: dict[str, ClusterRow] = {}
        for cluster, rows in self.rows_by_cluster.items():
            curated = self.curated.clusters.get(cluster) if self.curated else None
            computed = self.base.clusters.get(cluster, {})
            figures = self.figures.get(cluster)
            cohesion = figures.represented.cohesion if figures else computed.get("cohesion")
            picked = self._representatives(rows, chosen, curated.representative if curated else None)
            spread_over = groups.get(cluster, [])
            result[cluster] = {
                "id": cluster,
                "category": self.base.category,
                "name": curated.name if curated else None,
                "description": curated.description if curated else None,
                "status": curated.status if curated else "active",
                "size": len(rows),
                "cohesion": None if cohesion is None else share(cohesion),
                "needs_review": cluster in self.reasons,
                "review_reasons": self.reasons.get(cluster, []),
                "representative": names[picked[0]],
                "representatives": [names[row] for row in picked],
                "groups": [{"group": name, "images": number} for name, number in spread_over],
                "group_count": len(spread_over),
                "fate": computed.get("fate"),
                "parents": computed.get("parents", []),
                "merged": list(curated.merged) if curated else [],
                "former_names": list(curated.former_names) if curated else [],
                "made_by_people": curated.made_by_people if curated else False,
            }
        return result

    def namesakes(self, cluster: str) -> list[str]:
        """The ids of the other clusters with the name of this one, sorted."""
        return namesakes(cluster, {other: row["name"] for other, row in self.clusters.items()})

    def _groups_by_cluster(self) -> dict[str, list[tuple[str, int]]]:
        """Cluster id → its groups, each with its number of images, the largest first."""
        counted = (
            self.frame.lazy().filter((pl.col("state") == "clustered") & pl.col("group").is_not_null())
            .group_by("cluster_id", "group").len().sort("group").sort("len", descending=True, maintain_order=True)
            .collect()
        )  # fmt: skip
        result: dict[str, list[tuple[str, int]]] = {}
        for cluster, group, number in counted.iter_rows():
            result.setdefault(cluster, []).append((group, number))
        return result

    def _representatives(self, rows: list[int], chosen: Sequence[int | None], face: str | None) -> list[int]:
        """The representative rows of a cluster, the main one first; `face` is the content hash that people chose."""
        spread = sorted((place, row) for row in rows if (place := chosen[row]) is not None)
        picked = [row for _, row in spread] or rows[:6]
        copies = set(self.rows_by_hash.get(face, ())) if face is not None else set[int]()
        faces = [row for row in rows if row in copies] if copies else []
        return [*faces[:1], *(row for row in picked if row not in copies)][: len(picked)]

    def find_cluster(self, cluster: str) -> str | None:
        """The current id of a cluster, also for one that was merged into another; None if unknown."""
        current = self.curated.redirects.get(cluster, cluster) if self.curated else cluster
        return current if current in self.rows_by_cluster else None

    def records(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """These rows as dictionaries, in this order."""
        return self.frame[list(rows)].to_dicts() if rows else []


def make_snapshot(
    project: Project, base: Base, curation: Curation | None, previous: Snapshot | None = None
) -> Snapshot:
    """A snapshot of `base` with all decisions applied; without `curation`, of the computed clusters.

    Reuses figures of `previous` that are still valid.
    """
    if curation is None or not base.is_clustered:
        return Snapshot(base, _with_state(base.frame, None), None, {}, {})
    curated = curation.curated(base.slug)
    frame = _with_state(base.frame, curated)
    figures: dict[str, Figures] = {}
    changed = changed_clusters(curation.computed(base.slug), curated)
    if changed and base.fingerprint:
        reusable = previous.figures if previous is not None and previous.base.fingerprint == base.fingerprint else {}
        figures = figures_of(project, base.fingerprint, frame, changed, reusable)
    reasons = curation.review_reasons(base.slug)
    return Snapshot(base, _with_figures(frame, base, curated, figures), curated, reasons, figures)


def _with_figures(frame: pl.DataFrame, base: Base, curated: Curated, figures: dict[str, Figures]) -> pl.DataFrame:
    """`frame` with rank, similarity, chosen, probability and nearest cluster after all decisions."""
    home = base.frame["cluster_id"]
    nearest = pl.col("nearest_cluster")
    if curated.redirects:
        home, nearest = home.replace(dict(curated.redirects)), nearest.replace(dict(curated.redirects))
    clustered = pl.col("state") == "clustered"
    if figures:
        fresh = pl.concat([changed_figures.ranks() for changed_figures in figures.values()])
        frame = frame.join(fresh, on="image_id", how="left", maintain_order="left", suffix="_now")
        changed = pl.col("cluster_id").is_in(list(figures))
        frame = frame.with_columns(
            pl.when(changed).then(pl.col(f"{name}_now")).otherwise(pl.col(name)).alias(name) for name in RANKS
        ).drop(f"{name}_now" for name in RANKS)
    by_people = clustered & (home.is_null() | (home != pl.col("cluster_id")))
    frame = frame.with_columns(
        *(pl.when(clustered).then(pl.col(name)).alias(name) for name in RANKS),
        probability=pl.when(by_people).then(pl.lit(MOVED_BY_PEOPLE, pl.Float32)).otherwise(pl.col("probability")),
        nearest_cluster=pl.when(nearest.is_in(list(curated.clusters))).then(nearest),
    )
    return frame.with_columns(distance=pl.when(pl.col("nearest_cluster").is_not_null()).then(pl.col("distance")))


def _with_state(frame: pl.DataFrame, curated: Curated | None) -> pl.DataFrame:
    """`frame` with cluster and state of every row after all decisions."""
    cluster = pl.col("cluster_id")
    excluded = pl.lit(False)  # a column expression, not a flag
    if curated is not None:
        if curated.redirects:
            cluster = cluster.replace(dict(curated.redirects))
        if curated.placed:
            moved = pl.DataFrame(
                {"content_hash": list(curated.placed), "moved_to": list(curated.placed.values())},
                schema={"content_hash": pl.String, "moved_to": pl.String},
            ).with_columns(moved=pl.lit(True))
            frame = frame.join(moved, on="content_hash", how="left", maintain_order="left")
            cluster = pl.when(pl.col("moved").fill_null(value=False)).then(pl.col("moved_to")).otherwise(cluster)
        if curated.excluded:
            excluded = pl.col("content_hash").is_in(list(curated.excluded)).fill_null(value=False)
    was_clustered = pl.col("cluster_id").is_not_null() | pl.col("probability").is_not_null()
    frame = frame.with_columns(known=was_clustered, cluster_id=pl.when(~excluded).then(cluster), excluded=excluded)
    state = (
        pl.when(pl.col("status") != "ok").then(pl.lit("rejected"))
        .when(pl.col("excluded")).then(pl.lit("excluded"))
        .when(pl.col("cluster_id").is_not_null()).then(pl.lit("clustered"))
        .when(pl.col("known")).then(pl.lit("unclustered"))
        .otherwise(pl.lit("new"))
    )  # fmt: skip
    return frame.with_columns(state=state).drop("known", "excluded", "moved", "moved_to", strict=False)
