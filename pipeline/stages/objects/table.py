"""One row per object, and the rows that later links work on instead of images.

What belongs here: building the tables of `contract.py` from the boxes of every image. Not here: finding boxes, storing
the tables (`steps/objects.py`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from pipeline.settings import ObjectParams
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.objects.boxes import Box, Found, choose
from pipeline.stages.objects.contract import KNOWN_SCHEMA, OBJECTS_SCHEMA
from pipeline.stages.objects.lineage import Known, identified, object_id

NO_OBJECT = "no_object"  # the status of an image without an object


@dataclass
class Objects:
    """The tables of one version, being built. `known` starts with those of the last one, none of them here."""

    params: ObjectParams
    known: dict[str, dict[str, Known]] = field(default_factory=dict[str, dict[str, Known]])
    rows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    units: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def add(self, image: Mapping[str, Any], found: Sequence[Found]) -> None:
        """The boxes of one image, a row of `IMAGES_SCHEMA`; one that is unusable is passed on as it is."""
        if image["status"] != "ok":
            self.units.append(dict(image))
            return
        chosen = choose(found, image["width"], image["height"], self.params)
        good = [(item, item.box) for item in chosen if item.status == "ok" and item.box is not None]
        earlier = self.known.setdefault(image["content_hash"], {})
        objects = identified(image["content_hash"], [box for _, box in good], earlier.values())
        for (item, box), known in zip(good, objects, strict=True):
            earlier[known.content_hash] = known
            name = object_id(image["image_id"], known.content_hash)
            self.rows.append(_row(item, image["image_id"], image["key"], name, known.content_hash))
            size = {"width": max(1, round(box.w * image["width"])), "height": max(1, round(box.h * image["height"]))}
            self.units.append({**image, "image_id": name, "content_hash": known.content_hash, **size})
        refused = [item for item in chosen if item.status != "ok"]
        self.rows += [_row(item, image["image_id"], image["key"]) for item in refused]
        if not good:
            reason = "no object found"
            if refused:
                count = "1 box was" if len(refused) == 1 else f"{len(refused)} boxes were"
                reason = f"no object found: {count} refused, the first because {refused[0].problem}"
            self.units.append({**image, "status": NO_OBJECT, "reason": reason})

    def add_bad_file(self, key: str, reason: str) -> None:
        """A file of boxes that cannot be used."""
        self.rows.append(_row(Found(None, source=key, status="bad_file", problem=reason), None, key))

    def tables(self) -> dict[str, tuple[pl.DataFrame, pl.Schema]]:
        """The tables of a version by name."""
        known = [
            {"image_hash": image, "content_hash": one.content_hash, "crop": one.crop, **one.box._asdict(),
             "here": one.here}
            for image, objects in self.known.items() for one in objects.values()
        ]  # fmt: skip
        order = ["key", "object_id", "status", "reason", "x", "y"]
        return {
            "images": (pl.DataFrame(self.units, schema=IMAGES_SCHEMA).sort("key", "image_id"), IMAGES_SCHEMA),
            "objects": (pl.DataFrame(self.rows, schema=OBJECTS_SCHEMA).sort(order, nulls_last=True), OBJECTS_SCHEMA),
            "known": (pl.DataFrame(known, schema=KNOWN_SCHEMA).sort("image_hash", "content_hash"), KNOWN_SCHEMA),
        }


def known_of(table: pl.DataFrame) -> dict[str, dict[str, Known]]:
    """The known objects by the content hash of their image, from a stored `KNOWN_SCHEMA`; none counts as here."""
    result: defaultdict[str, dict[str, Known]] = defaultdict(dict)
    for row in table.iter_rows(named=True):
        box = Box(row["x"], row["y"], row["w"], row["h"])
        result[row["image_hash"]][row["content_hash"]] = Known(row["content_hash"], row["crop"], box, here=False)
    return dict(result)


def renamed_crops(known: pl.DataFrame) -> pl.DataFrame:
    """Content hash and crop of the present objects (`KNOWN_SCHEMA`) whose vector has another name than they have."""
    other = known.filter(pl.col("here") & (pl.col("content_hash") != pl.col("crop")))
    return other.select("content_hash", "crop").unique().sort("content_hash")


def count(tables: Mapping[str, tuple[pl.DataFrame, pl.Schema]]) -> dict[str, int]:
    """The counts of `contract.Facts`."""
    units, objects = tables["images"][0], tables["objects"][0]
    status = dict(objects.group_by("status").len().iter_rows())
    without = units.filter(pl.col("status") == NO_OBJECT).height
    usable = objects.filter(pl.col("status") == "ok")["image_id"].n_unique() + without
    ok, files = status.get("ok", 0), status.get("bad_file", 0)
    return {"images": usable, "without": without, "objects": ok, "refused": objects.height - ok - files, "files": files}


def examples(objects: pl.DataFrame, most: int = 10) -> list[dict[str, Any]]:
    """Some refused boxes and files, for people."""
    refused: Iterable[dict[str, Any]] = (
        objects.filter(pl.col("status") != "ok").select("key", "status", "reason").head(most).to_dicts()
    )
    return list(refused)


def _row(
    item: Found, image_id: str | None, key: str, name: str | None = None, content_hash: str | None = None
) -> dict[str, Any]:
    box: dict[str, float | None] = dict.fromkeys(("x", "y", "w", "h"))
    if item.box is not None:
        box |= item.box._asdict()
    return {
        "object_id": name, "image_id": image_id, "key": key, "content_hash": content_hash, **box, "label": item.label,
        "score": item.score, "source": item.source, "status": item.status, "reason": item.problem or None,
    }  # fmt: skip
