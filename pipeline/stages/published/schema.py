"""Validation of published documents: the two JSON Schemas, and checks that a schema cannot express.

What belongs here: loading the schemas (clusters.schema.json, changes.schema.json, published beside the documents) and
refusing a document that breaks them. Not here: making documents (`document.py`, `changes.py`).
"""

import functools
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any, cast

from pipeline.errors import PublishRefusedError
from pipeline.stages.published.entries import count_entries, image_name
from pipeline.stages.published.families import family_problems

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator

CLUSTERS_SCHEMA = "clusters.schema.json"
CHANGES_SCHEMA = "changes.schema.json"

_MAX_REPORTED = 20
_MAX_CHARACTERS = 200  # the message quotes the offending value, which may be the whole list of clusters


def schema_bytes(name: str) -> bytes:
    """The text of a schema as it is published; `name` is `CLUSTERS_SCHEMA` or `CHANGES_SCHEMA`."""
    return resources.files("pipeline.stages.published").joinpath(name).read_bytes()


def validate(document: Mapping[str, Any]) -> None:
    """Check clusters.json: its schema, its counts, and that every key and id in it exists exactly once.

    Raises `PublishRefusedError` listing what is wrong, with numbers.
    """
    problems = list(_schema_problems(CLUSTERS_SCHEMA, document))
    if not problems:  # the checks below need a document that follows the schema
        problems = [*_count_problems(document), *_key_problems(document), *_cluster_problems(document)]
        problems += [*_index_problems(document), *family_problems(document)]
    _refuse("clusters.json", document, problems)


def validate_changes(changes: Mapping[str, Any]) -> None:
    """Check changes.json: its schema, and that its summary counts its clusters. Raises `PublishRefusedError`."""
    problems = list(_schema_problems(CHANGES_SCHEMA, changes))
    if not problems:
        fates = Counter(cluster["fate"] for cluster in changes["clusters"])
        for fate, count in changes["summary"].items():
            if not fate.startswith("images") and fates[fate] != count:
                problems.append(f"summary.{fate} is {count}, but {fates[fate]} clusters have that fate")
    _refuse("changes.json", changes, problems)


@functools.cache
def _validator(name: str) -> "Draft202012Validator":
    from jsonschema_rs import Draft202012Validator

    return Draft202012Validator(json.loads(schema_bytes(name)))


def _schema_problems(name: str, document: Mapping[str, Any]) -> Iterator[str]:
    for error in _validator(name).iter_errors(document):
        message = _not_finite(document, error.instance_path) or error.message
        cut = "..." if len(message) > _MAX_CHARACTERS else ""
        yield f"{_path(error.instance_path)}: {message[:_MAX_CHARACTERS]}{cut}"


def _not_finite(document: Any, path: Iterable[str | int]) -> str:
    """The problem text for a number that JSON cannot represent (the validator sees null); empty for others."""
    for part in path:
        document = document[part]
    return f"{document} is not a finite number" if isinstance(document, float) and not math.isfinite(document) else ""


def _path(parts: Any) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.removeprefix(".") or "document"


def _count_problems(document: Mapping[str, Any]) -> Iterator[str]:
    summary = cast("dict[str, Any]", document["summary"])
    actual = count_entries(document)
    for name, number in actual.items():
        if summary.get(name) != number:
            yield f"summary.{name} is {summary.get(name)}, but the document holds {number}"
    parts = [actual["clustered"], actual["unclustered"], actual["rejected"]]
    if summary["images"] != sum(parts):
        clustered, unclustered, rejected = parts
        yield (
            f"{summary['images']} images came in, but {clustered} clustered + {unclustered} unclustered + "
            f"{rejected} rejected = {sum(parts)} came out"
        )


def _key_problems(document: Mapping[str, Any]) -> Iterator[str]:
    keys = Counter(image_name(image) for cluster in document["clusters"] for image in cluster["images"])
    keys.update(map(image_name, document["unclustered"]))
    keys.update(map(image_name, document["rejected"]))
    for key, count in keys.items():
        if count > 1:
            yield f"the image {key!r} stands in the document {count} times"
    ids = {cluster["id"] for cluster in document["clusters"]}
    words = [word for cluster in document["clusters"] for word in (cluster["slug"], *cluster["aliases"])]
    for field, values in (("id", [cluster["id"] for cluster in document["clusters"]]), ("slug or alias", words)):
        for value, count in Counter(values).items():
            if count > 1:
                yield f"{count} clusters have the {field} {value!r}"
    for image in document["unclustered"]:
        nearest = image["nearestCluster"]
        if nearest is not None and nearest not in ids:
            yield f"unclustered image {image['key']!r} names the cluster {nearest!r}, which is not in the document"


def _cluster_problems(document: Mapping[str, Any]) -> Iterator[str]:
    dimension = document["model"].get("dimension")
    for cluster in document["clusters"]:
        name, images = f"cluster {cluster['id']}", cast("list[dict[str, Any]]", cluster["images"])
        if cluster["size"] != len(images):
            yield f"{name} says size {cluster['size']}, but has {len(images)} images"
        if cluster["representativeImage"] != cluster["representatives"][0]:
            yield f"{name} has a representativeImage that is not the first of its representatives"
        members = set(map(image_name, images))
        strangers = [image for image in map(image_name, cluster["representatives"]) if image not in members]
        if strangers:
            yield f"{name} has {len(strangers)} representatives that are not its images, first {strangers[0]!r}"
        counted = {country["code"]: len(country["images"]) for country in cluster["countries"]}
        places = {image["key"]: image["country"] for image in images}
        real = Counter(country for country in places.values() if country is not None)
        if counted != real or len(counted) != len(cluster["countries"]):
            yield f"{name} lists countries {counted}, but its images are from {dict(real)}"
        centroid = cast("list[float]", cluster.get("centroid", []))
        if centroid and dimension is not None and len(centroid) != dimension:
            yield f"{name} has a centroid of {len(centroid)} numbers, but the encoder gives {dimension}"


def _index_problems(document: Mapping[str, Any]) -> Iterator[str]:
    """Problems: entries in which the index and the clusters disagree."""
    real = {
        (cluster["id"], country["code"], len(country["images"]))
        for cluster in document["clusters"] if cluster["status"] == "active" for country in cluster["countries"]
    }  # fmt: skip
    index = document["index"]
    types = {(id_, entry["country"], entry["images"]) for id_, part in index["types"].items() for entry in part}
    countries = {
        (entry["cluster"], code, entry["images"]) for code, part in index["countries"].items() for entry in part
    }
    for name, listed in (("types", types), ("countries", countries)):
        odd = sorted(listed ^ real)
        if odd:
            yield f"index.{name} and the clusters' countries differ in {len(odd)} entries, first {odd[0]}"


def _refuse(name: str, document: Mapping[str, Any], problems: list[str]) -> None:
    if not problems:
        return
    shown = "\n".join(f"  - {problem}" for problem in problems[:_MAX_REPORTED])
    rest = f"\n  and {len(problems) - _MAX_REPORTED} more" if len(problems) > _MAX_REPORTED else ""
    raise PublishRefusedError(
        f"{name} of {document.get('category')!r} is not published: {len(problems)} problems.\n{shown}{rest}\n"
        "What is published stays in place. Run the stages of this category again; if it happens again, report it."
    )
