"""The computed tables of one category, joined: one row per image.

What belongs here: reading and joining the tables of the stages. Not here: applying decisions (`snapshot.py`).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from pipeline.stages.contract import columns
from pipeline.stages.embeddings.contract import EMBEDDINGS_SCHEMA
from pipeline.stages.embeddings.contract import Facts as EmbeddingFacts
from pipeline.stages.identities.contract import CLUSTERS_SCHEMA as FATES_SCHEMA
from pipeline.stages.identities.contract import MEMBERS_SCHEMA as HOMES_SCHEMA
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.manifest.contract import MANIFEST_SCHEMA
from pipeline.stages.reduced.contract import reduced_schema
from pipeline.stages.representatives.contract import MEMBERS_SCHEMA as RANKS_SCHEMA
from pipeline.stages.representatives.contract import clusters_schema
from pipeline.steps.project import Project
from pipeline.steps.units import boxes, current_units
from pipeline.storage.artifacts import Artifact

MADE_OF = ("images", "manifest", "embeddings", "identities", "representatives", "reduced")
Versions = tuple[tuple[str, str], ...]

# the columns that this module reads
_MANIFEST = columns(MANIFEST_SCHEMA, "image_id", "last_modified")
_EMBEDDINGS = columns(EMBEDDINGS_SCHEMA, "fingerprint")
_HOMES = columns(HOMES_SCHEMA, "image_id", "cluster_id", "probability", "nearest_cluster", "distance")
_FATES = columns(FATES_SCHEMA, "cluster_id", "fate", "parents")
_RANKS = columns(RANKS_SCHEMA, "image_id", "rank", "similarity", "chosen")
_COHESION = columns(clusters_schema(0), "cluster_id", "cohesion", "representative")
_PLACES = columns(reduced_schema(0), "image_id", "x", "y")


@dataclass(frozen=True)
class Base:
    """The computed tables of a category: `frame` with one row per image, sorted by image id, and `clusters` by id.

    `frame` has the columns of the images table, source_id and box (`_with_boxes`), source_hash (of the whole image),
    and cluster_id, probability, nearest_cluster, distance, rank, similarity, chosen, x, y, camera and date (taken,
    else last modified); all of these may be null. `fingerprint` is that of the images' vectors, empty if there are
    none. `is_of_objects`: whether the rows are the objects in images, and images without any.
    """

    slug: str
    category: str
    versions: Versions
    frame: pl.DataFrame
    clusters: dict[str, dict[str, Any]]
    encoder: dict[str, Any]
    updated_at: str
    fingerprint: str
    is_of_objects: bool = False

    @property
    def is_clustered(self) -> bool:
        """Whether the category was clustered."""
        return any(name == "identities" for name, _ in self.versions)

    @cached_property
    def cameras(self) -> list[tuple[str, int]]:
        """Cameras with the number of their images, the most used first."""
        counted = (
            self.frame.drop_nulls("camera").group_by("camera").len().sort("len", "camera", descending=[True, False])
        )
        return list(counted.iter_rows())

    @cached_property
    def rows_by_hash(self) -> dict[str, list[int]]:
        """Content hash → rows."""
        rows: dict[str, list[int]] = {}
        for row, value in enumerate(self.frame["content_hash"].to_list()):
            if value is not None:
                rows.setdefault(value, []).append(row)
        return rows

    @cached_property
    def objects_of(self) -> dict[str, list[int]]:
        """Id of an image → rows of its objects; empty where images are the unit."""
        rows: dict[str, list[int]] = {}
        boxed = self.frame.with_row_index("row").filter(pl.col("box").is_not_null()).select("row", "source_id")
        for row, name in boxed.iter_rows():
            rows.setdefault(name, []).append(row)
        return rows

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Image id → row."""
        return {name: row for row, name in enumerate(self.frame["image_id"].to_list())}


def versions_of(project: Project, slug: str) -> Versions:
    """The current versions of all tables of a `Base`."""
    return _versions(_current(project, slug))


def _current(project: Project, slug: str) -> dict[str, Artifact | None]:
    """The artefacts by name; those of objects count as `images` where objects are the unit."""
    current = {name: project.store.current(slug, name) for name in MADE_OF}
    return {**current, "images": current_units(project.store, slug)}


def _with_boxes(frame: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """`frame` with `source_id`, the id of the image in the manifest, and `box`: x, y, w and h, null for an image."""
    box = pl.concat_list("x", "y", "w", "h")
    table = found.select(pl.col("object_id").alias("image_id"), pl.col("image_id").alias("source_id"), box=box)
    joined = frame.join(table, on="image_id", how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("source_id", "image_id").alias("source_id"))


def read_base(project: Project, slug: str) -> Base:
    """The joined tables; values that are not computed yet are null."""
    current = _current(project, slug)
    frame = _with_boxes(_table(current["images"], "images", IMAGES_SCHEMA), boxes(project.store, slug))
    modified = _table(current["manifest"], "manifest", _MANIFEST).rename({"image_id": "source_id"})
    frame = frame.join(modified.unique("source_id", keep="first"), on="source_id", how="left")
    frame = frame.join(_cameras(project, slug), on="source_id", how="left")
    frame = frame.join(_source_hashes(project, slug), on="source_id", how="left")
    members = _table(current["identities"], "members", _HOMES)
    ranks = _table(current["representatives"], "members", _RANKS)
    places = _table(current["reduced"], "reduced", _PLACES)
    for other in (members, ranks, places):
        frame = frame.join(other.unique("image_id", keep="first"), on="image_id", how="left")
    date = pl.coalesce(pl.col("taken_at"), pl.col("last_modified").dt.replace_time_zone(None)).alias("date")
    used = current["embeddings"]
    dated = [artifact.provenance.created_at for artifact in current.values() if artifact is not None]
    return Base(
        slug,
        project.category_of(slug),
        _versions(current),
        frame.with_columns(date).sort("image_id"),
        _clusters(current["identities"], current["representatives"]),
        {"spec": used.provenance.params.get("spec"), **used.facts(EmbeddingFacts).stored()} if used else {},
        max(dated, default=""),
        _fingerprint(used),
        (current["images"] is not None and current["images"].name == "objects"),
    )


def _cameras(project: Project, slug: str) -> pl.DataFrame:
    """The camera of each image that names one, by the image's id."""
    images = _table(project.store.current(slug, "images"), "images", IMAGES_SCHEMA)
    table = images.select(pl.col("image_id").alias("source_id"), "content_hash")
    return table.join(project.cameras(slug).read(), on="content_hash").drop("content_hash").unique("source_id")


def _source_hashes(project: Project, slug: str) -> pl.DataFrame:
    """The content hash of each image, by its id, also where objects are the unit."""
    images = _table(project.store.current(slug, "images"), "images", IMAGES_SCHEMA)
    return images.select(source_id="image_id", source_hash="content_hash").unique("source_id")


def _versions(current: dict[str, Artifact | None]) -> Versions:
    artifacts = ((name, current[name]) for name in MADE_OF)
    return tuple(
        (name, f"{stored.provenance.version} {stored.provenance.fingerprint}")
        for name, stored in artifacts
        if stored is not None
    )


def _table(artifact: Artifact | None, name: str, schema: pl.Schema) -> pl.DataFrame:
    return schema.to_frame() if artifact is None else artifact.table(name, schema, list(schema))


def _fingerprint(embeddings: Artifact | None) -> str:
    table = _table(embeddings, "embeddings", _EMBEDDINGS)
    return str(table["fingerprint"][0]) if table.height else ""


def _clusters(identities: Artifact | None, representatives: Artifact | None) -> dict[str, dict[str, Any]]:
    clusters: dict[str, dict[str, Any]] = {}
    for row in _table(identities, "clusters", _FATES).iter_rows(named=True):
        clusters[row["cluster_id"]] = {"fate": row["fate"], "parents": list(row["parents"])}
    for row in _table(representatives, "clusters", _COHESION).iter_rows(named=True):
        figures = {"cohesion": row["cohesion"], "representative": row["representative"]}
        clusters.setdefault(row["cluster_id"], {}).update(figures)
    return clusters
