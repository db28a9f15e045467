"""Boxes that people refused or drew: the decisions about them, those in force, and those that wait for a run.

What belongs here: naming an object or an image in such a decision, and comparing decisions with the last run. Not here:
what they do (`stages/objects/corrected.py`), which one counts (`curation/boxes.py`), storing (`curation.py`).
"""

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipeline.curation import decisions as d
from pipeline.curation.fold import fold
from pipeline.errors import DecisionError, UnknownNameError
from pipeline.stages.contract import columns
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.objects.boxes import Box
from pipeline.stages.objects.contract import OBJECTS_SCHEMA, Facts
from pipeline.stages.objects.corrected import Correction, Corrections
from pipeline.steps.project import Project
from pipeline.steps.units import unit_of

_IMAGES = columns(IMAGES_SCHEMA, "image_id", "key", "content_hash", "status")
_OBJECTS = columns(OBJECTS_SCHEMA, "object_id", "image_id", "content_hash", "status", "x", "y", "w", "h")


@dataclass(frozen=True)
class Waiting:
    """What the next run will do: boxes that it adds and takes away, and how many decisions it takes back."""

    added: int = 0
    removed: int = 0
    undone: int = 0


def corrections_in_force(project: Project, slug: str) -> Corrections:
    """Content hash of an image → what people decided about its boxes."""
    return fold(project.curation.checked(slug).events(slug)).boxes.by_image


def numbers_of(corrections: Corrections) -> list[int]:
    """The numbers of these decisions."""
    return sorted(correction.event for of_image in corrections.values() for correction in of_image)


def waiting(project: Project, slug: str) -> Waiting:
    """The decisions about boxes that the last run did not know of; nothing where images are the unit."""
    stored = project.store.current(slug, "objects")
    if stored is None or unit_of(project.store, slug) != "object":
        return Waiting()
    followed = set(stored.facts(Facts).corrections)
    current = {
        correction.event: correction.wrong
        for of_image in corrections_in_force(project, slug).values() for correction in of_image
    }  # fmt: skip
    fresh = current.keys() - followed
    removed = sum(current[event] for event in fresh)
    return Waiting(added=len(fresh) - removed, removed=removed, undone=len(followed - current.keys()))


def waiting_on(project: Project, slug: str, image_id: str) -> list[Correction]:
    """The decisions about the boxes of one image, by its id (not that of an object), that the last run did not know
    of; none where images are the unit."""
    stored = project.store.current(slug, "objects")
    if stored is None or unit_of(project.store, slug) != "object":
        return []
    images = project.store.require(slug, "images").table("images", _IMAGES, list(_IMAGES))
    followed, corrections = stored.facts(Facts).corrections, corrections_in_force(project, slug)
    contents = images.filter(pl.col("image_id") == image_id)["content_hash"]
    return [one for content in contents for one in corrections.get(content, ()) if one.event not in followed]


def object_rows(project: Project, slug: str, name: str) -> list[dict[str, Any]]:
    """The boxes of one image, given by its key or id or that of an object in it, with their status and reason; then the
    decisions about them that wait for the next run."""
    image = _image(project, slug, name)
    stored = project.store.require(slug, "objects")
    table = stored.table("objects", OBJECTS_SCHEMA).filter(pl.col("image_id") == image["image_id"])
    rows = [
        {"object": row["object_id"], "x": row["x"], "y": row["y"], "w": row["w"], "h": row["h"], "label": row["label"],
         "score": row["score"], "status": row["status"], "reason": row["reason"] or ""}
        for row in table.iter_rows(named=True)
    ]  # fmt: skip
    return rows + [
        {"object": None, **correction.box._asdict(), "label": correction.label, "score": None,
         "status": "to be removed" if correction.wrong else "to be added",
         "reason": f"by the next run (event {correction.event})"}
        for correction in waiting_on(project, slug, image["image_id"])
    ]  # fmt: skip


def wrong_box(project: Project, slug: str, name: str) -> d.WrongBox:
    """The decision that the box of an object is wrong; `name` is the id of the object, or its content hash.

    Raises `DecisionError` where images are the unit, `UnknownNameError` if there is no such object.
    """
    objects, images = _tables(project, slug)
    found = objects.filter((pl.col("object_id") == name) | (pl.col("content_hash") == name))
    if not found.height:
        raise UnknownNameError(f"There is no object {name} in {project.category_of(slug)}. Name it by its id.")
    row = found.row(0, named=True)
    source = images.filter(pl.col("image_id") == row["image_id"])["content_hash"][0]
    return d.WrongBox(image=row["content_hash"], source=source, box=Box(row["x"], row["y"], row["w"], row["h"]))


def add_box(project: Project, slug: str, name: str, box: Collection[float], label: str | None = None) -> d.AddBox:
    """The decision that a box is drawn on an image; `name` is its key, its id, or the id of an object in it.

    Raises as `wrong_box`, and pydantic's ValidationError for a box that is none.
    """
    row = _image(project, slug, name)
    if row["status"] != "ok":
        raise DecisionError(f"The image {row['key']} was set aside as {row['status']}, so no box can be drawn on it.")
    return d.AddBox.model_validate({"source": row["content_hash"], "box": tuple(box), "label": label})


def _image(project: Project, slug: str, name: str) -> dict[str, Any]:
    """The row of an image, given by its key or id, or the id of an object in it. Raises as `wrong_box`."""
    objects, images = _tables(project, slug)
    of_object = objects.filter(pl.col("object_id") == name)["image_id"]
    wanted = of_object[0] if of_object.len() else name
    found = images.filter((pl.col("image_id") == wanted) | (pl.col("key") == wanted))
    if not found.height:
        near = difflib.get_close_matches(name, images["key"].to_list(), n=1, cutoff=0.5)
        hint = f"The nearest is {near[0]}." if near else "Name it by its key or id."
        raise UnknownNameError(f"There is no image {name} in {project.category_of(slug)}. {hint}")
    return found.row(0, named=True)


def _tables(project: Project, slug: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The present objects, and the images that they are in."""
    if unit_of(project.store, slug) != "object":
        raise DecisionError(
            f"Whole images are clustered in {project.category_of(slug)}, so boxes mean nothing there. "
            "`objects.unit: object` clusters the objects in them."
        )
    objects = project.store.require(slug, "objects").table("objects", _OBJECTS, list(_OBJECTS))
    images = project.store.require(slug, "images").table("images", _IMAGES, list(_IMAGES))
    return objects.filter(pl.col("status") == "ok"), images
