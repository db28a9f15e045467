"""duplicates.json: groups of copies of the same picture, and which image to keep.

What belongs here: the document and its checks. Not here: finding duplicates (`stages/duplicates/groups.py`), the
section of the review page (`page.py`). Why it is not a part of clusters.json: docs/duplicates.md.
"""

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

from pipeline.errors import PublishRefusedError
from pipeline.stages.published.canonical import content_digest
from pipeline.stages.published.document import country_code

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator

SCHEMA_VERSION = 1
FILE = "duplicates.json"
DUPLICATES_SCHEMA = "duplicates.schema.json"
LEVELS = ("exact", "near", "similar")


def build_duplicates(
    category: str, rows: Iterable[Mapping[str, Any]], settings: Mapping[str, Any], *, generated_at: str
) -> dict[str, Any]:
    """The document of one category.

    `rows` have group, level, kept, key, country, identifier, width, height, bytes, hamming, distance, reason. The rows
    of a group are consecutive, its kept image first. `generated_at` is an RFC 3339 time.
    """
    groups: dict[str, dict[str, Any]] = {}
    names = ("country", "identifier", "key", "kept", "reason", "width", "height", "bytes", "distance", "hamming")
    for row in rows:
        group = groups.setdefault(row["group"], {"id": row["group"], "level": row["level"], "images": []})
        image = {name: row[name] for name in names}
        group["images"].append(image | {"country": country_code(row["country"])})
    made = list(groups.values())
    gone = [image for group in made for image in group["images"] if not image["kept"]]
    return {
        "schemaVersion": SCHEMA_VERSION,
        "category": category,
        "generatedAt": generated_at,
        "settings": dict(settings),
        "summary": {
            **{level: _count([group for group in made if group["level"] == level]) for level in LEVELS},
            "proposedToGo": len(gone),
            "bytesSaved": sum(image["bytes"] or 0 for image in gone),
        },
        "groups": made,
    }


def validate_duplicates(document: Mapping[str, Any]) -> None:
    """Check the schema, the number of kept images per group, and that no image appears twice on one level.

    Raises `PublishRefusedError` with the first problems.
    """
    problems = [error.message[:200] for error in _validator().iter_errors(document)]
    if not problems:
        problems = [
            f"group {group['id']} keeps {kept} of {len(group['images'])} images"
            for group in document["groups"]
            if (kept := sum(image["kept"] for image in group["images"]))
            != (len(group["images"]) if group["level"] == "similar" else 1)
        ]
        seen = [(group["level"], image["key"]) for group in document["groups"] for image in group["images"]]
        problems += [f"{len(seen) - len(set(seen))} images are in two groups of one level"] * (
            len(seen) != len(set(seen))
        )
    if problems:
        raise PublishRefusedError(
            f"duplicates.json of {document.get('category')!r} is not published: {'; '.join(problems[:5])}. "
            "What is published stays in place. Run the stages of this category again; if it happens again, report it."
        )


def digest_with(digest: str, document: Mapping[str, Any] | None, own: str | None = None) -> str:
    """The digest of a set of documents whose clusters.json has `digest`; `digest` itself without duplicates.

    `own` is the digest of `document`, if it is known.
    """
    if not document or not document["groups"]:
        return digest
    return hashlib.sha256(f"{digest} {own or content_digest(document)}".encode()).hexdigest()


def schema_bytes() -> bytes:
    """The text of the schema as it is published."""
    return resources.files("pipeline.stages.published").joinpath(DUPLICATES_SCHEMA).read_bytes()


@functools.cache
def _validator() -> "Draft202012Validator":
    from jsonschema_rs import Draft202012Validator

    return Draft202012Validator(json.loads(schema_bytes()))


def _count(groups: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return {"groups": len(groups), "images": sum(len(group["images"]) for group in groups)}
