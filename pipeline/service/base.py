"""The computed tables of one category, joined: one row per image.

What belongs here: reading and joining what the stages stored. Not here: what people decided over it (`library.py`).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from pipeline.stages.identities import matching as identity
from pipeline.stages.images.decode import IMAGES_SCHEMA
from pipeline.stages.manifest.build import MANIFEST_SCHEMA
from pipeline.stages.reduced import projection as reducing
from pipeline.stages.representatives import ranking as representing
from pipeline.steps.project import Project
from pipeline.storage.artifacts import Artifact

MADE_OF = ("images", "manifest", "identities", "representatives", "reduced")
Versions = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Base:
    """One row per image in `frame`, sorted by image id; `clusters` by id what the stages say of each.

    `frame` has the columns of the images table, and cluster_id, probability, nearest_cluster, distance, rank,
    similarity, chosen, x, y and date (taken, else last modified); all of these may be null.
    """

    slug: str
    category: str
    versions: Versions
    frame: pl.DataFrame
    clusters: dict[str, dict[str, Any]]
    encoder: dict[str, Any]
    updated_at: str

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Image id → row."""
        return {name: row for row, name in enumerate(self.frame["image_id"].to_list())}


def versions_of(project: Project, slug: str) -> Versions:
    """Which versions are current of everything that a `Base` is made of."""
    return _named({name: project.store.current(slug, name) for name in MADE_OF})


def read_base(project: Project, slug: str) -> Base:
    """The joined tables; what was not computed yet is null."""
    current = {name: project.store.current(slug, name) for name in (*MADE_OF, "embeddings")}
    frame = _table(current["images"], "images", IMAGES_SCHEMA)
    modified = _table(current["manifest"], "manifest", MANIFEST_SCHEMA, ["image_id", "last_modified"])
    placed = ["image_id", "cluster_id", "probability", "nearest_cluster", "distance"]
    members = _table(current["identities"], "members", identity.MEMBERS_SCHEMA, placed)
    ranks = _table(current["representatives"], "members", representing.MEMBERS_SCHEMA).drop("cluster_id")
    reduced = current["reduced"]
    schema = reducing.reduced_schema(int(reduced.provenance.facts["dimension"]) if reduced else 0)
    places = _table(reduced, "reduced", schema, ["image_id", "x", "y"])
    for other in (modified, members, ranks, places):
        frame = frame.join(other.unique("image_id", keep="first"), on="image_id", how="left")
    date = pl.coalesce(pl.col("taken_at"), pl.col("last_modified").dt.replace_time_zone(None)).alias("date")
    used = current["embeddings"]
    dated = [one.provenance.created_at for one in current.values() if one is not None]
    return Base(
        slug,
        project.category_of(slug),
        _named(current),
        frame.with_columns(date).sort("image_id"),
        _clusters(current["identities"], current["representatives"]),
        {"spec": used.provenance.params.get("spec"), **used.provenance.facts} if used else {},
        max(dated, default=""),
    )


def _named(current: dict[str, Artifact | None]) -> Versions:
    found = ((name, current[name]) for name in MADE_OF)
    return tuple(
        (name, f"{one.provenance.version} {one.provenance.fingerprint}") for name, one in found if one is not None
    )


def _table(artifact: Artifact | None, name: str, schema: pl.Schema, columns: list[str] | None = None) -> pl.DataFrame:
    if artifact is not None:
        return artifact.table(name, schema, columns)
    return pl.DataFrame(schema={one: schema[one] for one in columns or schema})


def _clusters(identities: Artifact | None, representatives: Artifact | None) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    came = _table(identities, "clusters", identity.CLUSTERS_SCHEMA, ["cluster_id", "fate", "parents"])
    for row in came.iter_rows(named=True):
        found[row["cluster_id"]] = {"fate": row["fate"], "parents": list(row["parents"])}
    if representatives is not None:
        schema = representing.clusters_schema(int(representatives.provenance.facts["dimension"]))
        wanted = ["cluster_id", "cohesion", "representative"]
        for row in representatives.table("clusters", schema, wanted).iter_rows(named=True):
            found.setdefault(row["cluster_id"], {}).update(
                cohesion=row["cohesion"], representative=row["representative"]
            )
    return found
