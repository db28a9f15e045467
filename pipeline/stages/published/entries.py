"""The entries of a document, images or objects in images: what tells one from every other, and how many there are.

What belongs here: names and counts, read from clusters.json as a value. Not here: making the document (`document.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Any


def image_name(image: Mapping[str, Any]) -> str:
    """What tells an entry of a document from every other: its key; of an object, with its box as a media fragment.

    See https://www.w3.org/TR/media-frags/#naming-space: in a browser the address still leads to the image.
    """
    box = image.get("box")
    return image["key"] if box is None else with_fragment(image["key"], [box[side] for side in "xywh"])


def with_fragment(key: str, box: Sequence[float]) -> str:
    """A key with a box (x, y, w, h) as a media fragment."""
    return f"{key}#xywh=percent:{','.join(f'{100 * value:.4g}' for value in box)}"


def count_entries(document: Mapping[str, Any]) -> dict[str, Any]:
    """The summary without `images`: how many images are clustered, unclustered and rejected, and how many clusters.

    If the entries are objects, an image counts once: as clustered if one of its objects is, else as unclustered if one
    is. `objects` counts them all.
    """
    clustered = [image for cluster in document["clusters"] for image in cluster["images"]]
    unclustered, rejected = document["unclustered"], document["rejected"]
    counts = {"clustered": len(clustered), "unclustered": len(unclustered), "rejected": len(rejected)}
    if document.get("unit") != "object":
        return counts | {"clusters": len(document["clusters"])}
    first = {image["key"] for image in clustered}
    second = {image["key"] for image in unclustered} - first
    third = {image["key"] for image in rejected} - first - second
    parts = {"clustered": len(first), "unclustered": len(second), "rejected": len(third)}
    objects = counts | {"rejected": sum("box" in image for image in rejected)}
    return {**parts, "clusters": len(document["clusters"]), "objects": {"found": sum(objects.values()), **objects}}


def usable_entries(document: Mapping[str, Any]) -> int:
    """How many images, or objects, a document clusters or leaves unclustered."""
    summary = document["summary"]
    counted = summary.get("objects", summary)
    return counted["clustered"] + counted["unclustered"]
