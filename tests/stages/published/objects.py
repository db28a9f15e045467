"""A small library of objects for the tests of the published documents.

What belongs here: the document. Not here: libraries of whole images (`library.py`).
"""

from dataclasses import replace
from typing import Any

from pipeline.stages.published.document import Box, ImageRef, LibraryView, RejectedImage, Unclustered, build_document
from tests.stages.published.library import GENERATED_AT, cluster, image, library

LEFT, RIGHT = (0.1, 0.2, 0.3, 0.4), (0.5, 0.25, 0.3, 0.4)


def boxed(country: str, identifier: str, box: Box) -> ImageRef:
    """An object in an image of the library."""
    found = image(country, identifier)
    return replace(found, image_id=f"{found.image_id} {box}", box=box)


def objects_view() -> LibraryView:
    """Five images: one with an object in each of two clusters, one with two in the same, one with an unclustered one
    and one that people left out, one of which all are left out, and one without."""
    first = cluster("c-first222", boxed("de", "1", LEFT), boxed("de", "2", LEFT), boxed("de", "2", RIGHT), name="Post")
    second = cluster("c-second22", boxed("de", "1", RIGHT))
    rejected = [
        RejectedImage(image("fr", "3").key, "excluded", "excluded by ann", RIGHT),
        RejectedImage(image("fr", "4").key, "excluded", "excluded by ann", LEFT),
        RejectedImage(image("it", "5").key, "no_object", "no object found"),
    ]
    return library(
        first, second, unclustered=[Unclustered(boxed("fr", "3", LEFT), "c-first222", 0.5)], rejected=rejected,
        total_images=5, detector="annotations:",
    )  # fmt: skip


def objects_document() -> dict[str, Any]:
    """The document of that library."""
    return build_document(objects_view(), generated_at=GENERATED_AT)
