"""clusters.json: the published document, made from computed clusters and people's decisions.

What belongs here: the input of the stage, and the document. Not here: its bytes (`canonical.py`), names and counts of
the entries of a document (`entries.py`), slugs (`slugs.py`), what a valid document is (`schema.py`), what changed since
the last one (`changes.py`), naming clusters (`curation/`).
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, cast

from pipeline.stages.published.entries import count_entries
from pipeline.stages.published.families import with_families
from pipeline.stages.published.slugs import assign_slugs

Json = dict[str, Any]
Box = tuple[float, float, float, float]  # x, y, w, h
Status = Literal["active", "unusable", "hidden"]
FateName = Literal["kept", "grown", "shrunk", "split", "merged", "born", "revived", "died"]

SCHEMA_VERSION = 1
OBJECTS_VERSION = 2  # of a document whose entries are objects in images

# Decimals. Enough for a page or a threshold, and few enough that the last bits of a float, which differ between
# processors, do not make an unchanged library look changed.
_SHARE_DECIMALS = 4
_VECTOR_DECIMALS = 6
_ROUNDING = 2e-3  # of the sum of squares of a float16 vector


@dataclass(frozen=True)
class ImageRef:
    """One image: its key in the bucket, its group (a country) and its identifier within that group.

    With `box` (x, y, w, h: shares of the upright image) it is an object in that image.
    """

    image_id: str
    key: str
    group: str | None
    identifier: str
    box: Box | None = None


@dataclass(frozen=True)
class Member:
    """An image in a cluster; `probability` of belonging and `similarity` to the centroid lie in 0..1."""

    image: ImageRef
    probability: float
    similarity: float


@dataclass(frozen=True)
class ClusterView:
    """A cluster to be published: computed members with people's decisions applied.

    `members`: most typical first. The first of `representatives` is the main one. `aliases`: earlier slugs, so that
    stored addresses still lead to the cluster. `family`: id of the coarser type that it belongs to, if any.
    """

    id: str
    members: Sequence[Member]
    representatives: Sequence[ImageRef]
    cohesion: float
    name: str | None = None
    description: str | None = None
    status: Status = "active"
    needs_review: bool = False
    review_reason: str | None = None
    centroid: Sequence[float] | None = None
    fate: FateName = "kept"
    parents: Sequence[str] = ()
    slug: str | None = None
    family: str | None = None
    aliases: Sequence[str] = ()


@dataclass(frozen=True)
class Unclustered:
    """An unclustered image, with the nearest cluster as a suggestion."""

    image: ImageRef
    nearest_cluster: str | None = None
    distance: float | None = None


@dataclass(frozen=True)
class RejectedImage:
    """An unusable image: its status (broken, too_large, …) and the reason; with `box`, an object that is left out."""

    key: str
    status: str
    reason: str
    box: Box | None = None


@dataclass(frozen=True)
class DiedCluster:
    """A cluster that was published before and no longer exists; `size` is its last number of images."""

    id: str
    name: str | None
    size: int


@dataclass(frozen=True)
class LibraryView:
    """One whole category. `model` and `settings` are those in effect.

    `ended_by_people`: ids of clusters that people merged into others; their absence is no reason to hold a result back.
    `shaped_by_people`: ids of clusters whose members people changed by merging, splitting or moving. `detector`: where
    the boxes come from, if the entries are objects; `total_images` counts images all the same.
    """

    category: str
    model: Mapping[str, Any]
    settings: Mapping[str, Any]
    clusters: Sequence[ClusterView]
    unclustered: Sequence[Unclustered]
    rejected: Sequence[RejectedImage]
    total_images: int
    died: Sequence[DiedCluster] = ()
    ended_by_people: Sequence[str] = ()
    shaped_by_people: Sequence[str] = ()
    detector: str | None = None


def build_document(view: LibraryView, *, generated_at: str) -> Json:
    """clusters.json as a value, ready for `schema.validate` and `canonical.encoded`.

    `generated_at` is an RFC 3339 time. Clusters are sorted by size, largest first, then by id. A centroid appears if
    the view has one. The counts come from the view; `schema.validate` checks that they add up.
    """
    slugs, aliases = assign_slugs(view.clusters)
    ordered = sorted(view.clusters, key=lambda cluster: (-len(cluster.members), cluster.id))
    objects = view.detector is not None
    document: Json = {
        "schemaVersion": OBJECTS_VERSION if objects else SCHEMA_VERSION,
        **({"unit": "object", "detector": view.detector} if objects else {}),
        "category": view.category,
        "generatedAt": generated_at,
        "model": _plain(view.model),
        "settings": _plain(view.settings),
        "summary": {},
        "clusters": [_cluster(cluster, slugs[cluster.id], aliases[cluster.id]) for cluster in ordered],
        "unclustered": [_unclustered(entry) for entry in sorted(view.unclustered, key=lambda entry: entry.image.key)],
        "rejected": [
            {"key": entry.key, "reason": _reason(entry), **_box(entry.box)}
            for entry in sorted(view.rejected, key=lambda entry: entry.key)
        ],
        "index": build_index(ordered),
    }
    document["summary"] = {"images": view.total_images, **count_entries(document)}
    return with_families(document, {cluster.id: cluster.family for cluster in ordered})


def build_index(clusters: Sequence[ClusterView]) -> Json:
    """The countries of each active type, and the types of each country, with their numbers of images.

    Both are sorted by images, most first, then by code or id.
    """
    types = {
        cluster.id: Counter({code: len(images) for code, images in _by_country(cluster.members).items()})
        for cluster in clusters if cluster.status == "active"
    }  # fmt: skip
    countries: dict[str, Counter[str]] = {}
    for id_, counts in types.items():
        for code, images in counts.items():
            countries.setdefault(code, Counter())[id_] = images
    return {
        "types": {id_: _sorted_counts(counts, "country") for id_, counts in types.items()},
        "countries": {code: _sorted_counts(countries[code], "cluster") for code in sorted(countries)},
    }


@lru_cache(maxsize=4096)  # asked of every image
def country_code(group: str | None) -> str | None:
    """The group as published: a two-letter code in capitals, any other group unchanged."""
    if group is None:
        return None
    return group.upper() if re.fullmatch(r"[A-Za-z]{2}", group) else group


def natural_order(text: str) -> list[tuple[int, int, str]]:
    """A sort key by which image 2 comes before image 10."""
    parts = re.split(r"([0-9]+)", text)
    return [(0, int(part), part) if index % 2 else (1, 0, part) for index, part in enumerate(parts)]


def _sorted_counts(counts: Mapping[str, int], name: str) -> list[Json]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{name: value, "images": images} for value, images in ordered]


def _cluster(cluster: ClusterView, slug: str, aliases: Sequence[str]) -> Json:
    representatives = [_image(image) for image in cluster.representatives]
    result: Json = {
        "id": cluster.id,
        "slug": slug,
        "aliases": list(aliases),
        "name": cluster.name,
        "description": cluster.description,
        "status": cluster.status,
        "needsReview": cluster.needs_review,
        "size": len(cluster.members),
        "cohesion": share(cluster.cohesion),
        "representativeImage": representatives[0] if representatives else None,
        "representatives": representatives,
        "images": [_image(member.image) | {"probability": _rounded(member.probability)} for member in cluster.members],
        "countries": _countries(cluster.members),
    }
    if cluster.centroid is not None:
        result["centroid"] = [_rounded(value, _VECTOR_DECIMALS) for value in cluster.centroid]
    return result


def _countries(members: Sequence[Member]) -> list[Json]:
    """The countries of a cluster, the most frequent first, each with its images' identifiers in natural order."""
    ordered = sorted(_by_country(members).items(), key=lambda item: (-len(item[1]), item[0]))
    return [{"code": code, "images": sorted(images, key=natural_order)} for code, images in ordered]


def _by_country(members: Sequence[Member]) -> dict[str, list[str]]:
    """The identifiers of the images of each country. An image with several objects in the cluster counts once."""
    identifiers: dict[str, list[str]] = {}
    keys: set[str] = set()
    for member in members:
        code = country_code(member.image.group)
        if code is not None and member.image.key not in keys:
            keys.add(member.image.key)
            identifiers.setdefault(code, []).append(member.image.identifier)
    return identifiers


def _image(image: ImageRef) -> Json:
    reference = {"country": country_code(image.group), "identifier": image.identifier, "key": image.key}
    return reference | _box(image.box)


def _box(box: Box | None) -> Json:
    return {} if box is None else {"box": dict(zip("xywh", map(_rounded, box), strict=True))}


def _unclustered(entry: Unclustered) -> Json:
    distance = None if entry.distance is None else _rounded(entry.distance, _VECTOR_DECIMALS)
    return _image(entry.image) | {"nearestCluster": entry.nearest_cluster, "distance": distance}


def _reason(entry: RejectedImage) -> str:
    """`broken: the file ends early`. The format has no field for the status."""
    return (
        entry.reason if entry.reason.startswith(entry.status) else f"{entry.status}: {entry.reason}".removesuffix(": ")
    )


def _rounded(value: float, decimals: int = _SHARE_DECIMALS) -> float:
    return round(float(value), decimals) + 0.0  # + 0.0 turns -0.0, which would print differently, into 0.0


def share(value: float) -> float:
    """A share from 0 to 1. Vectors are stored as float16, so nearly equal images can come out slightly above 1."""
    return 1.0 if 1 < value < 1 + _ROUNDING else _rounded(value)


def _plain(value: Any) -> Any:
    """Mappings as dicts with sorted text keys and sequences as lists, so that the bytes do not depend on the caller."""
    if isinstance(value, Mapping):
        mapping = {str(name): inner for name, inner in cast("Mapping[Any, Any]", value).items()}
        return {name: _plain(mapping[name]) for name in sorted(mapping)}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in cast("Sequence[Any]", value)]
    return value if value is None or isinstance(value, (str, bool, int, float)) else str(value)
