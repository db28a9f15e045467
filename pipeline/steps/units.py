"""What a category's later links work on: its images, or the objects in them.

What belongs here: choosing between the two, and where an object comes from. Not here: making objects (`objects.py`).

Both artefacts have a table `images` (`IMAGES_SCHEMA`). A row of an object has its own id and content hash, and the key,
group, identifier, time and place of its image. So only those that read a bucket, show a picture or publish need to know
which of the two it is.
"""

import polars as pl

from pipeline.stages.embeddings.contract import Facts, Unit
from pipeline.stages.objects.contract import OBJECTS_SCHEMA
from pipeline.storage.artifacts import Artifact, ArtifactStore

BOXES_SCHEMA = pl.Schema(
    {"object_id": pl.String(), "image_id": pl.String(), **{name: OBJECTS_SCHEMA[name] for name in ("x", "y", "w", "h")}}
)


def unit_of(store: ArtifactStore, slug: str) -> Unit:
    """The unit of the stored vectors; image before anything is embedded."""
    embeddings = store.current(slug, "embeddings")
    return embeddings.facts(Facts).unit if embeddings is not None else "image"


def artifact_of_units(store: ArtifactStore, slug: str) -> str:
    """The name of the artefact whose table `images` has a row per unit."""
    return "objects" if unit_of(store, slug) == "object" else "images"


def units(store: ArtifactStore, slug: str) -> Artifact:
    """That artefact. Raises `MissingArtifactError`."""
    return store.require(slug, artifact_of_units(store, slug))


def current_units(store: ArtifactStore, slug: str) -> Artifact | None:
    """That artefact; None if there is none yet."""
    return store.current(slug, artifact_of_units(store, slug))


def boxes(store: ArtifactStore, slug: str) -> pl.DataFrame:
    """Id, image and box of every object (`BOXES_SCHEMA`); empty where images are the unit."""
    current = current_units(store, slug)
    if current is None or current.name != "objects":
        return BOXES_SCHEMA.to_frame()
    return current.table("objects", OBJECTS_SCHEMA, list(BOXES_SCHEMA)).filter(pl.col("object_id").is_not_null())


def source_ids(store: ArtifactStore, slug: str, ids: pl.Series) -> pl.Series:
    """The id of the image behind each unit."""
    found = boxes(store, slug)
    if not found.height:
        return ids
    return ids.replace(found["object_id"], found["image_id"])
