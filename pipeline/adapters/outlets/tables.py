"""The tables of the database outlet, and a published document as their rows.

What belongs here: columns, and the rows of each table. Not here: writing them (`database.py`), the document
(`stages/published/document.py`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, String, Table

from pipeline.stages.published.entries import image_name

SUMMARY = ("images", "clustered", "unclustered", "rejected", "clusters")

Row = dict[str, Any]


def tables(metadata: MetaData, prefix: str) -> tuple[Table, Table, Table]:
    """The tables clusters, images and publications; every image of a category has one row in `images`."""
    clusters = Table(
        f"{prefix}clusters",
        metadata,
        Column("id", String, primary_key=True),
        Column("category", String, nullable=False, index=True),
        Column("slug", String, nullable=False),
        Column("aliases", JSON, nullable=False),
        Column("name", String),
        Column("description", String),
        Column("status", String, nullable=False),
        Column("needs_review", Boolean, nullable=False),
        Column("images_count", Integer, nullable=False),
        Column("cohesion", Float, nullable=False),
        Column("representative_key", String, nullable=False),
        Index(f"ux_{prefix}clusters_slug", "category", "slug", unique=True),
    )
    images = Table(
        f"{prefix}images",
        metadata,
        Column("category", String, primary_key=True),
        Column("key", String, primary_key=True),
        Column("country", String),
        Column("identifier", String),
        Column("status", String, nullable=False),  # clustered, unclustered or rejected
        Column("reason", String),
        Column("cluster_id", String, ForeignKey(f"{prefix}clusters.id"), index=True),
        Column("probability", Float),
        Column("position", Integer),  # 0 is the most typical of its cluster
        Column("nearest_cluster_id", String, ForeignKey(f"{prefix}clusters.id"), index=True),
        Column("distance", Float),
    )
    publications = Table(
        f"{prefix}publications",
        metadata,
        Column("category", String, primary_key=True),
        Column("version", String, nullable=False),
        Column("generated_at", String, nullable=False),
        Column("encoder", String, nullable=False),
        *(Column(name, Integer, nullable=False) for name in SUMMARY),
    )
    return clusters, images, publications


def box_table(metadata: MetaData, prefix: str) -> Table:
    """The table boxes: x, y, w and h of every object as shares of its image. Made for categories with objects only."""
    return Table(
        f"{prefix}boxes",
        metadata,
        Column("category", String, primary_key=True),
        Column("key", String, primary_key=True),  # as in `images`
        Column("image_key", String, nullable=False),  # of the image in the bucket
        *(Column(side, Float, nullable=False) for side in "xywh"),
    )


def cluster_rows(document: Mapping[str, Any]) -> Iterator[Row]:
    """The rows of `clusters`, in the document's order."""
    for cluster in document["clusters"]:
        yield {
            "id": cluster["id"], "category": storable(document["category"]), "slug": cluster["slug"],
            "aliases": cluster.get("aliases", []), "name": storable(cluster["name"]),
            "description": storable(cluster["description"]), "status": cluster["status"],
            "needs_review": cluster["needsReview"], "images_count": cluster["size"], "cohesion": cluster["cohesion"],
            "representative_key": storable(image_name(cluster["representativeImage"])),
        }  # fmt: skip


def image_rows(document: Mapping[str, Any]) -> Iterator[Row]:
    """The rows of `images`: those in clusters, then the unclustered, then the rejected."""
    empty: Row = dict.fromkeys(
        ("country", "identifier", "reason", "cluster_id", "probability", "position", "nearest_cluster_id", "distance")
    )
    common = {**empty, "category": storable(document["category"])}
    for cluster in document["clusters"]:
        for position, image in enumerate(cluster["images"]):
            yield {**common, **_image(image), "status": "clustered", "cluster_id": cluster["id"],
                   "probability": image["probability"], "position": position}  # fmt: skip
    for image in document["unclustered"]:
        yield {**common, **_image(image), "status": "unclustered", "nearest_cluster_id": image["nearestCluster"],
               "distance": image["distance"]}  # fmt: skip
    for image in document["rejected"]:
        yield {**common, "key": storable(image_name(image)), "status": "rejected", "reason": storable(image["reason"])}


def publication_row(document: Mapping[str, Any], version: str) -> Row:
    """The row of this category in `publications`: version, time and summary of the rows in the other tables."""
    summary = {name: document["summary"][name] for name in SUMMARY}
    return {"category": storable(document["category"]), "version": version, "generated_at": document["generatedAt"],
            "encoder": document["model"]["encoder"], **summary}  # fmt: skip


def box_rows(document: Mapping[str, Any]) -> Iterator[Row]:
    """The rows of `boxes`: one per object, under the key of its row in `images`."""
    clustered = (image for cluster in document["clusters"] for image in cluster["images"])
    for image in [*clustered, *document["unclustered"], *document["rejected"]]:
        if "box" in image:
            yield {"category": storable(document["category"]), "key": storable(image_name(image)),
                   "image_key": storable(image["key"]), **image["box"]}  # fmt: skip


def _image(image: Mapping[str, Any]) -> Row:
    return {
        "key": storable(image_name(image)),
        "country": storable(image["country"]),
        "identifier": storable(image["identifier"]),
    }


def storable(value: str | None) -> str | None:
    r"""Text that a database accepts: NUL and lone surrogates (from keys that are not UTF-8) as \x00 and \\udcXX."""
    return None if value is None else value.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
